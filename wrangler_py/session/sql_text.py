"""What the proxy has to know of each distinct text of SQL: does it leave something behind in the session, can
transaction pooling carry it, does it change the schema.

PostgreSQL's own parser decides, and its answer is remembered. A text counts as leaving something behind unless
everything in it is known not to.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final, NamedTuple

from wrangler_py.cache.verdict import OVERSIZED_QUERY, Verdict, judge
from wrangler_py.session.lost_state import notes_on
from wrangler_py.session.settings import SessionSettings
from wrangler_py.sql.analyse import analyse
from wrangler_py.sql.clock_constants import may_have_clock_constant
from wrangler_py.sql.facts import SessionEffect as Effect
from wrangler_py.sql.facts import SQLFacts, StatementFacts
from wrangler_py.sql.plan_settings import leaves_plans
from wrangler_py.sql.unparsed_text import UnparsedText

MAX_TEXTS: Final = 5_000
"""Distinct texts remembered per pool; those that differ in numbers only count as one."""
MAX_TEXTS_BYTES: Final = 8_000_000
"""How long they may be in all."""
MAX_START_BYTES: Final = 1_000
"""How long the start of a text that ends in a number may be, for the text to be found by it."""
MAX_ANALYSED_BYTES: Final = 1_000_000
"""A longer text is not parsed: it is taken to leave the session dirty."""

TRANSACTION_LOCK_NOTE = (
    "A transaction-level advisory lock works here, but Hyperdrive refuses advisory locks of any kind."
)

_NUMBER = re.compile(rb"(?<![\w$\\\x80-\xff])\d+(?![\w$\x80-\xff])")
"""A number that is part of neither a name nor an escape."""
_ENDS_IN_NO_NAME = re.compile(rb"[^\w$\x80-\xff]\Z")
_END_IN_NUMBER: Final = b"0123456789;"


class Refusal(NamedTuple):
    """Why transaction pooling can't carry a text: the feature, and what to do instead."""

    feature: str
    hint: str
    in_transaction_too: bool

    @property
    def message(self) -> str:
        return f"Hyperdrive does not support {self.feature}"


