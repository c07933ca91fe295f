"""A statement that the origin prepared for somebody, before a table was changed behind the proxy's back.

A server refuses it to the client that had it prepared then, which may count on the columns it had. For one that
sends its Parse after the change it is prepared anew, as that Parse asks for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import FrontendReader
from wrangler_py.pgwire.frontend_kinds import BIND, DESCRIBE, EXECUTE, PARSE, SYNC
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_DESCRIBE,
    OUTSTANDING_EXECUTE,
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    SentGroup,
)
from wrangler_py.proxy.columns import learn_from_portal
from wrangler_py.proxy.extended import prepare

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession

_REQUESTS = {
    BIND: OUTSTANDING_BIND,
    DESCRIBE: OUTSTANDING_DESCRIBE,
    EXECUTE: OUTSTANDING_EXECUTE,
    SYNC: OUTSTANDING_READY,
}
_DESCRIPTION = bytes((DESCRIBE, SYNC))
_FORMS = (_DESCRIPTION, bytes((BIND, EXECUTE, SYNC)), bytes((BIND, DESCRIBE, EXECUTE, SYNC)))


def prepared_anew(client: ClientSession, failed: SentGroup) -> tuple[SentGroup, bytes] | None:
    """What to send instead of `failed`, of which nothing was done and nothing but a ParseComplete was answered.

    None unless it is one Parse, whose statement the origin had already, and the use of that statement.
    """
    pieces = FrontendReader().receive(failed.sent)
    kinds = bytes(kind for kind, _, _ in pieces)
    parse = next((request for request in failed.outstanding or () if request.kind == PARSE), None)
    if parse is None or not parse.name or client.origin is None:
        return None
    if kinds not in _FORMS or len(failed.outstanding or ()) != len(kinds) + 1:
        return None
    if not client.pinned:
        client.origin.reset_ahead()
    new = client.pool.statements.get(parse.statement.definition, client.settings)
    client.statements.put(parse.name, new)
    out: list[bytes] = []
    outstanding: list[OutstandingRequest] = []
    if (
        failed.outstanding and failed.outstanding[0].action is Action.SKIP
    ):  # the proxy's own Describe: see `forward`
        prepare(
            client, client.origin, new, OutstandingRequest(PARSE, name=parse.name, statement=new), out, outstanding
        )
        del pieces[0]
    else:
        request = OutstandingRequest(PARSE, Action.SKIP, name=parse.name, statement=new)
        prepare(client, client.origin, new, request, out, outstanding)
    for kind, data, _ in pieces:
        request = _REQUESTS[kind]
        if kind == BIND:
            portal, _, position = messages.split_bind(data)
            data = messages.bind(portal, new.name, data[position:])
            client.portals[portal] = (parse.name, new)
        elif kinds == _DESCRIPTION and kind == DESCRIBE:
            data, request = messages.describe_statement(new.name), OutstandingRequest(DESCRIBE, learns=new.learn)
        elif kind == DESCRIBE and new.rows is None:
            learns = partial(learn_from_portal, client, client.origin, parse.name, new)
            request = OutstandingRequest(DESCRIBE, learns=learns)
        out.append(data)
        outstanding.append(request)
    again = SentGroup(client, outstanding=outstanding)
    again.queries, failed.queries = failed.queries, None
    again.capture, failed.capture = failed.capture, None
    if again.capture is not None:
        again.capture.statement = new
    return again, b"".join(out)
