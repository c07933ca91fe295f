"""What `analyse` says of the statements that people and drivers send."""

from __future__ import annotations

import pytest

from wrangler_py.sql.analyse import SessionEffect, analyse

E = SessionEffect


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("SELECT 1", "select"),
        ("TABLE t", "select"),
        ("VALUES (1), (2)", "values"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "select"),
        ("INSERT INTO t VALUES (1)", "insert"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "insert"),
        ("UPDATE t SET a = 1", "update"),
        ("DELETE FROM t", "delete"),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "merge"),
        ("COPY t FROM STDIN", "copy"),
        ("EXPLAIN SELECT 1", "explain"),
        ("SHOW ALL", "show"),
        ("BEGIN", "begin"),
        ("START TRANSACTION READ ONLY", "begin"),
        ("COMMIT", "commit"),
        ("END", "commit"),
        ("ROLLBACK", "rollback"),
        ("ABORT", "rollback"),
        ("SAVEPOINT a", "savepoint"),
        ("RELEASE a", "release"),
        ("ROLLBACK TO a", "rollback_to"),
        ("PREPARE TRANSACTION 'a'", "prepare_transaction"),
        ("COMMIT PREPARED 'a'", "commit_prepared"),
        ("DECLARE c CURSOR FOR SELECT 1", "declare"),
        ("FETCH 10 FROM c", "fetch"),
        ("MOVE 10 IN c", "move"),
        ("CLOSE c", "close"),
        ("SET a = 1", "set"),
        ("SET a TO DEFAULT", "set"),
        ("RESET a", "reset"),
        ("CREATE TABLE t (a int)", "create_table"),
        ("CREATE TABLE t AS SELECT 1", "create_table_as"),
        ("CREATE INDEX ON t (a)", "create_index"),
        ("CREATE POLICY p ON t", "create_policy"),
        ("ALTER TABLE t ADD a int", "alter_table"),
        ("DROP TABLE t", "drop"),
        ("VACUUM t", "vacuum"),
        ("ANALYZE t", "analyze"),
        ("BEGIN; SELECT 1; COMMIT", "begin select commit"),
        ("SELECT 1;;", "select"),
        ("", ""),
        (" ; -- nothing", ""),
    ],
)
def test_kind(sql: str, kinds: str) -> None:
    facts = analyse(sql)
    assert facts.parse_error is None
    assert " ".join(facts.kinds) == kinds


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1", None),
        ("SELECT 1; SELECT 2", None),
        ("WITH a AS (SELECT 1) SELECT * FROM a UNION TABLE b", None),
        ("VALUES (1)", None),
        ("SELECT 1 FROM t FOR UPDATE", "locks rows (FOR UPDATE)"),
        ("SELECT * FROM (SELECT 1 FROM t FOR KEY SHARE) s", "locks rows (FOR KEY SHARE)"),
        ("SELECT 1 INTO t", "creates a table (SELECT INTO)"),
        ("SELECT 1 INTO t UNION SELECT 2", "creates a table (SELECT INTO)"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "writes (DELETE)"),
        ("WITH a AS (MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING 1) TABLE a", "writes (MERGE)"),
        ("INSERT INTO t SELECT 1", "writes (INSERT)"),
        ("EXPLAIN SELECT 1", "is not a query"),
        ("SHOW timezone", "is not a query"),
        ("DECLARE c CURSOR FOR SELECT 1", "is not a query"),
    ],
)
def test_read_only(sql: str, reason: str | None) -> None:
    facts = analyse(sql)
    assert facts.read_only == (reason is None)
    assert facts.statements[0].why_not_read_only == reason


def test_nothing_is_not_read_only() -> None:
    assert not analyse("").read_only
    assert not analyse("selec").read_only


