"""Decides whether a query may be cached, with Hyperdrive's eleven cache statuses and a reason for users."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from wrangler_py.cache.volatility import VolatileName, first_volatile_name
from wrangler_py.sql.facts import SQLFacts

QUERY_MAX_BYTES = 1024 * 1024
"""A longer text is `oversizedquery`. Hyperdrive has such a limit but doesn't publish it; this one is ours."""


class CacheStatus(enum.StrEnum):
    """Hyperdrive's cache statuses (`cacheStatus` in its metrics)."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and every query counts

    DISABLED = "disabled"
    HIT = "hit"
    MISS = "miss"
    UNCACHEABLE = "uncacheable"
    MULTIPLE_STATEMENTS = "multiplestatements"
    NOT_A_QUERY = "notaquery"
    OVERSIZED_QUERY = "oversizedquery"
    OVERSIZED_RESULT = "oversizedresult"
    PARSE_ERROR = "parseerror"
    TRANSACTION = "transaction"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking the text of a query for caching.

    `status` is None for a candidate: it becomes `hit` or `miss` when it runs. `change` is what the person can do.
    `function` is the name that stands in the way, as people write it (`NOW()`), and `position` where it, or a
    syntax error, is in the text.
    """

    status: CacheStatus | None
    cause: str
    change: str | None = None
    function: str | None = None
    position: int | None = None

    @property
    def cacheable(self) -> bool:
        return self.status is None

    @property
    def reason(self) -> str:
        """Cause and change in one line: `NOW() is STABLE; pass the time as a parameter`."""
        return f"{self.cause}; {self.change}" if self.change else self.cause


CANDIDATE = Verdict(None, "only reads, and calls no STABLE or VOLATILE function")

DISABLED = Verdict(CacheStatus.DISABLED, "caching is disabled for this config")

OVERSIZED_QUERY = Verdict(
    CacheStatus.OVERSIZED_QUERY, "the text is longer than 1 MB", "pass large values as parameters"
)

NOT_PREPARED = Verdict(
    CacheStatus.UNCACHEABLE,
    "sent as Postgres.js sends it with `prepare: false`, which is not cached",
    "use `prepare: true`",
)


def judge(sql: str, facts: SQLFacts) -> Verdict:
    """The verdict on a text alone; whether caching is on and a transaction open is for the caller to add."""
    if len(sql) > QUERY_MAX_BYTES or (not sql.isascii() and len(sql.encode("utf-8", "replace")) > QUERY_MAX_BYTES):
        return OVERSIZED_QUERY
    if facts.parse_error is not None:
        return Verdict(CacheStatus.PARSE_ERROR, facts.parse_error, position=facts.error_position)
    if not facts.statements:
        return Verdict(CacheStatus.NOT_A_QUERY, "there is no statement in it")
    if len(facts.statements) > 1:
        cause = f"{len(facts.statements)} statements in one text"
        return Verdict(CacheStatus.MULTIPLE_STATEMENTS, cause, "send each on its own")
    (statement,) = facts.statements
    if statement.why_not_read_only is not None:
        name = statement.kind.replace("_", " ").upper()
        if statement.kind in ("select", "values"):
            cause = f"{name} that {statement.why_not_read_only} is not read-only"
            locks = statement.why_not_read_only.startswith("locks")
            change = "leave the lock out if you only read" if locks else "write in one query and read in another"
            return Verdict(CacheStatus.UNCACHEABLE, cause, change)
        if statement.tables_written or statement.writes_unknown or statement.changes_schema:
            return Verdict(CacheStatus.UNCACHEABLE, f"{name} is a write", "only reads are cached")
        return Verdict(CacheStatus.NOT_A_QUERY, f"{name} is not a query")
    if found := first_volatile_name(sql, facts):
        return _volatile(found)
    return CANDIDATE


_ADVICE_FOR = {
    "pass the time as a parameter": """
        age clock_timestamp current_date current_time current_timestamp localtime localtimestamp now
        statement_timestamp timeofday transaction_timestamp
    """,
    "create the value in your code and pass it as a parameter": """
        gen_random_uuid random random_normal uuidv4 uuidv7
    """,
    "pass the value as a parameter": """
        current_catalog current_database current_role current_schema current_schemas current_setting current_user
        session_user system_user user
    """,
    "its value changes with every write; use INSERT … RETURNING": "currval lastval nextval setval",
    "name the configuration first, as in to_tsvector('english', …), which is IMMUTABLE": """
        phraseto_tsquery plainto_tsquery to_tsquery to_tsvector websearch_to_tsquery
    """,
    "join with the || operator, which is IMMUTABLE for text": "concat concat_ws",
    "select the columns and build the JSON in your code": """
        array_to_json json_agg json_build_array json_build_object json_object_agg jsonb_agg jsonb_build_array
        jsonb_build_object jsonb_object_agg row_to_json to_json to_jsonb
    """,
    "select the value as it is and convert it in your code": "array_to_string format to_char to_date to_number",
}
_ADVICE = {name: advice for advice, names in _ADVICE_FOR.items() for name in names.split()}


def _volatile(found: VolatileName) -> Verdict:
    cause = f"{found.written} is {'VOLATILE' if found.volatile else 'STABLE'}"
    if not found.called:
        cause += ", and its name also counts in comments and strings"
        change = "remove the name"
    elif found.depends_on_types:
        cause += " for some argument types, such as timestamptz, and the text doesn't show the type"
        change = "cast the argument (::timestamp), or do it in your code"
    else:
        change = _ADVICE.get(found.name, "a query is cached only if all its functions are IMMUTABLE")
    return Verdict(CacheStatus.VOLATILE, cause, change, found.written, found.position)
