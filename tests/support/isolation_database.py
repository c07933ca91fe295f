"""A database in which a client's settings can be changed by anything that PostgreSQL runs, asked for or not."""

from __future__ import annotations

from typing import NamedTuple

from support.postgres_server import PostgresServer

TENANT = "isolation_tenant"


class Setting(NamedTuple):
    """A setting on which the meaning of `read` depends."""

    name: str
    changed: str
    neutral: str
    read: str
    answer: bytes
    """Under what the database says."""
    other_answer: bytes
    """Under `changed`."""


SETTINGS = [
    Setting("TimeZone", "Asia/Tokyo", "UTC", "SELECT id FROM happenings WHERE at = '2024-01-01 00:00'", b"1", b"2"),
    Setting(
        "DateStyle", "SQL, DMY", "ISO, MDY", "SELECT date '02/03/2024' - date '2024-02-03' AS days", b"0", b"28"
    ),
    Setting(
        "IntervalStyle",
        "sql_standard",
        "postgres",
        "SELECT extract(hour FROM interval '-1 2:00:00')::int AS hours",
        b"2",
        b"-2",
    ),
    Setting("standard_conforming_strings", "off", "on", r"SELECT length('a\\n') AS length", b"4", b"3"),
    Setting("search_path", "other", "public", "SELECT place FROM whereabouts", b"public", b"other"),
    Setting("role", TENANT, "none", "SELECT current_user::text AS who", b"app", TENANT.encode()),
]
"""Most of them decide how a server reads constants when it parses a text, so that its plan has them."""

CHANGES = {
    "a function": "SELECT change()",
    "a function that gets the names": "SELECT change_to('{name}', '{changed}')",
    "set_config": "SELECT set_config('{name}', '{changed}', true)",
    "SET LOCAL": "SET LOCAL {name} = {quoted}",
    "a trigger": "INSERT INTO with_trigger VALUES (1)",
    "a view": "SELECT * FROM with_function",
    "a policy": "SELECT * FROM with_policy",
    "a default": "INSERT INTO with_default DEFAULT VALUES",
    "a domain": "SELECT 'x'::with_check",
    "an operator": "SELECT 1 ### 2",
    "CALL": "CALL change_by_procedure()",
    "DO": "DO $$BEGIN PERFORM change(); END$$",
    "dynamic SQL": "DO $$BEGIN EXECUTE 'SET LOCAL {name} = ' || $q${quoted}$q$; END$$",
}
"""What changes a setting for the rest of a transaction, by what the table `wanted` has."""


def create_database(postgres: PostgresServer, name: str) -> None:
    postgres.execute(
        f"DO $$BEGIN CREATE ROLE {TENANT}; EXCEPTION WHEN duplicate_object THEN NULL; END$$; GRANT {TENANT} TO app"
    )
    postgres.execute(f"CREATE DATABASE {name} OWNER app")
    postgres.execute(f"ALTER DATABASE {name} SET TimeZone = 'UTC'")
    postgres.execute(f"ALTER DATABASE {name} SET search_path = public")
    postgres.execute(f"ALTER DATABASE {name} SET escape_string_warning = off")
    postgres.execute(
        """
        CREATE SCHEMA other;
        CREATE TABLE happenings (id int, at timestamptz);
        INSERT INTO happenings VALUES (1, '2024-01-01 00:00+00'), (2, '2023-12-31 15:00+00');
        CREATE TABLE whereabouts AS SELECT 'public'::text AS place;
        CREATE TABLE other.whereabouts AS SELECT 'other'::text AS place;

        CREATE TABLE wanted (name text, value text);
        CREATE FUNCTION change() RETURNS text LANGUAGE plpgsql AS $$
            DECLARE found text;
            BEGIN SELECT set_config(name, value, true) INTO found FROM public.wanted; RETURN found; END$$;
        CREATE FUNCTION change_to(text, text) RETURNS text LANGUAGE sql AS $$SELECT set_config($1, $2, true)$$;
        CREATE PROCEDURE change_by_procedure() LANGUAGE plpgsql AS $$BEGIN PERFORM public.change(); END$$;
        CREATE FUNCTION change_by_trigger() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN PERFORM public.change(); RETURN NEW; END$$;
        CREATE TABLE with_trigger (a int);
        CREATE TRIGGER changes BEFORE INSERT ON with_trigger FOR EACH ROW EXECUTE FUNCTION change_by_trigger();
        CREATE VIEW with_function AS SELECT change();
        CREATE TABLE with_policy AS SELECT 1 AS a;
        ALTER TABLE with_policy ENABLE ROW LEVEL SECURITY;
        CREATE POLICY changes ON with_policy USING (change() IS NOT NULL);
        CREATE TABLE with_default (a int, b text DEFAULT change());
        CREATE DOMAIN with_check AS text CHECK (change() IS NOT NULL);
        CREATE FUNCTION change_by_operator(int, int) RETURNS text LANGUAGE sql AS $$SELECT public.change()$$;
        CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = change_by_operator);
        GRANT USAGE ON SCHEMA other, public TO PUBLIC;
        GRANT ALL ON ALL TABLES IN SCHEMA public, other TO PUBLIC;
        GRANT CREATE ON SCHEMA public TO app;
        """,
        database=name,
    )


def want(postgres: PostgresServer, database: str, setting: Setting) -> None:
    """What is stored in the database changes `setting` from now on."""
    postgres.execute(
        f"TRUNCATE wanted; INSERT INTO wanted VALUES ('{setting.name}', '{setting.changed}')", database=database
    )