@pytest.mark.parametrize(
    ("sql", "read", "written"),
    [
        ("SELECT * FROM a, s.b JOIN LATERAL (SELECT 1 FROM c) x ON true WHERE EXISTS (TABLE d)", "a s.b c d", ""),
        ('SELECT * FROM Mixed, "Mixed", "Odd.Schema"."T""x"', 'mixed "Mixed" "Odd.Schema"."T""x"', ""),
        ("SELECT 1 FROM a FOR UPDATE OF a", "a", ""),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "", ""),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a, s.a", "a s.a", ""),
        ("WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a", "", ""),
        ("WITH b AS (TABLE a), a AS (SELECT 1) SELECT * FROM a, b", "a", ""),
        ("WITH RECURSIVE b AS (TABLE a), a AS (SELECT 1) SELECT * FROM a, b", "", ""),
        ("SELECT * FROM (WITH a AS (SELECT 1) TABLE a) x, a", "a", ""),
        ("(WITH a AS (SELECT 1) TABLE a) UNION TABLE a", "a", ""),
        ("INSERT INTO a SELECT * FROM b", "b", "a"),
        ("INSERT INTO a VALUES ((SELECT 1 FROM b)) ON CONFLICT DO UPDATE SET x = (SELECT 1 FROM c)", "b c", "a"),
        ("WITH w AS (INSERT INTO a TABLE b RETURNING *) UPDATE c SET x = 1 FROM w, d", "b d", "a c"),
        ("DELETE FROM a USING b WHERE x IN (TABLE c)", "b c", "a"),
        ("MERGE INTO a USING b ON true WHEN NOT MATCHED THEN INSERT VALUES ((SELECT 1 FROM c))", "b c", "a"),
        ("COPY a FROM STDIN", "", "a"),
        ("COPY a TO STDOUT", "a", ""),
        ("COPY (SELECT * FROM a) TO STDOUT", "a", ""),
        ("COPY (DELETE FROM a RETURNING *) TO STDOUT", "", "a"),
        ("TRUNCATE a, s.b", "", "a s.b"),
        ("REFRESH MATERIALIZED VIEW a", "", "a"),
        ("CREATE TABLE a AS TABLE b", "b", "a"),
        ("SELECT * INTO a FROM b", "b", "a"),
        ("CREATE VIEW a AS TABLE b", "", "a"),
        ("CREATE INDEX ON a (x)", "", ""),
        ("ALTER TABLE a ADD x int", "", "a"),
        ("ALTER TABLE s.a RENAME TO b", "", "s.a s.b"),
        ("ALTER TABLE a RENAME x TO y", "", "a"),
        ("ALTER TABLE a SET SCHEMA s", "", "a s.a"),
        ("DROP TABLE a, s.b", "", "a s.b"),
        ("CREATE SCHEMA s CREATE TABLE a (x int)", "", "a"),
        ("DECLARE c CURSOR FOR TABLE a", "a", ""),
        ("EXPLAIN DELETE FROM a", "", ""),
        ("EXPLAIN (ANALYZE off) DELETE FROM a", "", ""),
        ("EXPLAIN ANALYZE DELETE FROM a USING b", "b", "a"),
        ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM a", "", "a"),
        ("PREPARE p AS DELETE FROM a", "", ""),
        ("INSERT INTO a TABLE b; DELETE FROM c", "b", "a c"),
    ],
)
def test_tables(sql: str, read: str, written: str) -> None:
    facts = analyse(sql)
    assert facts.parse_error is None
    assert facts.tables_read == set(read.split())
    assert facts.tables_written == set(written.split())
    assert not facts.writes_unknown


