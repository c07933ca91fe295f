"""A statement that the origin prepared for someone before a table was changed behind the proxy's back.

A server refuses it to the client that had it prepared then, and that may count on the columns of then. For a client
that sends its Parse after the change it is prepared anew, as that Parse asks for.
"""

from __future__ import annotations

from functools import partial

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
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.translation.columns import learn_from_portal
from wrangler_py.session.translation.extended_messages import prepare
from wrangler_py.session.translation.result import Translation

_REQUESTS = {
    BIND: OUTSTANDING_BIND,
    DESCRIBE: OUTSTANDING_DESCRIBE,
    EXECUTE: OUTSTANDING_EXECUTE,
    SYNC: OUTSTANDING_READY,
}
_DESCRIPTION = bytes((DESCRIBE, SYNC))
_FORMS = (_DESCRIPTION, bytes((BIND, EXECUTE, SYNC)), bytes((BIND, DESCRIBE, EXECUTE, SYNC)))


def prepare_anew(
    client: ClientSession, origin: OriginSession, failed: SentGroup, *, parse_answered: bool
) -> Translation | None:
    """What to send instead of `failed`, of which nothing was done, and nothing answered but perhaps its Parse.

    None unless it is one Parse, whose statement the origin had already, and the use of that statement.
    """
    pieces = FrontendReader().receive(failed.sent)
    kinds = bytes(kind for kind, _, _ in pieces)
    parse = next((request for request in failed.outstanding or () if request.kind == PARSE), None)
    if parse is None or not parse.name:
        return None
    if kinds not in _FORMS or len(failed.outstanding or ()) != len(kinds) + 1:
        return None
    if not client.pinned:
        origin.reset_ahead()
    new = client.shared.statements.get(parse.statement.definition, client.settings)
    if client.pinned:  # the session has settings of the client's own
        new = client.shared.statements.private(new)
    client.statements.put(parse.name, new)
    out: list[bytes] = []
    outstanding: list[OutstandingRequest] = []
    if failed.outstanding and failed.outstanding[0].action is Action.SKIP:
        # The Describe in front is the proxy's own: see `ExtendedTranslation.check_prepared_statement`.
        parse_answered = False
        del pieces[0]
    action = Action.SKIP if parse_answered else Action.FORWARD
    request = OutstandingRequest(PARSE, action, name=parse.name, statement=new)
    prepare(client, origin, new, request, out, outstanding, as_asked=True)
    for kind, data, _ in pieces:
        request = _REQUESTS[kind]
        if kind == BIND:
            portal, _, position = messages.split_bind(data)
            data = messages.bind(portal, new.name, data[position:])
            client.rebind(portal, parse.name, new)
        elif kinds == _DESCRIPTION and kind == DESCRIBE:
            data, request = messages.describe_statement(new.name), OutstandingRequest(DESCRIBE, learns=new.learn)
        elif kind == DESCRIBE and new.rows is None:
            learns = partial(learn_from_portal, client, origin, parse.name, new, True)
            request = OutstandingRequest(DESCRIBE, learns=learns)
        out.append(data)
        outstanding.append(request)
    again = SentGroup(client.receiver, outstanding=outstanding)
    again.take_over(failed)
    if again.capture is not None:
        again.capture.of_statement(new)
    origin.runs_own_query()
    return Translation(b"".join(out), again)
