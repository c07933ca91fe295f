"""Simulated faults: the errors that Hyperdrive documents, for queries that would go to the origin."""

from __future__ import annotations

from typing import Protocol

from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.proxy import failures
from wrangler_py.proxy.conditions import AT_CHECKOUT, FaultKind
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.pool.accounting import FailingClient
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.session.message_groups import MessageGroup
from wrangler_py.session.translation.asked_queries import AskedQuery, asked_queries
from wrangler_py.session.translation.sql_effects import in_failed_transaction

_WHILE_RUNNING = frozenset(FaultKind) - AT_CHECKOUT


class FaultedClient(FailingClient, Protocol):
    """A client whose queries may fail by a fault."""

    pool: Pool

    def lead_ends(self) -> None:
        """The query that other clients wait for will not run."""

    def refuse(self, response: bytes) -> None:
        """Tells the client why, if possible, and closes."""

    def fail_group(self, group: MessageGroup, response: bytes) -> None:
        """Answers a group, outside a transaction, with an error of the proxy's own."""

    def fail_at_origin(self, origin: OriginConnection, error: bytes, group: MessageGroup, *, closed: bool) -> None:
        """Makes the origin fail instead of running a group, so that its transaction also fails."""


def meets_fault(client: FaultedClient, group: MessageGroup) -> bool:
    """Whether `group`, which was about to go to the origin, fails by a fault. If so, it gets an error answer."""
    origin = client.origin
    if origin is not None and not _can_be_failed(client, origin):
        return False
    try:
        asked = asked_queries(client.session, group.messages)
    except ProtocolError:
        return False
    for query in asked:
        fault = _drawn(client, query)
        if fault is not None:
            _strike(client, group, asked, fault)
            return True
    return False


def _can_be_failed(client: FaultedClient, origin: OriginConnection) -> bool:
    """Whether the origin would run a query sent now, and not skip or refuse it because an earlier one failed."""
    stream = origin.stream
    if stream.copy_in or stream.syncs_uncertain or (stream.queue and stream.queue[-1].failed):
        return False
    return not in_failed_transaction(client.session, origin.session)


def _drawn(client: FaultedClient, query: AskedQuery) -> FaultKind | None:
    kinds = _WHILE_RUNNING if query.runs else frozenset[FaultKind]()
    if client.session.text(query.sql).transaction_control:
        kinds -= {FaultKind.STATEMENT_TIMEOUT}
    if client.origin is None:
        kinds |= AT_CHECKOUT
    return client.pool.conditions.draw(query.sql.decode("utf-8", "replace"), kinds)


def _strike(client: FaultedClient, group: MessageGroup, asked: list[AskedQuery], fault: FaultKind) -> None:
    pool, origin = client.pool, client.origin
    response = _response(client, fault)
    for query in asked:
        pool.accounting.query_failed(client, query, response)
    client.lead_ends()
    if fault in (FaultKind.CONNECTION_LOST, FaultKind.RESTART):
        if fault is FaultKind.RESTART:
            pool.restart()
        if origin is not None:
            origin.abort()
        else:
            client.refuse(response)
    elif origin is None:
        client.fail_group(group, response)
    else:
        client.fail_at_origin(origin, response, group, closed=group.closed)


def _response(client: FaultedClient, fault: FaultKind) -> bytes:
    options, config = client.pool.options, client.pool.config
    if fault is FaultKind.POOL_EXHAUSTED:
        return failures.pool_exhausted(config.connection_limit, options.pool_wait_timeout_s).response
    if fault is FaultKind.CONNECTION_REFUSED:
        return failures.connection_attempt_failed(config, "connection_refused").response
    if fault is FaultKind.STATEMENT_TIMEOUT:
        return failures.statement_limit(options.statement_timeout_s)
    return failures.connection_lost()