@pytest.mark.parametrize(
    "sql",
    [
        "DO $$ BEGIN DELETE FROM a; END $$",
        "CALL p(1)",
        "EXECUTE p",
        "EXPLAIN ANALYZE EXECUTE p",
        "TRUNCATE a CASCADE",
        "DROP TABLE a CASCADE",
        "DROP SCHEMA s",
        "DROP OWNED BY r",
        "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
        "selec",
    ],
)
def test_writes_that_cannot_be_known(sql: str) -> None:
    assert analyse(sql).writes_unknown


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a int)",
        "CREATE TEMP TABLE t (a int)",
        "SELECT 1 INTO t",
        "ALTER TABLE t DROP a",
        "ALTER TYPE e ADD VALUE 'x'",
        "DROP TYPE e",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE INDEX ON t (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTENSION citext",
        "SELECT 1; DROP TABLE t",
    ],
)
def test_ddl_changes_the_schema(sql: str) -> None:
    assert analyse(sql).changes_schema


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "INSERT INTO t VALUES (1)", "TRUNCATE t", "GRANT SELECT ON t TO r", "VACUUM t", "SET a = 1"]
)
def test_what_leaves_the_schema(sql: str) -> None:
    assert not analyse(sql).changes_schema


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a int)",
        "SELECT 1 INTO t",
        "ALTER TABLE t DROP a",
        "ALTER TYPE e ADD VALUE 'x'",
        "DROP VIEW v",
        "COMMENT ON COLUMN t.a IS 'x'",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "GRANT SELECT ON t TO r",
        "GRANT r TO s",
        "REVOKE SELECT ON t FROM r",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r",
        "CREATE ROLE r",
        "ALTER ROLE r SET work_mem = '1MB'",
        "DROP ROLE r",
        "CREATE DATABASE d",
        "ALTER DATABASE d SET work_mem = '1MB'",
        "DROP DATABASE d",
        "REFRESH MATERIALIZED VIEW v",
        "REINDEX TABLE t",
        "ANALYZE t",
        "UPDATE pg_catalog.pg_class SET relname = 'x'",
        "UPDATE pg_class SET relname = 'x'",
        "SELECT 1; COMMENT ON TABLE t IS NULL",
    ],
)
def test_what_changes_the_catalogs(sql: str) -> None:
    assert analyse(sql).writes_catalogs


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1", "INSERT INTO t VALUES (1)", "UPDATE app.pg_stuff SET a = 1", "TRUNCATE t", "SET a = 1", "LOCK t"],
)
def test_what_leaves_the_catalogs(sql: str) -> None:
    assert not analyse(sql).writes_catalogs


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT 't'::regclass", "pg_catalog.pg_class"),
        ("SELECT CAST('int' AS regtype)", "pg_catalog.pg_type"),
        ("SELECT $1::pg_catalog.regproc", "pg_catalog.pg_proc"),
        ("SELECT ARRAY['a']::regrole[]", "pg_catalog.pg_roles"),
    ],
)
def test_a_cast_to_a_name_reads_its_catalog(sql: str, table: str) -> None:
    assert analyse(sql).tables_read == {table}


