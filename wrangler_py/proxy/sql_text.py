"""What the proxy has to know of each distinct text of SQL: does it leave something behind in the session, can
transaction pooling carry it, does it change the schema.

PostgreSQL's own parser decides. It takes a while, and an application that writes values into its SQL has a new
text for every query, so ordinary queries that name nothing of the kind, anywhere, are told apart at a glance.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import NamedTuple

from wrangler_py.cache.verdict import OVERSIZED_QUERY, Verdict, judge
from wrangler_py.proxy.outliving import notes_on
from wrangler_py.sql.analyse import analyse
from wrangler_py.sql.facts import SessionEffect as Effect
from wrangler_py.sql.facts import SQLFacts, StatementFacts

MAX_TEXTS = 5_000
"""Distinct texts remembered per pool; those that differ in numbers only count as one."""
MAX_TEXTS_BYTES = 8_000_000
"""What they may have in all."""
MAX_START_BYTES = 1_000
"""Of a text that ends in a number, to be found by."""
MAX_ANALYSED_BYTES = 1_000_000
"""A longer text is taken to leave the session dirty, and is not looked at further."""

TRANSACTION_LOCK_NOTE = (
    "A transaction-level advisory lock works here, but Hyperdrive refuses advisory locks of any kind."
)

_READING_STARTS = frozenset({b"select", b"values", b"show", b"fetch"})
_HARMLESS_STARTS = _READING_STARTS | {b"insert", b"update", b"delete", b"with"}
_FIRST_WORD = re.compile(rb"[\s(]*([a-z]+)")
_SUSPICIOUS_WORDS = (
    b"set_config", b"pg_settings", b"advisory", b"temp", b"notify", b"hold", b"setseed", b"u&", b"into", b'"'
)  # fmt: skip
_NUMBER = re.compile(rb"(?<![\w$\\\x80-\xff])\d+(?![\w$\x80-\xff])")
"""One that is neither part of a name nor of an escape."""
_ENDS_IN_NO_NAME = re.compile(rb"[^\w$\x80-\xff]\Z")
_END_IN_NUMBER = b"0123456789;"
_CALL = re.compile(rb"(?<![a-z_0-9$.\x80-\xff])([a-z_0-9$.\x80-\xff]++)\s*+\(")
_HARMLESS_CALLS = frozenset(
    b"in values and or on not as from where by filter over select case when then else using limit array any all "
    b"exists count sum avg min max coalesce nullif greatest least lower upper length now cast round abs extract "
    b"row_number generate_series jsonb_agg json_agg jsonb_build_object to_jsonb pg_sleep".split()
)
_COMMENT_BEFORE_ARGUMENTS = re.compile(rb"\*/\s*+\(")


def _harmless_start(sql: bytes) -> bytes | None:
    """The first word, if a glance shows that there is nothing for the parser to find: a single ordinary query."""
    text = sql.lower()
    first = _FIRST_WORD.match(text)
    if first is None or first[1] not in _HARMLESS_STARTS:
        return None
    if (b";" in text and not text.rstrip().endswith(b";")) or text.count(b";") > 1:
        return None
    if any(word in text for word in _SUSPICIOUS_WORDS if word != b"into" or first[1] != b"insert"):
        return None
    if b"(" not in text:
        return first[1]
    if b"--" in text or _COMMENT_BEFORE_ARGUMENTS.search(text):
        return None  # a function's name may stand before the comment
    return first[1] if all(name in _HARMLESS_CALLS for name in _CALL.findall(text)) else None


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

    `dirties`: the session has to be reset before anyone else gets the connection. `begins` and `ends`: the text
    leaves a transaction open, or ends one. `resets_settings`: nothing but a driver's clean-up, which takes the
    settings back to the connection's own. `deallocates`: the statement that it drops, b"" for all, None for none.
    `drops_statements`: it does so among other things, so that the origin does it. `runs_anything`: what it does
    can't be known, from preparing statements to DDL.
    `sets`: a setting of PostgreSQL's own, which may be how literals are read or what names mean, for however long.
    `needs_session`: what of it is lost, after its transaction, on any other connection. `is_ordinary`: none of all
    that, so that the proxy only has to pass it on. `notes`: what people are told of several statements in one text.
    `databases`: those that nobody else may be connected to.
    """

    __slots__ = (
        "_facts", "_runs_stored_code", "_sample", "_verdict", "_writes", "begins", "changes_schema", "databases",
        "deallocates", "dirties", "discards_all", "drops_statements", "ends", "is_ordinary", "needs_session",
        "notes", "notifies", "prepares", "refusal", "resets_settings", "rolls_back", "runs_anything", "sets",
        "sets_outside_transaction", "takes_transaction_lock", "transaction_control",
    )  # fmt: skip

    def __init__(self, sql: bytes) -> None:
        self._sample = sql
        self.dirties = False
        self.changes_schema = False
        self.refusal: Refusal | None = None
        self.begins = False
        self.ends = False
        self.transaction_control = False
        self.resets_settings = False
        self.deallocates: bytes | None = None
        self.discards_all = False
        self.sets = False
        self.sets_outside_transaction = False
        self.takes_transaction_lock = False
        self.rolls_back = False
        self.prepares = False
        self.drops_statements = False
        self.runs_anything = False
        self.notifies = False
        self.needs_session: str | None = None
        self.notes: tuple[str, ...] = ()
        self.databases: frozenset[str] = frozenset()
        self._facts: SQLFacts | None = None
        self._verdict: Verdict | None = None
        self._writes: bool | None = None
        self._runs_stored_code: bool | None = None
        start = _harmless_start(sql)
        if start is None:
            self._learn(self.facts)
        elif start in _READING_STARTS:
            self._writes = self._runs_stored_code = False
        self.is_ordinary = self.deallocates is None and not (
            self.dirties or self.changes_schema or self.refusal or self.begins or self.ends
            or self.resets_settings or self.sets or self.sets_outside_transaction or self.takes_transaction_lock
            or self.prepares or self.notifies or self.needs_session or self.databases
        )  # fmt: skip

    @property
    def facts(self) -> SQLFacts:
        """What the parser says; it is asked only once, and only for texts for which it matters."""
        if self._facts is None:
            self._facts = analyse(self._sample.decode("utf-8", "surrogateescape"))
        return self._facts

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

    @property
    def writes(self) -> bool:
        """Whether the text may write tables, catalogs included."""
        if self._writes is None:
            facts = self.facts
            self._writes = bool(
                facts.tables_written or facts.writes_unknown or facts.writes_catalogs or facts.unknown_functions
            )
        return self._writes

    @property
    def runs_stored_code(self) -> bool:
        """Whether it may set off what runs on writes or DDL: triggers, defaults, checks, event triggers."""
        if self._runs_stored_code is None:
            self._runs_stored_code = self.writes or not _RUNS_NO_CODE.issuperset(self.facts.kinds)
        return self._runs_stored_code

    def _learn(self, facts: SQLFacts) -> None:
        effects = facts.session_effects
        if facts.is_cleanup and len(facts.statements) == 1 and effects & (Effect.DEALLOCATE | Effect.DISCARD):
            self.discards_all = bool(effects & Effect.DISCARD)
            self.deallocates = (facts.deallocated or "").encode("utf-8", "surrogateescape")
            return
        self.resets_settings = facts.is_cleanup
        self.dirties = not facts.is_cleanup and bool(effects & _LEAVES_SOMETHING_BEHIND)
        self.drops_statements = bool(effects & Effect.DEALLOCATE)
        self.dirties = self.dirties or self.drops_statements
        self.runs_anything = bool(effects & (Effect.CALL_OR_DO | Effect.UNKNOWN_SYNTAX))
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
                self.begins, self.ends, inside = True, False, True
            elif statement.kind in ("commit", "rollback", "prepare_transaction"):
                self.begins, self.ends, inside = False, True, False
                self.rolls_back = statement.kind == "rollback"
            elif self.refusal is None:
                refusal = _refusal(statement, alone=len(facts.statements) == 1)
                if refusal is not None and (refusal.in_transaction_too or not inside):
                    self.refusal = refusal
        if len(facts.statements) > 1 and not facts.is_cleanup:
            self.notes = notes_on(facts.statements)
        self.sets = bool(effects & (Effect.SET | Effect.SET_LOCAL | Effect.SET_CONFIG)) and not (
            facts.settings and all("." in name for name in facts.settings)
        )
        self.sets_outside_transaction = (
            len(facts.statements) == 1 and not facts.is_cleanup and bool(effects & (Effect.SET | Effect.SET_CONFIG))
        )


