"""What the random conversations of `support.differential` are made of: SQL, and the messages that run it."""

from __future__ import annotations

import itertools
import random
from typing import NamedTuple

from support.isolation_database import SETTINGS, TENANT
from support.raw_client import (
    FLUSH,
    SYNC,
    bind,
    close,
    copy_data,
    copy_done,
    describe,
    execute,
    function_call,
    parse,
    query,
)

CLIENTS = 3
SET_CONFIG, NEXTVAL = 2078, 1574
"""OIDs of functions."""
VOLATILE = "clock_timestamp() IS NOT NULL"
"""Where a text has it, no answer to it is stored."""

SCHEMA = f"""
    CREATE TABLE guarded AS SELECT tenant, value FROM (VALUES ('a', 'of a'), ('a', 'of a, too'), ('b', 'of b'))
        AS rows (tenant, value);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY theirs ON guarded TO {TENANT} USING (tenant = current_setting('some.tenant', true));
    CREATE POLICY everything ON guarded TO app USING (true);
    CREATE VIEW mine AS SELECT value FROM guarded WHERE tenant = current_setting('some.tenant', true);
    CREATE SEQUENCE shared_numbers;
    CREATE FUNCTION reset_all() RETURNS text LANGUAGE plpgsql AS $$BEGIN RESET ALL; RETURN 'x'; END$$;
    CREATE FUNCTION pure(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
        AS $$BEGIN PERFORM public.change(); RETURN true; END$$;
    CREATE TABLE with_predicate (a int, v text);
    CREATE TABLE shaped AS SELECT 1 AS a;
    CREATE TYPE pair AS (a int);
    CREATE FUNCTION add(text, pair) RETURNS text LANGUAGE sql AS $$SELECT public.change()$$;
    CREATE AGGREGATE max(pair) (sfunc = add, stype = text, initcond = '');
""" + "".join(
    f"""
    CREATE TABLE own_{number} (id int GENERATED ALWAYS AS IDENTITY, x int);
    CREATE SEQUENCE numbers_{number};
    CREATE VIEW own_view_{number} AS SELECT 'first'::text AS v;
    CREATE FUNCTION own_function_{number}() RETURNS text LANGUAGE sql AS $$SELECT 'first'$$;
    ALTER TABLE own_{number} OWNER TO app;
    ALTER VIEW own_view_{number} OWNER TO app;
    ALTER FUNCTION own_function_{number}() OWNER TO app;
    """
    for number in range(CLIENTS)
)
GRANTS = """
    GRANT ALL ON ALL TABLES IN SCHEMA public, other TO PUBLIC;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
"""

CHANGE = (
    "CREATE OR REPLACE FUNCTION public.change() RETURNS text LANGUAGE plpgsql "
    "AS $$DECLARE found text; BEGIN {} END$$"
)
BODIES = {
    "harmless": "RETURN 'x';",
    "local": "SELECT set_config(name, value, true) INTO found FROM public.wanted; RETURN found;",
    "session": "SELECT set_config(name, value, false) INTO found FROM public.wanted; RETURN found;",
    "prepare": "EXECUTE 'PREPARE left_behind AS SELECT 1'; RETURN 'x';",
    "nextval": "RETURN nextval('public.shared_numbers')::text;",
    "setseed": "PERFORM setseed(0.42); RETURN 'x';",
    "temporary table": "CREATE TEMP TABLE IF NOT EXISTS left_behind (a int); RETURN 'x';",
    "lock": "RETURN pg_try_advisory_lock_shared(77)::text;",
    "reset": "RESET ALL; RESET ROLE; RETURN 'x';",
}

CALLERS = (
    "CREATE OR REPLACE FUNCTION public.change_by_trigger() RETURNS trigger LANGUAGE plpgsql "
    "AS $$BEGIN {perform} RETURN NEW; END$$;"
    "CREATE OR REPLACE FUNCTION public.pure(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql "
    "AS $$BEGIN {perform} RETURN true; END$$;"
    "CREATE OR REPLACE FUNCTION public.change_by_operator(int, int) RETURNS text LANGUAGE sql AS $$SELECT {call}$$;"
    "CREATE OR REPLACE FUNCTION public.add(text, public.pair) RETURNS text LANGUAGE sql AS $$SELECT {call}$$"
)
"""Functions that call change(), or do not: the proxy trusts none that calls another."""

