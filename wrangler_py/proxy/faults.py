"""Faults on purpose: the errors that Hyperdrive documents, for queries that would go to the origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import OUTSTANDING_READY, OutstandingRequest, SentGroup
from wrangler_py.proxy import failures
from wrangler_py.proxy.asked_queries import AskedQuery, asked_queries
from wrangler_py.proxy.conditions import AT_CHECKOUT, FaultKind
from wrangler_py.proxy.extended import add_failure
from wrangler_py.proxy.session_effects import in_failed_transaction

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.forward import Group
    from wrangler_py.proxy.origin import OriginConnection

_WHILE_RUNNING = frozenset(FaultKind) - AT_CHECKOUT


def meets_fault(client: ClientSession, group: Group, closed: bool) -> bool:
    """Whether one of the faults that are on meets `group`, which was about to go to the origin: it is answered
    then."""
    origin = client.origin
    if origin is not None and not _can_be_failed(client, origin):
        return False
    try:
        asked = asked_queries(client, group)
    except ProtocolError:
        return False
    for query in asked:
        fault = _drawn(client, query)
        if fault is not None:
            _strike(client, group, closed, asked, fault)
            return True
    return False


def _can_be_failed(client: ClientSession, origin: OriginConnection) -> bool:
    """Whether what is sent now would be run, and not skipped or refused because of what failed before."""
    stream = origin.stream
    if stream.copy_in or stream.syncs_uncertain or (stream.queue and stream.queue[-1].failed):
        return False
    return not in_failed_transaction(client, origin)


def _drawn(client: ClientSession, query: AskedQuery) -> FaultKind | None:
    kinds = _WHILE_RUNNING if query.runs else frozenset[FaultKind]()
    if client.pool.texts.get(query.sql).transaction_control:
        kinds -= {FaultKind.STATEMENT_TIMEOUT}
    if client.origin is None:
        kinds |= AT_CHECKOUT
    return client.pool.conditions.draw(query.sql.decode("utf-8", "replace"), kinds)


def _strike(client: ClientSession, group: Group, closed: bool, asked: list[AskedQuery], fault: FaultKind) -> None:
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
        client.fail_group(group, closed, response)
    else:
        _fail_at_origin(client, origin, response, closed)


def _response(client: ClientSession, fault: FaultKind) -> bytes:
    options, config = client.pool.options, client.pool.config
    if fault is FaultKind.POOL_EXHAUSTED:
        return failures.pool_exhausted(config.connection_limit, options.pool_wait_timeout_s).response
    if fault is FaultKind.CONNECTION_REFUSED:
        return failures.connection_attempt_failed(config, "connection_refused").response
    if fault is FaultKind.STATEMENT_TIMEOUT:
        return failures.statement_limit(options.statement_timeout_s)
    return failures.connection_lost()


def _fail_at_origin(client: ClientSession, origin: OriginConnection, error: bytes, closed: bool) -> None:
    """Has the origin fail in the place of the group, so that a transaction fails with it."""
    queue = origin.stream.queue
    open_group = queue[-1] if queue and not queue[-1].closed else None
    out: list[bytes] = []
    outstanding: list[OutstandingRequest] = []
    add_failure(origin, error, out, outstanding)
    out.append(messages.SYNC if closed else messages.FLUSH)
    if closed:
        outstanding.append(OUTSTANDING_READY)
    if open_group is None:
        origin.send(SentGroup(client, closed=closed, outstanding=outstanding), b"".join(out))
    else:
        open_group.extend(outstanding, closed=closed)
        origin.transport.write(b"".join(out))