_LEAVES_SOMETHING_BEHIND = (
    Effect.SET | Effect.RESET | Effect.SET_CONFIG | Effect.TEMP_TABLE | Effect.HOLD_CURSOR | Effect.LISTEN
    | Effect.SESSION_LOCK | Effect.CALL_OR_DO | Effect.UNKNOWN_FUNCTION | Effect.PREPARE | Effect.DISCARD
    | Effect.LOAD | Effect.UNKNOWN_SYNTAX
)  # fmt: skip

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


TOO_LONG = SQLText(b"SELECT")
"""For texts so long that they are never held whole."""
TOO_LONG.dirties = True
TOO_LONG.is_ordinary = False
TOO_LONG._verdict = OVERSIZED_QUERY
TOO_LONG._facts = SQLFacts(statements=())


class SQLTexts:
    """The texts of a pool, the most recently used `MAX_TEXTS` of them, or as many as `MAX_TEXTS_BYTES` hold.

    Applications that write values into their SQL have a new text for every query. Numbers change nothing of what
    is asked here, so texts that differ in nothing else are looked at once.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[bytes, SQLText] = OrderedDict()
        self._bytes = 0
        self._by_start: dict[bytes, SQLText] = {}  # what is in front of a number that they end in
        # Not a text that the parser is loaded for: that takes a while, and pools are made at start-up.
        self._last_sql = b"SELECT"
        self._last = self._look_up(self._last_sql)

    def get(self, sql: bytes) -> SQLText:
        if sql == self._last_sql:
            return self._last
        self._last_sql, self._last = sql, self._look_up(sql)
        return self._last

    def _look_up(self, sql: bytes) -> SQLText:
        text = self._texts.get(sql)
        if text is not None:
            return text
        if len(sql) > MAX_ANALYSED_BYTES:
            return TOO_LONG
        start = sql.rstrip(_END_IN_NUMBER)
        end = sql[len(start) :]
        is_number = end.rstrip(b";").isdigit() and end.count(b";") <= 1
        if is_number and start in self._by_start:
            return self._by_start[start]
        shape = sql if b'"' in sql or b"&'" in sql else _NUMBER.sub(b"1", sql)  # float(0) would be an error
        text = self._texts.get(shape)
        if text is None:
            text = self._texts[shape] = SQLText(shape)
            self._bytes += len(shape)
            while self._bytes > MAX_TEXTS_BYTES or len(self._texts) > MAX_TEXTS:
                self._bytes -= len(self._texts.popitem(last=False)[0])
        else:
            self._texts.move_to_end(shape)
        if is_number and shape is not sql and len(start) <= MAX_START_BYTES and _ENDS_IN_NO_NAME.search(start):
            if len(self._by_start) >= MAX_TEXTS:
                self._by_start.clear()
            self._by_start[start] = text
        return text