ELSEWHERE = {
    "callers": (
        CALLERS.format(perform="", call="'x'::text"),
        CALLERS.format(perform="PERFORM public.change();", call="public.change()"),
    ),
    "a trigger": (
        "DROP TRIGGER IF EXISTS changes ON with_trigger",
        "CREATE TRIGGER changes BEFORE INSERT ON with_trigger FOR EACH ROW EXECUTE FUNCTION change_by_trigger()",
    ),
    "a policy": (
        "DROP POLICY IF EXISTS changes ON with_policy; CREATE POLICY changes ON with_policy USING (true)",
        "DROP POLICY IF EXISTS changes ON with_policy;"
        "CREATE POLICY changes ON with_policy USING (change() IS NOT NULL)",
    ),
    "a view": (
        "CREATE OR REPLACE VIEW with_function AS SELECT 'x'::text AS change",
        "CREATE OR REPLACE VIEW with_function AS SELECT change()",
    ),
    "a default": (
        "ALTER TABLE with_default ALTER b DROP DEFAULT",
        "ALTER TABLE with_default ALTER b SET DEFAULT change()",
    ),
    "an index": (
        "DROP INDEX IF EXISTS predicate",
        "DROP INDEX IF EXISTS predicate; CREATE INDEX predicate ON with_predicate (a) WHERE pure('x')",
    ),
}
"""What is made and unmade directly at the database."""

RESTART = (
    "TRUNCATE with_trigger, with_default, wanted; INSERT INTO wanted VALUES ('TimeZone', 'Asia/Tokyo');"
    "ALTER SEQUENCE shared_numbers RESTART;"
    + "".join(f"{off};" for off, _ in ELSEWHERE.values())
    + CHANGE.format(BODIES["harmless"])
    + ";"
    + "".join(
        f"TRUNCATE own_{number} RESTART IDENTITY; ALTER SEQUENCE numbers_{number} RESTART;"
        f"CREATE OR REPLACE VIEW own_view_{number} AS SELECT 'first'::text AS v;"
        f"CREATE OR REPLACE FUNCTION own_function_{number}() RETURNS text LANGUAGE sql AS $$SELECT 'first'$$;"
        for number in range(CLIENTS)
    )
)
"""Takes a database back to where each round begins."""

VALUES = {
    "TimeZone": ("Asia/Tokyo", "America/Lima", "UTC"),
    "DateStyle": ("SQL, DMY", "German", "ISO, MDY"),
    "IntervalStyle": ("sql_standard", "iso_8601", "postgres"),
    "standard_conforming_strings": ("off", "on"),
    "search_path": ("other", "other, public", "public"),
    "role": (TENANT, "none"),
    "some.tenant": ("a", "b", ""),
    "work_mem": ("5MB", "7MB"),
}

STARTUPS: list[dict[str, str]] = [
    {},
    {},
    {},
    {"TimeZone": "Asia/Tokyo"},
    {"role": TENANT, "some.tenant": "a"},
    {"search_path": "other, public"},
    {"some.tenant": "b"},
    {"DateStyle": "SQL, DMY", "work_mem": "5MB"},
    {"options": f"-c role={TENANT} -c IntervalStyle=sql_standard"},
]

SHAPES = [
    "ALTER TABLE shaped DROP COLUMN IF EXISTS b",
    "ALTER TABLE shaped ADD COLUMN IF NOT EXISTS b text DEFAULT 'x'",
]
SHAPED = f"SELECT *, {VOLATILE} FROM public.shaped"

