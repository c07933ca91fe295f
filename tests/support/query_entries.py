"""Entries for a query log, made without a proxy."""

from __future__ import annotations

import itertools

from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import Entry


def entry(
    sql: str = "SELECT 1",
    *,
    ended_at: float = 1_000.0,
    binding: str = "HYPERDRIVE",
    request: str | None = None,
    client: int = 1,
    values: tuple[str | None, ...] | None = None,
    status: str = "miss",
    waited_ms: float = 0.0,
    origin_ms: float = 1.0,
    sending_ms: float = 0.0,
    rows: int = 1,
    result_bytes: int = 40,
    error: bytes | None = None,
    origin_connection: int | None = 1,
    in_transaction: bool = False,
    stale: bool = False,
) -> Entry:
    """One query that has ended."""
    return (
        ended_at,
        binding,
        request,
        client,
        sql.encode(),
        b"" if values is None else bind_of(values),
        b"",
        status,
        waited_ms / 1000,
        origin_ms / 1000,
        sending_ms / 1000,
        b"C" + (len(f"SELECT {rows}") + 5).to_bytes(4, "big") + f"SELECT {rows}\0".encode() + b"Z\0\0\0\x05I",
        len(sql.encode()),
        result_bytes,
        error,
        origin_connection if status != "hit" else None,
        in_transaction,
        stale,
    )


def bind_of(values: tuple[str | None, ...]) -> bytes:
    """What follows the names in Bind, for values in text format."""
    encoded = b"".join(
        (-1).to_bytes(4, "big", signed=True)
        if value is None
        else len(value.encode()).to_bytes(4, "big") + value.encode()
        for value in values
    )
    return bytes(2) + len(values).to_bytes(2, "big") + encoded + bytes(2)


class Conversation:
    """Adds queries to a log one after the other, on a clock of its own."""

    def __init__(self, log: QueryLog) -> None:
        self.log = log
        self.now = 1_000.0
        self._clients = itertools.count(1)

    def ask(self, sql: str, *, pause_ms: float = 1.0, origin_ms: float = 5.0, **given: object) -> None:
        """`sql` is sent `pause_ms` after what came before has ended."""
        asked = entry(sql, origin_ms=0.0 if given.get("status") == "hit" else origin_ms, **given)  # type: ignore[arg-type]
        self.now += pause_ms / 1000 + asked[8] + asked[9] + asked[10]
        self.log.add((self.now, *asked[1:]))