class SQLText:
    """What distinct texts of SQL that differ in numbers only have in common.

    `dirties`: the session has to be reset before anyone uses the connection again. `outlives_reset`: no reset
    undoes what it leaves, so the connection is closed; `custom_settings` are settings with a dot in their
    names, which a reset sets to an empty string. `begins` and `ends`: the text leaves a transaction open, or
    ends one. `chains`: it ends one and begins another. `changes_settings`: for the transaction or longer, and
    among them some that plans may depend on. `changes_defaults`: it changes settings of sessions that begin
    later. `reads_clock`: it has a constant such as 'today', whose value is that of the moment when the text is
    prepared. `ends_failure`: a failed transaction goes on behind it, or is over. `may_begin`: it may begin one,
    for all that is known. `copies`: it may want COPY data. `deallocates`: the statement that it drops, b"" for
    all, None for none. `drops_statements`: it does so among other things, so that the origin does it.
    `runs_anything`: it may do anything, from preparing statements to DDL. `may_prepare`: it may prepare or drop
    statements. `needs_session`: what of it is lost, after its transaction, on any other connection.
    `is_ordinary`: none of all that, so that the proxy only has to pass it on. `runs_in_any_transaction`: it
    does the same, whatever its transaction has done before. `writes`: it may write tables, catalogs included.
    `runs_stored_code`: it may set off what runs on writes or DDL: triggers, defaults, checks, event triggers.
    `notes`: what people are told of several statements in one text. `databases`: those that nobody else may be
    connected to.
    """

    __slots__ = (
        "_sample", "_verdict", "begins", "chains", "changes_defaults", "changes_schema", "changes_settings",
        "copies",
        "custom_settings", "databases", "deallocates", "dirties", "discards_all", "drops_statements", "ends",
        "ends_failure", "facts", "is_ordinary", "may_begin", "may_prepare", "needs_session", "notes",
        "notifies", "outlives_reset",
        "prepares", "reads_clock", "refusal", "rolls_back", "runs_anything", "runs_in_any_transaction",
        "runs_stored_code", "sets_outside_transaction", "takes_transaction_lock", "transaction_control", "writes",
    )  # fmt: skip

    def __init__(self, sql: bytes, facts: SQLFacts | None = None) -> None:
        self._sample = sql
        self.facts = facts if facts is not None else analyse(sql.decode("utf-8", "surrogateescape"))
        self.dirties = False
        self.outlives_reset = False
        self.custom_settings: frozenset[str] = frozenset()
        self.changes_schema = False
        self.changes_settings = False
        self.reads_clock = may_have_clock_constant(sql)
        self.refusal: Refusal | None = None
        self.begins = False
        self.ends = False
        self.chains = False
        self.ends_failure = False
        self.may_begin = False
        self.copies = "copy" in self.facts.kinds
        self.changes_defaults = not _CHANGE_DEFAULTS.isdisjoint(self.facts.kinds)
        self.transaction_control = False
        self.deallocates: bytes | None = None
        self.discards_all = False
        self.sets_outside_transaction = False
        self.takes_transaction_lock = False
        self.rolls_back = False
        self.prepares = False
        self.drops_statements = False
        self.runs_anything = False
        self.may_prepare = False
        self.notifies = False
        self.needs_session: str | None = None
        self.notes: tuple[str, ...] = ()
        self.databases: frozenset[str] = frozenset()
        self._verdict: Verdict | None = None
        self._learn(self.facts)
        self.writes = bool(
            self.facts.tables_written
            or self.facts.writes_unknown
            or self.facts.writes_catalogs
            or self.facts.unknown_functions
        )
        self.runs_stored_code = self.writes or not _RUNS_NO_CODE.issuperset(self.facts.kinds)
        self.is_ordinary = self._has_no_effect()
        self.runs_in_any_transaction = self.is_ordinary and self.facts.kinds in _QUERIES

    def _has_no_effect(self) -> bool:
        return self.deallocates is None and not (
            self.dirties or self.changes_schema or self.refusal or self.begins or self.ends or self.may_begin
            or self.copies or self.transaction_control or self.sets_outside_transaction
            or self.takes_transaction_lock or self.prepares or self.notifies or self.changes_settings
            or self.needs_session or self.custom_settings or self.ends_failure or self.databases
            or self.changes_defaults
        )  # fmt: skip

    @classmethod
    def unparsed(cls, *, outlives_reset: bool = False) -> SQLText:
        """For what may be anything, such as texts that are too long to be parsed."""
        text = cls(b"", SQLFacts(statements=()))
        text.dirties = text.runs_anything = text.may_prepare = text.may_begin = True
        text.outlives_reset = outlives_reset
        text.is_ordinary = False
        text._verdict = OVERSIZED_QUERY
        return text

    @property
    def verdict(self) -> Verdict:
        """Whether the text may be cached."""
        if self._verdict is None:
            self._verdict = judge(self._sample.decode("utf-8", "surrogateescape"), self.facts)
        return self._verdict

    @property
    def candidate(self) -> bool:
        return self.verdict.status is None

    @property
    def tables_read(self) -> frozenset[str]:
        return self.facts.tables_read

    def _learn(self, facts: SQLFacts) -> None:
        effects = facts.session_effects
        if facts.is_cleanup and len(facts.statements) == 1 and effects & (Effect.DEALLOCATE | Effect.DISCARD):
            self.discards_all = bool(effects & Effect.DISCARD)
            self.deallocates = (facts.deallocated or "").encode("utf-8", "surrogateescape")
            return
        self.dirties = not facts.is_cleanup and bool(effects & _LEAVES_SOMETHING_BEHIND)
        self.outlives_reset = bool(effects & (Effect.OUTLIVES_RESET | Effect.LOAD | Effect.UNNAMED_SETTING))
        self.custom_settings = frozenset(name for name in facts.settings if "." in name)
        if effects & _CHANGE_SETTINGS:
            unknown = bool(effects & Effect.UNNAMED_SETTING)
            self.changes_settings = unknown or not all(map(leaves_plans, facts.settings))
        self.drops_statements = bool(effects & Effect.DEALLOCATE)
        self.dirties = self.dirties or self.drops_statements
        self.runs_anything = bool(effects & (Effect.CALL_OR_DO | Effect.UNKNOWN_SYNTAX))
        self.may_prepare = self.runs_anything or bool(effects & Effect.UNKNOWN_FUNCTION)
        self.may_begin = bool(effects & Effect.UNKNOWN_SYNTAX)
        if effects & Effect.CHANGES_STRINGS:
            self.dirties = self.may_prepare = True  # what comes behind it in the transaction may be read wrongly
        self.changes_schema = facts.changes_schema
        self.databases = frozenset().union(*(statement.databases for statement in facts.statements))
        self.prepares = bool(effects & Effect.PREPARE)
        self.notifies = bool(effects & Effect.NOTIFY)
        if not facts.is_cleanup:
            self.needs_session = next((what for effect, what in _NEED_A_SESSION if effects & effect), None)
        self.takes_transaction_lock = bool(effects & Effect.XACT_LOCK)
        self.transaction_control = bool(facts.statements) and all(
            statement.effects & Effect.TRANSACTION_CONTROL for statement in facts.statements
        )
        inside = False
        for statement in facts.statements:
            if statement.kind == "begin":
                self.begins, self.ends, self.chains, inside = True, False, False, True
            elif statement.kind in ("commit", "rollback", "prepare_transaction"):
                inside = inside and statement.chains
                self.begins, self.ends, self.chains = inside, not inside, statement.chains
                self.rolls_back = statement.kind == "rollback"
                self.ends_failure = True
            elif statement.kind == "rollback_to":
                self.ends_failure = True
            elif self.refusal is None:
                refusal = _refusal(statement, alone=len(facts.statements) == 1)
                if refusal is not None and (refusal.in_transaction_too or not inside):
                    self.refusal = refusal
        if len(facts.statements) > 1 and not facts.is_cleanup:
            self.notes = notes_on(facts.statements)
        self.sets_outside_transaction = (
            len(facts.statements) == 1 and not facts.is_cleanup and bool(effects & (Effect.SET | Effect.SET_CONFIG))
        )


