"""EXPLAIN of a query, at the origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wrangler_py.dashboard.origin import connect_to_origin
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.sql.analyse import analyse

if TYPE_CHECKING:
    import psycopg

_EXPLAINABLE = frozenset({"select", "values", "insert", "update", "delete", "merge"})
_TIMEOUT_MS = 30_000


def can_analyze(sql: str) -> bool:
    """Whether `sql` only reads, so that it may be run again."""
    facts = analyse(sql)
    return (
        len(facts.statements) == 1
        and facts.statements[0].kind in ("select", "values")
        and facts.read_only
        and not facts.writes_unknown
    )


def explain(pool: PoolConfig, sql: str, parameters: Sequence[str | None], *, analyze: bool) -> str:
    """The plan of `sql` with these values. `analyze` runs it, in a read-only transaction that is rolled back.

    Raises `WranglerError` if there is no plan.
    """
    facts = analyse(sql)
    if len(facts.statements) != 1 or facts.statements[0].kind not in _EXPLAINABLE:
        raise WranglerError(
            "PostgreSQL has no plan for this.", hint="EXPLAIN takes one SELECT, INSERT, UPDATE, DELETE or MERGE."
        )
    if analyze and not can_analyze(sql):
        raise WranglerError("EXPLAIN ANALYZE runs the query, so it is available for reads only.")
    with connect_to_origin(pool, "The database refuses the EXPLAIN: ") as connection:
        return _plan(connection, sql, parameters, analyze=analyze)


def _plan(
    connection: psycopg.Connection[tuple[Any, ...]], sql: str, parameters: Sequence[str | None], *, analyze: bool
) -> str:
    import psycopg

    cursor = psycopg.RawCursor(connection)
    cursor.execute("BEGIN READ ONLY" if analyze else "BEGIN")
    try:
        cursor.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
        options = "ANALYZE, BUFFERS, VERBOSE" if analyze else "VERBOSE"
        cursor.execute(f"EXPLAIN ({options}) {sql}".encode(), list(parameters))
        return "\n".join(str(line) for (line,) in cursor.fetchall())
    finally:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN:
            cursor.execute("ROLLBACK")
