"""Does a statement still have the columns that clients were told of?

A server that has prepared it notices when they change. A connection that prepares it later, after the change, would
not: so what is known of the columns is compared first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.exchange import Exchange
from wrangler_py.proxy.origin import Collector

if TYPE_CHECKING:
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.proxy.statements import Statement

_RESULT_TYPE_CHANGED = messages.error_response(
    "0A000", "cached plan must not change result type", routine="RevalidateCachedQuery"
)


def needs_proof(origin: OriginConnection, name: bytes, statement: Statement) -> bool:
    """Whether `statement`, whose columns are known, is still to be prepared on this connection."""
    if statement.rows is None or statement.text.deallocates is not None:
        return False
    return statement not in origin.prepared if name else origin.unnamed is not statement


def prove_columns(
    pool: Pool,
    origin: OriginConnection,
    statements: dict[bytes, Statement],
    then: Callable[[bytes | None], None],
) -> None:
    """Prepares statements on this connection and checks that they have the columns that are known of them.

    `then` gets None, or the error to give to the client: what a server says when a plan's columns have changed.
    """
    collector = Collector()
    out: list[bytes] = []
    for name, statement in statements.items():
        if name:
            superfluous = origin.remember(statement, pool.options.max_prepared_statements)
            if superfluous is not None:
                out.append(messages.close_statement(superfluous.name))
            out.append(messages.parse(statement.name, statement.definition))
            out.append(messages.describe_statement(statement.name))
        else:
            origin.unnamed = statement
            out.append(messages.parse(b"", statement.definition) + messages.describe_statement(b""))

    def done(exchange: Exchange) -> None:
        described = messages.of_kinds(collector.data, b"Tn")
        if exchange.error is None and described == [statement.rows for statement in statements.values()]:
            then(None)
            return
        for statement in statements.values():
            origin.prepared.pop(statement, None)
        pool.schema_changed()
        origin.unnamed = None
        closes = [messages.close_statement(statement.name) for name, statement in statements.items() if name]
        if closes and not origin.closed:
            origin.send(Exchange(None), b"".join(closes) + messages.SYNC)
        then(exchange.error or _RESULT_TYPE_CHANGED)

    origin.send(Exchange(collector, done=done), b"".join(out) + messages.SYNC)
