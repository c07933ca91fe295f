"""Why a query had its cache status, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from wrangler_py.cache.verdict import DISABLED, CacheStatus, Verdict, judge
from wrangler_py.querylog.record import REFUSED, QueryRecord
from wrangler_py.sql.analyse import analyse


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`reason` says why, `fix` what to change; None if there is nothing to change. `position` and `length` are
    the part of the SQL text that is the reason, in characters."""

    reason: str
    fix: str | None = None
    position: int | None = None
    length: int = 0


_BY_STATUS = {
    CacheStatus.HIT: Explanation(reason="answered from the cache"),
    CacheStatus.MISS: Explanation(reason="can be cached, but was not in the cache yet"),
    CacheStatus.DISABLED: Explanation(
        reason=DISABLED.cause, fix="enable caching for the config, or bind a second config for cached reads"
    ),
    CacheStatus.TRANSACTION: Explanation(
        reason="in a transaction, where nothing is cached",
        fix="run it outside the transaction (with autocommit), unless it has to see the transaction's own writes",
    ),
    CacheStatus.OVERSIZED_RESULT: Explanation(
        reason="the result is larger than 50 MB, so it was not kept", fix="select fewer rows or columns"
    ),
}
_NOT_SHARED = Explanation(
    reason="could be cached, but the way it was sent, or a change in its session, prevents it",
    fix="prepare it as a named statement (Postgres.js: `prepare: true`), and change no session settings before it",
)
_TOO_LONG = Explanation(
    reason="the text is too long to be analysed", fix="pass large values as parameters, not in the text"
)
_REFUSED = Explanation(
    reason="Hyperdrive answered with an error, without asking the database", fix="see the error's hint"
)


def explain(record: QueryRecord) -> Explanation:
    """Why `record` has its status."""
    if record.status == REFUSED:
        return _REFUSED
    known = _BY_STATUS.get(CacheStatus(record.status))
    if known is not None:
        return known
    if not record.sql_is_whole:
        return _TOO_LONG
    verdict = verdict_of(record.sql)
    if verdict.status is None:
        return _NOT_SHARED
    length = len(verdict.function.removesuffix("()")) if verdict.function and verdict.position is not None else 0
    return Explanation(reason=verdict.cause, fix=verdict.change, position=verdict.position, length=length)


@lru_cache(maxsize=1_000)
def verdict_of(sql: str) -> Verdict:
    """The verdict on the text alone."""
    return judge(sql, analyse(sql))
