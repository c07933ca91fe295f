"""Facts about a SQL text, as data."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class SessionEffect(enum.Flag):
    """What a statement does to, or wants from, the session it runs in.

    These are facts of the text. Whether one matters, and if so only outside a transaction block, is for
    whoever runs the statement to decide.
    """

    NONE = 0
    SET = enum.auto()
    """SET, also of ROLE, SESSION AUTHORIZATION and SESSION CHARACTERISTICS: outlives the transaction."""
    RESET = enum.auto()
    """RESET name, RESET ALL, SET name TO DEFAULT."""
    SET_LOCAL = enum.auto()
    """SET LOCAL, SET TRANSACTION, SET CONSTRAINTS and set_config(…, true): gone when the transaction ends."""
    SET_CONFIG = enum.auto()
    """set_config() whose third argument isn't the constant true, or an UPDATE of pg_settings."""
    UNNAMED_SETTING = enum.auto()
    """set_config() of a setting whose name isn't a constant."""
    CHANGES_STRINGS = enum.auto()
    """Changes the encoding, or what a backslash means, so that strings may end elsewhere than the parser thinks."""
    PREPARE = enum.auto()
    EXECUTE = enum.auto()
    DEALLOCATE = enum.auto()
    DISCARD = enum.auto()
    LISTEN = enum.auto()
    UNLISTEN = enum.auto()
    NOTIFY = enum.auto()
    """NOTIFY or pg_notify(). Delivered at commit; leaves nothing in the session."""
    TEMP_TABLE = enum.auto()
    """Makes a temporary object (table, view, sequence, function, type) that outlives the transaction."""
    TEMP_TABLE_UNTIL_COMMIT = enum.auto()
    """Makes a temporary table with ON COMMIT DROP."""
    CURSOR = enum.auto()
    """DECLARE without HOLD: needs a transaction block, and ends with it."""
    HOLD_CURSOR = enum.auto()
    """DECLARE … WITH HOLD: outlives the transaction."""
    SESSION_LOCK = enum.auto()
    """pg_advisory_lock() and its siblings: held until unlocked or the session ends."""
    SESSION_UNLOCK = enum.auto()
    """pg_advisory_unlock() or pg_advisory_unlock_shared(); pg_advisory_unlock_all() is a clean-up instead."""
    XACT_LOCK = enum.auto()
    """pg_advisory_xact_lock() and its siblings: held until the transaction ends."""
    SEQUENCE_STATE = enum.auto()
    """currval() or lastval(): reads what an earlier statement left in the same session."""
    SEQUENCE_USE = enum.auto()
    """nextval() or setval(): leaves a value for currval() and lastval()."""
    RANDOM_SEED = enum.auto()
    """setseed(), or SET seed."""
    LOAD = enum.auto()
    """LOAD of a library into the server process."""
    OUTLIVES_RESET = enum.auto()
    """Leaves something that no reset of the session removes: a temporary replication slot, a backup, a connection
    of dblink, a loaded library."""
    UNPROVED_FUNCTION = enum.auto()
    """Calls a function of PostgreSQL's own that is VOLATILE and not known to leave the session as it was."""
    CALL_OR_DO = enum.auto()
    """CALL or DO, or a function that runs SQL given as text: may do anything."""
    UNKNOWN_FUNCTION = enum.auto()
    """Calls a function that isn't PostgreSQL's own: may do anything that a function can."""
    UNKNOWN_SYNTAX = enum.auto()
    """The parser refuses the text. A server that accepts it is newer than the parser, and may do anything."""
    TRANSACTION_CONTROL = enum.auto()
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT and the like."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function, once for every distinct (schema, name, argument types) of a statement.

    `name` is lower-cased by the parser unless it was quoted. `argument_types` has a type name of pg_type
    (`timestamptz`, `int4`, `unknown` for a string literal) where the text shows it, else None.
    `syntax` is true for what has a grammar of its own, such as `EXTRACT(… FROM …)`, `AT TIME ZONE` or
    `CURRENT_DATE`. `location` is the byte offset in the UTF-8 text.
    """

    schema: str | None
    name: str
    argument_types: tuple[str | None, ...]
    syntax: bool
    location: int

    @property
    def builtin(self) -> bool:
        """Whether PostgreSQL itself has a function of this name, and no other schema is asked for."""
        from wrangler_py.sql.postgres_functions import BUILTIN

        return self.syntax or (self.schema in (None, "pg_catalog", "information_schema") and self.name in BUILTIN)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """One statement. Names of tables: see `wrangler_py.sql.tables`."""

    kind: str
    """What it is, in lower case: `select`, `values`, `insert`, `set`, `begin`, `create_table`, …"""
    why_not_read_only: str | None
    """None for a query (SELECT, VALUES, TABLE, WITH) that only reads; else what it does instead."""
    tables_read: frozenset[str] = frozenset()
    tables_written: frozenset[str] = frozenset()
    writes_unknown: bool = False
    """It may write tables that the text doesn't name. Calls of unknown functions are not counted here:
    whether they write depends on their volatility (see `SQLFacts.unknown_functions`)."""
    changes_schema: bool = False
    """DDL: plans, columns or types of prepared statements may be different after it."""
    writes_catalogs: bool = False
    """It changes what `pg_catalog` or `information_schema` says: DDL, and COMMENT, GRANT, ANALYZE, …."""
    effects: SessionEffect = SessionEffect.NONE
    settings: frozenset[str] = frozenset()
    """Lower-case names of the settings it sets or resets, here or in what it defines, as far as the text names
    them."""
    target: str | None = None
    """The prepared statement, channel, cursor, savepoint or DISCARD target; None also for ALL and `*`."""
    databases: frozenset[str] = frozenset()
    """Databases that nobody else may be connected to while it runs."""
    drops_databases: frozenset[str] = frozenset()
    """Databases that are gone after it, under this name."""
    chains: bool = False
    """It ends a transaction with AND CHAIN: the next one begins at once."""
    is_cleanup: bool = False
    """What drivers send to clean a session: UNLISTEN *, pg_advisory_unlock_all(), CLOSE ALL, RESET ALL,
    DEALLOCATE, DISCARD ALL."""
    calls: tuple[FunctionCall, ...] = ()

    @property
    def read_only(self) -> bool:
        return self.why_not_read_only is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLFacts:
    """One text: its statements in order, and over them the union."""

    statements: tuple[StatementFacts, ...]
    parse_error: str | None = None
    error_position: int | None = None
    """Where the parser stopped: an index into the text."""
    kinds: tuple[str, ...] = ()
    read_only: bool = False
    """There is a statement, and every one is a query that only reads."""
    tables_read: frozenset[str] = frozenset()
    tables_written: frozenset[str] = frozenset()
    writes_unknown: bool = False
    changes_schema: bool = False
    writes_catalogs: bool = False
    session_effects: SessionEffect = SessionEffect.NONE
    settings: frozenset[str] = frozenset()
    is_cleanup: bool = False
    """There is a statement, and every one is a clean-up."""
    functions_called: frozenset[str] = frozenset()
    """Unqualified names."""
    unknown_functions: frozenset[str] = frozenset()
    """Unqualified names of those that aren't PostgreSQL's own."""

    @property
    def deallocated(self) -> str | None:
        """The one prepared statement that a DEALLOCATE names; None if there is none or all are meant."""
        return next((s.target for s in self.statements if s.kind == "deallocate"), None)