@pytest.mark.parametrize(
    ("sql", "effects"),
    [
        ("SELECT lower('A'), now()", E.NONE),
        ("SELECT current_user, user, current_role, current_schema, current_date, system_user", E.NONE),
        ("SELECT EXTRACT(year FROM a), a AT TIME ZONE 'UTC', a AT LOCAL, TRIM(b) FROM t", E.NONE),
        ("SELECT xmlelement(name a), json_object('a': 1), coalesce(1, 2), greatest(1, 2)", E.NONE),
        ("SET timezone = 'UTC'", E.SET),
        ("SET SESSION timezone = 'UTC'", E.SET),
        ("SET TIME ZONE 'UTC'", E.SET),
        ("SET ROLE r", E.SET),
        ("SET SESSION AUTHORIZATION r", E.SET),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", E.SET),
        ("SET LOCAL timezone = 'UTC'", E.SET_LOCAL),
        ("SET LOCAL timezone TO DEFAULT", E.SET_LOCAL),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", E.SET_LOCAL),
        ("SET TRANSACTION SNAPSHOT 'x'", E.SET_LOCAL),
        ("SET CONSTRAINTS ALL DEFERRED", E.SET_LOCAL),
        ("SET timezone TO DEFAULT", E.RESET),
        ("RESET timezone", E.RESET),
        ("RESET ALL", E.RESET),
        ("SELECT set_config('jit', 'off', true)", E.SET_LOCAL),
        ("SELECT set_config('jit', 'off', false)", E.SET_CONFIG),
        ("SELECT set_config('jit', 'off', $1)", E.SET_CONFIG),
        ("SELECT pg_catalog.set_config('jit', 'off', false) FROM t", E.SET_CONFIG),
        ("SELECT mine.set_config('jit', 'off', false)", E.UNKNOWN_FUNCTION),
        ("PREPARE p AS SELECT f()", E.PREPARE),
        ("EXECUTE p", E.EXECUTE),
        ("CREATE TABLE t AS EXECUTE p", E.EXECUTE),
        ("EXPLAIN EXECUTE p", E.NONE),
        ("DEALLOCATE p", E.DEALLOCATE),
        ("DISCARD PLANS", E.DISCARD),
        ("LISTEN a", E.LISTEN),
        ("UNLISTEN a", E.UNLISTEN),
        ("NOTIFY a, 'b'", E.NOTIFY),
        ("SELECT pg_notify('a', 'b')", E.NOTIFY),
        ("CREATE TEMP TABLE t (a int)", E.TEMP_TABLE),
        ("CREATE TABLE pg_temp.t (a int)", E.TEMP_TABLE),
        ("CREATE TEMP TABLE t ON COMMIT DELETE ROWS AS SELECT 1", E.TEMP_TABLE),
        ("CREATE TEMP TABLE t (a int) ON COMMIT DROP", E.TEMP_TABLE_UNTIL_COMMIT),
        ("CREATE TEMP VIEW v AS SELECT f()", E.TEMP_TABLE),
        ("CREATE TEMP SEQUENCE s", E.TEMP_TABLE),
        ("SELECT 1 INTO TEMP t", E.TEMP_TABLE),
        ("CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", E.TEMP_TABLE),
        ("CREATE TYPE pg_temp.e AS ENUM ('a')", E.TEMP_TABLE),
        ("DECLARE c CURSOR FOR SELECT 1", E.CURSOR),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", E.HOLD_CURSOR),
        ("SELECT pg_advisory_lock(1)", E.SESSION_LOCK),
        ("SELECT * FROM t WHERE pg_try_advisory_lock_shared(id)", E.SESSION_LOCK),
        ("SELECT pg_advisory_unlock(1)", E.SESSION_UNLOCK),
        ("SELECT pg_try_advisory_xact_lock(1)", E.XACT_LOCK),
        ("SELECT lastval(), currval('s')", E.SEQUENCE_STATE),
        ("SELECT setseed(0.5)", E.RANDOM_SEED),
        ("SELECT nextval('s'), setval('s', 1)", E.SEQUENCE_USE),
        ("SELECT app.dblink_connect('x')", E.UNKNOWN_FUNCTION | E.OUTLIVES_RESET),
        ("SELECT pg_backup_start('x')", E.OUTLIVES_RESET),
        ("SELECT table_to_xml('t', true, true, '')", E.CALL_OR_DO),
        ("SELECT pg_switch_wal()", E.UNPROVED_FUNCTION),
        ("SELECT random(), clock_timestamp(), gen_random_uuid()", E.NONE),
        ("LOAD 'auto_explain'", E.LOAD),
        ("DO $$ BEGIN END $$", E.CALL_OR_DO),
        ("CALL p()", E.CALL_OR_DO),
        ("SELECT f()", E.UNKNOWN_FUNCTION),
        ("SELECT * FROM s.f(1)", E.UNKNOWN_FUNCTION),
        ("INSERT INTO t VALUES (f())", E.UNKNOWN_FUNCTION),
        ("EXPLAIN SELECT f()", E.UNKNOWN_FUNCTION),
        ("EXPLAIN SELECT set_config('a', 'b', false)", E.NONE),
        ("EXPLAIN ANALYZE SELECT f()", E.UNKNOWN_FUNCTION),
        ("BEGIN", E.TRANSACTION_CONTROL),
        ("SAVEPOINT a", E.TRANSACTION_CONTROL),
        ("selec", E.UNKNOWN_SYNTAX),
        ("BEGIN; SET a = 1; LISTEN b", E.TRANSACTION_CONTROL | E.SET | E.LISTEN),
    ],
)
def test_session_effects(sql: str, effects: SessionEffect) -> None:
    assert analyse(sql).session_effects == effects