READ_AT_PARSE = [setting.read for setting in SETTINGS]
"""What they mean is settled when they are prepared."""
READ_AT_EXECUTE = [
    "SELECT id, at::text FROM happenings ORDER BY id",
    "SELECT at FROM happenings ORDER BY id",
    "SELECT value FROM mine ORDER BY 1",
    "SELECT count(*) FROM guarded",
    "SELECT interval '26 hours'",
    "SELECT generate_series(1, 3)",
]
STATE = [
    "SELECT current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'), "
    "current_setting('search_path'), current_setting('work_mem'), current_user::text, current_setting('role'), "
    f"nullif(current_setting('some.tenant', true), ''), {VOLATILE}",
    "SHOW TimeZone",
    "SHOW search_path",
    "SELECT current_user, session_user",
    "SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
    f"SELECT to_regclass('pg_temp.left_behind') IS NULL, {VOLATILE}",
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    "SELECT random() = {seeded}",
]
SEQUENCE_STATE = ["SELECT lastval()", "SELECT currval('shared_numbers')", "SELECT currval('numbers_{k}')"]
RUN_BY_PARSE = f"SELECT '{{x}}'::with_check[], {VOLATILE}"
RUNS_CODE = [
    f"SELECT change(), {VOLATILE}",
    f"SELECT * FROM with_function WHERE {VOLATILE}",
    f"SELECT * FROM with_policy WHERE {VOLATILE}",
    "INSERT INTO with_trigger VALUES (1)",
    "INSERT INTO with_default DEFAULT VALUES",
    f"SELECT 'x'::with_check, {VOLATILE}",
    RUN_BY_PARSE,
    f"SELECT 1 ### 2, {VOLATILE}",
    f"SELECT max(row(1)::pair), {VOLATILE}",
    f"SELECT v FROM with_predicate WHERE a = 1 AND {VOLATILE}",
    "CALL change_by_procedure()",
    "DO $$BEGIN PERFORM change(); END$$",
    f"SELECT own_function_{{k}}(), {VOLATILE}",
]
OTHER_SESSION_CHANGES = [
    "RESET ALL",
    "RESET ROLE",
    "RESET TimeZone",
    "SET ROLE NONE",
    "SET TimeZone TO DEFAULT",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SELECT reset_all()",
    "SELECT setseed(0.42)",
    "SELECT nextval('numbers_{k}')",
    "SELECT setval('numbers_{k}', 40)",
    "INSERT INTO own_{k} (x) VALUES (7)",
    "INSERT INTO own_{k} (x) SELECT generate_series(1, 3) RETURNING id",
    "DO $$BEGIN EXECUTE 'SET work_mem = ''9MB'''; END$$",
    "DO $$BEGIN EXECUTE 'PREPARE left_behind AS SELECT 2'; END$$",
]
WRITES = [
    "UPDATE own_{k} SET x = x + 1",
    "DELETE FROM own_{k} WHERE x > 9",
    "COMMENT ON TABLE own_{k} IS 'so'",
    "CREATE OR REPLACE VIEW public.own_view_{k} AS SELECT 'n{n}'::text AS v",
    "CREATE OR REPLACE FUNCTION public.own_function_{k}() RETURNS text LANGUAGE sql AS $$SELECT 'n{n}'$$",
    "CREATE OR REPLACE FUNCTION public.own_function_{k}() RETURNS text LANGUAGE sql "
    "AS $$SELECT set_config('TimeZone', 'Asia/Tokyo', false)$$",
]
OWN_READS = [
    f"SELECT count(*), sum(x) FROM own_{{k}} WHERE {VOLATILE}",
    f"SELECT v FROM public.own_view_{{k}} WHERE {VOLATILE}",
]
ERRORS = ["SELECT 1/0", "SELECT nonsense", "SELECT * FROM nowhere", "nonsense", "SELECT 'x'::int"]


class Unit(NamedTuple):
    """Messages that are answered with one ReadyForQuery, in the parts in which they are sent.

    `changes`: it may change settings for the rest of its transaction; `session`: for longer than that, too.
    `loose`: its answers depend on when the proxy reads it, so that they aren't compared.
    """

    kind: str
    parts: list[bytes]
    text: str
    changes: bool = False
    session: bool = False
    loose: bool = False