_LEAVES_SOMETHING_BEHIND = (
    Effect.SET | Effect.RESET | Effect.SET_CONFIG | Effect.TEMP_TABLE | Effect.HOLD_CURSOR | Effect.LISTEN
    | Effect.SESSION_LOCK | Effect.CALL_OR_DO | Effect.UNKNOWN_FUNCTION | Effect.PREPARE | Effect.DISCARD
    | Effect.LOAD | Effect.UNKNOWN_SYNTAX | Effect.SEQUENCE_USE | Effect.RANDOM_SEED | Effect.OUTLIVES_RESET
    | Effect.UNPROVED_FUNCTION
)  # fmt: skip

_CHANGE_SETTINGS = Effect.SET | Effect.SET_LOCAL | Effect.SET_CONFIG

_CHANGE_DEFAULTS = frozenset({"alter_database_set", "alter_role_set"})

_QUERIES = frozenset((kind,) for kind in ("delete", "insert", "merge", "select", "update", "values"))
"""The kinds of a text that is one query: nothing that only the first statement of a transaction may do."""

_RUNS_NO_CODE = frozenset({
    "begin", "check_point", "close", "commit", "copy", "deallocate", "declare", "discard", "explain", "fetch",
    "listen", "lock", "move", "notify", "prepare", "prepare_transaction", "release", "reset", "rollback",
    "rollback_to", "savepoint", "select", "set", "set_constraints", "show", "unlisten", "values",
})  # fmt: skip
"""Kinds of statement that set off nothing that is stored, unless they write."""

_NEED_A_SESSION = (
    (Effect.PREPARE | Effect.EXECUTE, "SQL-level PREPARE"),
    (Effect.LISTEN, "LISTEN"),
    (Effect.SESSION_LOCK, "a session-level advisory lock"),
    (Effect.TEMP_TABLE, "a temporary table"),
    (Effect.HOLD_CURSOR, "a WITH HOLD cursor"),
    (Effect.SET | Effect.SET_CONFIG, "SET"),
    (Effect.LOAD, "LOAD"),
    (Effect.RANDOM_SEED, "setseed()"),
)