def test_statements_in_order() -> None:
    statements = analyse("BEGIN; SET LOCAL a.b = 1; SET c = 2; COMMIT").statements
    assert [statement.effects for statement in statements] == [
        E.TRANSACTION_CONTROL,
        E.SET_LOCAL,
        E.SET,
        E.TRANSACTION_CONTROL,
    ]
    assert [sorted(statement.settings) for statement in statements] == [[], ["a.b"], ["c"], []]


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SET TimeZone = 'UTC'", "timezone"),
        ('SET "My"."Var" = 1', "my.var"),
        ("RESET jit", "jit"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "default_transaction_read_only"),
        ("SELECT set_config('JIT', 'off', false), set_config(name, '', true) FROM t", "jit"),
        ("RESET ALL", ""),
    ],
)
def test_settings(sql: str, settings: str) -> None:
    assert analyse(sql).settings == set(settings.split())


@pytest.mark.parametrize(
    ("sql", "is_cleanup"),
    [
        ("UNLISTEN *", True),
        ("SELECT pg_advisory_unlock_all()", True),
        ("SELECT pg_catalog.pg_advisory_unlock_all()", True),
        ("CLOSE ALL", True),
        ("RESET ALL", True),
        ("DEALLOCATE ALL", True),
        ("DEALLOCATE p", True),
        ("DISCARD ALL", True),
        ("SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;", True),
        ("UNLISTEN a", False),
        ("CLOSE c", False),
        ("RESET a", False),
        ("DISCARD TEMP", False),
        ("SELECT pg_advisory_unlock_all() FROM t", False),
        ("RESET ALL; SET a = 1", False),
        ("", False),
    ],
)
def test_cleanup(sql: str, is_cleanup: bool) -> None:
    assert analyse(sql).is_cleanup == is_cleanup


def test_deallocated_names() -> None:
    assert analyse("DEALLOCATE p").deallocated == "p"
    assert analyse("DEALLOCATE ALL").deallocated is None


def test_functions_with_the_types_that_the_text_shows() -> None:
    facts = analyse("SELECT now(), s.f(1, 'a', $1, x, $2::timestamptz, 1.5, true), \"Now\"() FROM t")
    assert facts.functions_called == {"now", "f", "Now"}
    assert facts.unknown_functions == {"f", "Now"}
    (call,) = [call for call in facts.statements[0].calls if call.name == "f"]
    assert str(call) == "s.f"
    assert call.argument_types == ("int4", "unknown", None, None, "timestamptz", "numeric", "bool")


@pytest.mark.parametrize(
    ("sql", "error", "position"),
    [
        ("selec 1", 'syntax error at or near "selec"', 0),
        ("SELECT 'é', fro m m", 'syntax error at or near "m"', 18),
        ("SELECT 'abc", 'unterminated quoted string at or near "\'abc"', 7),
        ("SELECT 1; SELEC", 'syntax error at or near "SELEC"', 10),
        ("SELECT 1 +", "syntax error at end of input", 10),
        ("SELECT 1 \0", "SQL can't contain a NUL byte", 9),
    ],
)
def test_parse_error(sql: str, error: str, position: int) -> None:
    facts = analyse(sql)
    assert (facts.parse_error, facts.error_position) == (error, position)
    assert facts.statements == ()