class Subject:
    """What the clients of one round talk about: little of all there is, so that they get in each other's way."""

    def __init__(self, pick: random.Random) -> None:
        some = pick.sample(SETTINGS, k=2)
        self.settings = [setting.name for setting in some] + pick.sample(["some.tenant", "work_mem", "role"], k=1)
        self.at_parse = [setting.read for setting in some]
        self.at_execute = pick.sample(READ_AT_EXECUTE, k=2)
        self.states = [STATE[0], *pick.sample(STATE[1:], k=2)]
        self.writes, code, session_changes = WRITES, RUNS_CODE, OTHER_SESSION_CHANGES
        if pick.random() < 0.5:  # nothing that would have the proxy look at the catalog again
            self.writes = WRITES[:2]
            code = [sql for sql in code if not sql.startswith(("CALL", "DO"))]
            session_changes = [sql for sql in session_changes if not sql.startswith("DO")]
        self.code = pick.sample(code, k=3)
        self.session_changes = pick.sample(session_changes, k=4)
        self.bodies = pick.sample(list(BODIES), k=3)
        self.elsewhere = ["callers", *pick.sample(list(ELSEWHERE)[1:], k=3)]
        self.startups = pick.sample(STARTUPS, k=pick.choice((1, 1, 2, 3)))

    def wanted(self, pick: random.Random) -> str:
        name = pick.choice(self.settings)
        return f"UPDATE wanted SET name = '{name}', value = '{pick.choice(VALUES[name])}'"

    @property
    def reads(self) -> list[str]:
        return self.at_parse + self.at_execute


