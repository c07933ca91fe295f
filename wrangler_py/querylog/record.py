"""One query that has ended: as it is recorded, in bytes, and as people read it.

The proxy records every query, and people look at few of them. So recording keeps references to bytes that are there
anyway; they are decoded when someone looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from wrangler_py.pgwire import messages
from wrangler_py.querylog.parameters import decode_parameters

Entry = tuple[
    float,  # when it ended, Unix seconds
    str,  # binding
    str | None,  # id of the Worker's request
    int,  # number of the client
    bytes,  # SQL
    bytes,  # what follows the two names in Bind; empty for a simple query
    bytes,  # types of the parameters: a count, and the OIDs
    str,  # cache status, or REFUSED
    float,  # seconds it waited for a connection
    float,  # seconds until the origin had answered
    float,  # seconds the client took to read
    bytes,  # the end of the answer, with its CommandComplete
    int,  # bytes of the whole SQL
    int,  # bytes of the answer
    bytes | None,  # ErrorResponse; empty when the connection was lost
    int | None,  # number of the origin connection
    bool,  # in a transaction
    bool,  # a stale read
]
"""What the proxy hands over. A plain tuple, because there is one for each query."""


class Column:
    """Where each value is in an entry, for those who look at many entries at once."""

    ENDED_AT: Final = 0
    BINDING: Final = 1
    SQL: Final = 4
    BIND: Final = 5
    STATUS: Final = 7
    ORIGIN: Final = 9
    SENDING: Final = 10
    TAIL: Final = 11
    QUERY_BYTES: Final = 12
    RESULT_BYTES: Final = 13
    ERROR: Final = 14
    ORIGIN_CONNECTION: Final = 15


REFUSED = "refused"
"""The status of a query that the proxy answered with an error, without asking the origin."""
MAX_TEXT_BYTES: Final = 65_536
"""How much is kept of a query's SQL, of its parameters, and of its error."""

_TAG = re.compile(rb"C\0\0\0[\x05-\x40]([A-Z][A-Z ]*)((?: \d+)*)\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRecord:
    """`number` counts queries in the order in which they ended; times are in milliseconds.

    `parameters` are as text, None for NULL. `error` is the message and the SQLSTATE in parentheses.
    `origin_connection` is the number of the connection among those of its pool, None when the origin was not asked.
    """

    number: int
    started_at: float
    binding: str
    request_id: str | None
    client: int
    sql: str
    parameters: tuple[str | None, ...]
    status: str
    waited_ms: float
    origin_ms: float
    sending_ms: float
    rows: int
    query_bytes: int
    result_bytes: int
    error: str | None
    origin_connection: int | None
    in_transaction: bool
    stale: bool

    @property
    def sql_is_whole(self) -> bool:
        """Whether `sql` is all of the text."""
        return self.query_bytes <= MAX_TEXT_BYTES

    @property
    def duration_ms(self) -> float:
        return self.waited_ms + self.origin_ms + self.sending_ms


def shorten(entry: Entry) -> Entry:
    """`entry`, with each text cut to MAX_TEXT_BYTES."""
    error = entry[14]
    return (
        *entry[:4],
        entry[4][:MAX_TEXT_BYTES],
        entry[5][:MAX_TEXT_BYTES],
        *entry[6:14],
        error[:MAX_TEXT_BYTES] if error is not None else None,
        *entry[15:],
    )


def read_entry(number: int, entry: Entry) -> QueryRecord:
    """`entry` as people read it."""
    (
        ended_at, binding, request_id, client, sql, bind, types, status, waited, origin, sending, tail,
        query_bytes, result_bytes, error, connection, in_transaction, stale,
    ) = entry  # fmt: skip
    return QueryRecord(
        number=number,
        started_at=ended_at - waited - origin - sending,
        binding=binding,
        request_id=request_id,
        client=client,
        sql=_text(sql) if query_bytes <= MAX_TEXT_BYTES else _text(sql) + "…",
        parameters=decode_parameters(bind, types) if bind else (),
        status=str(status),
        waited_ms=waited * 1000,
        origin_ms=origin * 1000,
        sending_ms=sending * 1000,
        rows=0 if error is not None else count_rows(tail),
        query_bytes=query_bytes,
        result_bytes=result_bytes,
        error=None if error is None else describe_error(error),
        origin_connection=connection,
        in_transaction=in_transaction,
        stale=stale,
    )


def count_rows(answer: bytes) -> int:
    """The row count of the last CommandComplete in the end of an answer."""
    tags = _TAG.findall(answer)
    return int(tags[-1][1].split()[-1]) if tags and tags[-1][1] else 0


def describe_error(response: bytes) -> str:
    """An ErrorResponse as its message and SQLSTATE; an empty one stands for a connection that was lost."""
    if not response:
        return "Server connection lost. (58000)"
    fields = messages.parse_report(response[5:])
    return f"{fields.get('M', '')} ({fields.get('C', '')})"


@lru_cache(maxsize=512)
def _text(sql: bytes) -> str:
    return sql.decode("utf-8", "replace")