def _refusal(statement: StatementFacts, *, alone: bool) -> Refusal | None:
    effects = statement.effects
    if effects & (Effect.PREPARE | Effect.EXECUTE):
        name = "PREPARE" if effects & Effect.PREPARE else "EXECUTE"
        return Refusal(f"SQL-level {name}", "Use the driver's prepared statements; they work.", True)
    if effects & Effect.LISTEN:
        return Refusal("LISTEN", "Poll a table instead, or connect to the database directly.", True)
    if effects & Effect.NOTIFY:
        return Refusal("NOTIFY", "Write to a table that the listeners poll.", True)
    if effects & Effect.SESSION_LOCK:
        return Refusal(
            "a session-level advisory lock", "Take a row lock (SELECT … FOR UPDATE) inside a transaction.", True
        )
    if effects & Effect.TEMP_TABLE and alone:
        return Refusal(
            "a temporary table outside a transaction",
            "Create and use it inside one transaction, or use a WITH query.",
            False,
        )
    if effects & Effect.HOLD_CURSOR and alone:
        return Refusal("a WITH HOLD cursor outside a transaction", "Use the cursor inside one transaction.", False)
    return None


TOO_LONG = SQLText.unparsed()
ANYTHING: Final = SQLText.unparsed(outlives_reset=True)
LARGE_OBJECT_CALL: Final = SQLText(b"", SQLFacts(statements=()))
"""For functions that work on large objects: the descriptors end with the transaction."""


def _unreadable(why: str) -> SQLText:
    facts = SQLFacts(statements=(), parse_error=why, writes_unknown=True, session_effects=Effect.UNKNOWN_SYNTAX)
    return SQLText(b"", facts)


_HAS_ESCAPES: Final = _unreadable("it has a backslash, and standard_conforming_strings is off")
_MALFORMED: Final = _unreadable("it has octets that are no characters")


def _is_in(encoding: str, sql: bytes) -> bool:
    try:
        sql.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


class SQLTexts:
    """The texts of a pool, the most recently used `MAX_TEXTS` of them, or as many as `MAX_TEXTS_BYTES` hold.

    Applications that write values into their SQL have a new text for every query. Numbers change nothing of what
    is asked here, so texts that differ in nothing else are looked at once.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[bytes, SQLText] = OrderedDict()
        self._bytes = 0
        self._by_start: dict[bytes, SQLText] = {}  # what is in front of a number that they end in

    def get_as_read(self, sql: bytes, settings: SessionSettings) -> SQLText:
        """The text as a session with `settings` reads it."""
        if not settings.reads_otherwise:
            return self.get(sql)
        if settings.escapes and b"\\" in sql:
            return _HAS_ESCAPES
        if settings.encoding is None or sql.isascii():
            return self.get(sql)
        text = self.get(sql.decode(settings.encoding, "replace").encode())
        if text.deallocates is None:
            return text
        return SQLText(sql) if _is_in(settings.encoding, sql) else _MALFORMED  # the name as the client has it

    def get(self, sql: bytes) -> SQLText:
        start = sql.rstrip(_END_IN_NUMBER)
        end = sql[len(start) :]
        ends_in_number = end.isdigit() or end[:-1].isdigit()
        if ends_in_number:
            text = self._by_start.get(start)
            if text is not None:
                return text
        text = self._texts.get(sql)
        if text is not None:
            return text
        if len(sql) > MAX_ANALYSED_BYTES:
            return ANYTHING if UnparsedText().may_outlive_reset(sql) else TOO_LONG
        shape = sql if b'"' in sql or b"&'" in sql else _NUMBER.sub(b"1", sql)  # float(0) would be an error
        text = self._texts.get(shape)
        if text is None:
            text = self._texts[shape] = SQLText(shape) if _is_in("utf-8", shape) else _MALFORMED
            self._bytes += len(shape)
            while self._bytes > MAX_TEXTS_BYTES or len(self._texts) > MAX_TEXTS:
                self._bytes -= len(self._texts.popitem(last=False)[0])
        else:
            self._texts.move_to_end(shape)
        if ends_in_number and shape is not sql and len(start) <= MAX_START_BYTES and _ENDS_IN_NO_NAME.search(start):
            if len(self._by_start) >= MAX_TEXTS:
                self._by_start.clear()
            self._by_start[start] = text
        return text