class Conversation:
    """What one client says: the next turn by `turn`, as far as is known of the state that it is in.

    A statement that was prepared under other settings than it is used under is not used again: at a server it
    keeps the meaning it had, and in a pool it may be prepared anew.
    """

    def __init__(self, number: int, pick: random.Random, subject: Subject, seeded: str) -> None:
        self.number = number
        self.dirty = False
        """Something has been changed in the transaction that is open for longer than that."""
        self._pick = pick
        self._subject = subject
        self._seeded = seeded
        self._numbers = itertools.count()
        self._epoch = 0
        """Grows with each change of settings in a transaction; 0 where nothing is changed."""
        self._epochs = itertools.count(1)
        self._names: dict[str, int | None] = {}
        """Those that statements have got, and when they may be used; None is always."""
        self._shaped: list[str] = []
        """Likewise, of those that give all columns of a table."""
        self._inside = False

    def turn(self, *, inside: bool, alone: bool) -> list[Unit]:
        """`inside`: a transaction is open. `alone`: not more than one, for others wait for this client."""
        self._inside = inside
        if not inside:
            self._ends()
        units: list[Unit] = []
        count = 1 if alone else self._pick.choice((1, 1, 1, 2, 3, 5))
        loose = False
        for _ in range(count):
            unit = self._loose_read() if loose else self._next(alone=alone)
            units.append(unit)
            if unit.session and not loose:
                self.dirty = True
            if self.dirty and not self._inside:
                loose = True
        return units

    def _ends(self) -> None:
        self._inside = self.dirty = False
        self._epoch = 0

    def _next(self, *, alone: bool) -> Unit:
        pick = self._pick
        choice = pick.random()
        if self._inside and choice < (0.5 if alone else 0.15):
            return self._end()
        if not self._inside and choice < 0.17:
            self._inside = True
            return self._control(pick.choice(["BEGIN", "BEGIN", "START TRANSACTION READ WRITE"]))
        if self._inside and choice < 0.2:
            self._epoch = next(self._epochs)
            return self._control(
                pick.choice(["SAVEPOINT a", "ROLLBACK TO a", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"])
            )
        if not self._inside and pick.random() < 0.3:
            return self._run("read", pick.choice(self._subject.reads))
        if pick.random() < 0.12:
            return self._rare()
        if choice < 0.45:
            return self._changing()
        if choice < 0.55:
            return self._named()
        if choice < 0.59:
            return self._run("error", pick.choice(ERRORS))
        if choice < 0.67:
            return self._run("write", self._fill(pick.choice(self._subject.writes)))
        if choice < 0.69:
            return self._group()
        if choice < 0.71:
            return self._several()
        if choice < 0.73:
            return self._run("sequence state", self._fill(pick.choice(SEQUENCE_STATE)))
        if choice < 0.82:
            return self._run("state", pick.choice(self._subject.states).replace("{seeded}", self._seeded))
        if choice < 0.86:
            return self._run("own read", self._fill(pick.choice(OWN_READS)))
        return self._run("read", pick.choice(self._subject.reads))

    def _end(self) -> Unit:
        unit = self._control(self._pick.choice(["COMMIT", "ROLLBACK"]))
        self._inside = False
        self._epoch = 0
        return unit

    def _control(self, sql: str) -> Unit:
        return self._run("transaction control", sql)

    def _changing(self) -> Unit:
        pick = self._pick
        session = pick.random() < 0.6
        name = pick.choice(self._subject.settings)
        value = pick.choice(VALUES[name])
        if not session:
            sql = pick.choice([f"SET LOCAL {name} = '{value}'", f"SELECT set_config('{name}', '{value}', true)"])
            kind = "local change"
        elif pick.random() < 0.5:
            sql, kind = self._fill(pick.choice(self._subject.code)), "code in the database"
        elif pick.random() < 0.5:
            sql, kind = self._fill(pick.choice(self._subject.session_changes)), "session change"
        else:
            sql = pick.choice([f"SET {name} = '{value}'", f"SELECT set_config('{name}', '{value}', false)"])
            kind = "session change"
        unit = self._run(kind, sql)
        if sql == RUN_BY_PARSE and pick.random() < 0.5:
            unit = Unit(kind, [parse(self._new_name(sql), sql) + SYNC], sql)
        unit = unit._replace(changes=True, session=session)
        return self._changed(unit)

    def _fill(self, sql: str) -> str:
        return sql.replace("{k}", str(self.number)).replace("{n}", str(self._pick.randrange(3)))

    def _run(self, kind: str, sql: str) -> Unit:
        """In any of the ways to run a text."""
        form = self._pick.randrange(8)
        if form <= 1:
            return Unit(kind, [query(sql)], sql)
        if form == 2:
            return Unit(kind, [parse("", sql) + bind() + execute() + SYNC], sql)
        if form == 3:
            return Unit(kind, [parse("", sql) + bind() + describe("P") + execute() + SYNC], sql)
        if form == 4:  # no Sync until a moment later
            return Unit(kind, [parse("", sql) + bind() + execute(), SYNC], sql)
        if form == 5:
            return Unit(kind, [parse("", sql) + FLUSH, bind() + execute() + FLUSH, SYNC], sql)
        name = self._new_name(sql)
        if form == 6:
            return Unit(kind, [parse(name, sql) + describe("S", name) + bind("", name) + execute() + SYNC], sql)
        return Unit(kind, [parse(name, sql) + bind("", name) + execute() + SYNC], sql)

    def _new_name(self, sql: str) -> str:
        name = f"s{next(self._numbers)}"
        if sql in READ_AT_EXECUTE or sql in STATE:
            self._names[name] = None
        elif sql in READ_AT_PARSE:
            self._names[name] = self._epoch
        return name

    def _named(self) -> Unit:
        """Something with a statement that was prepared before, or only prepares one."""
        pick = self._pick
        usable = [name for name, epoch in self._names.items() if epoch in (None, self._epoch)]
        choice = pick.random()
        if not usable or choice < 0.3:
            sql = pick.choice(self._subject.reads)
            name = self._new_name(sql)
            ahead = describe("S", name) if pick.random() < 0.5 else b""
            return Unit("prepare", [parse(name, sql) + ahead + SYNC], sql)
        name = pick.choice(usable)
        if choice < 0.4:
            del self._names[name]
            return Unit("close", [close("S", name) + SYNC], name)
        if choice < 0.45:
            return Unit("prepare", [parse(name, "SELECT 'taken'") + SYNC], name)
        ahead = describe("S", name) if choice < 0.5 else b""
        behind = describe("P") if pick.random() < 0.3 else b""
        return Unit("use", [ahead + bind("", name) + behind + execute() + SYNC], name)

    def _rare(self) -> Unit:
        pick = self._pick
        choice = pick.randrange(7)
        if choice == 0:
            sent = query("COPY with_trigger FROM STDIN") + copy_data(b"1\n") + copy_done()
            return self._changed(Unit("copy", [sent], "COPY with_trigger FROM STDIN", changes=True, session=True))
        if choice == 1:
            name = pick.choice(self._subject.settings)
            sent = function_call(SET_CONFIG, [name.encode(), VALUES[name][0].encode(), b"f"])
            text = f"function call: set_config {name} {VALUES[name][0]}"
            return self._changed(Unit("function call", [sent], text, changes=True, session=True))
        if choice == 2:
            sent = function_call(NEXTVAL, [f"numbers_{self.number}".encode()])
            return self._changed(
                Unit("function call", [sent], "function call: nextval", changes=True, session=True)
            )
        if choice == 3:
            self._names.clear()
            self._shaped.clear()
            sql = pick.choice(["DEALLOCATE ALL", "DEALLOCATE ALL", "DISCARD ALL"])
            return self._changed(self._run("deallocate", sql)._replace(changes=True, session=True))
        if choice == 4:
            usable = [name for name, epoch in self._names.items() if epoch in (None, self._epoch)]
            if usable and pick.random() < 0.6:
                name = pick.choice(usable)
                sent = bind("p", name) + execute("p", pick.randint(0, 2)) + SYNC
                return Unit("portal", [sent], f"portal of {name}")
            return Unit("portal", [execute("p", pick.randint(0, 2)) + SYNC], "rest of a portal")
        if self._shaped and choice == 5:
            name = pick.choice(self._shaped)
            return Unit("use of all columns", [bind("", name) + execute() + SYNC], name)
        name = f"all{next(self._numbers)}"
        self._shaped.append(name)
        return Unit("use of all columns", [parse(name, SHAPED) + describe("S", name) + SYNC], SHAPED)

    def _changed(self, unit: Unit) -> Unit:
        if self._inside:
            self._epoch = next(self._epochs)
        return unit

    def _group(self) -> Unit:
        """Several in front of one Sync."""
        pick = self._pick
        texts = pick.choices([*self._subject.reads, ERRORS[0]], k=pick.randint(2, 4))
        name = pick.choice(self._subject.settings)
        if pick.random() < 0.5:
            texts.insert(1, f"SELECT set_config('{name}', '{VALUES[name][0]}', true)")
        sent = b"".join(parse("", sql) + bind() + execute() for sql in texts) + SYNC
        return self._changed(Unit("group", [sent], "; ".join(texts), changes=True))

    def _several(self) -> Unit:
        """Several in one text."""
        pick = self._pick
        name = pick.choice(self._subject.settings)
        session = pick.random() < 0.4
        change = f"SELECT set_config('{name}', '{pick.choice(VALUES[name])}', {str(not session).lower()})"
        texts = [
            pick.choice(self._subject.reads),
            change,
            self._subject.states[0],
            pick.choice(self._subject.reads),
        ]
        if pick.random() < 0.2:
            texts[3] = ERRORS[0]
        if pick.random() < 0.3 and not self._inside:
            texts = ["BEGIN", *texts, "COMMIT"]
        if pick.random() < 0.3:
            texts += (
                ["SAVEPOINT b", change, "ROLLBACK TO b", self._subject.states[0]] if self._inside else ["SELECT 1"]
            )
        sql = "; ".join(texts)
        if self._inside:
            self._epoch = next(self._epochs)
        else:
            self._inside = "BEGIN" in texts and ERRORS[0] in texts  # whose COMMIT isn't reached
        return Unit("several in one text", [query(sql)], sql, changes=True, session=session)

    def _loose_read(self) -> Unit:
        """Read over a connection that may have been changed, or not: if it is, that's for nobody else."""
        sql = self._pick.choice(self._subject.at_parse + self._subject.reads)
        name = f"loose{next(self._numbers)}"
        sent = self._pick.choice(
            [
                query(sql),
                parse("", sql) + bind() + execute() + SYNC,
                parse(name, sql) + bind("", name) + execute() + SYNC,
            ]
        )
        return Unit("loose read", [sent], sql, loose=True)
