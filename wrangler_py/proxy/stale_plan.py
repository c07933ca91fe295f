"""A statement that the origin prepared for somebody, before a table was changed behind the proxy's back.

A server refuses it to the client that had it prepared then, which may count on the columns it had. For one that
sends its Parse after the change it is prepared anew, as that Parse asks for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.exchange import (
    DESCRIBE,
    PARSE,
    STEP_BIND,
    STEP_DESCRIBE,
    STEP_EXECUTE,
    STEP_READY,
    Action,
    Exchange,
    Step,
)
from wrangler_py.pgwire.frontend import FrontendReader
from wrangler_py.proxy.columns import learn_from_portal
from wrangler_py.proxy.extended import prepare

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession

_STEPS = {ord("B"): STEP_BIND, ord("D"): STEP_DESCRIBE, ord("E"): STEP_EXECUTE, ord("S"): STEP_READY}


def prepared_anew(client: ClientSession, failed: Exchange) -> tuple[Exchange, bytes] | None:
    """What to send instead of `failed`, of which nothing was done and nothing but a ParseComplete was answered.

    None unless it is one Parse, whose statement the origin had already, and the use of that statement.
    """
    pieces = FrontendReader().receive(failed.sent)
    kinds = bytes(kind for kind, _, _ in pieces)
    parse = next((step for step in failed.steps or () if step.finals == PARSE), None)
    if parse is None or not parse.name or client.origin is None:
        return None
    if kinds not in (b"DS", b"BES", b"BDES") or len(failed.steps or ()) != len(kinds) + 1:
        return None
    if not client.pinned:
        client.origin.reset_ahead()
    new = client.pool.statements.get(parse.statement.definition, client.settings)
    client.statements.put(parse.name, new)
    out: list[bytes] = []
    steps: list[Step] = []
    if failed.steps and failed.steps[0].action is Action.SWALLOW:  # the proxy's own Describe: see `forward`
        prepare(client, client.origin, new, Step(PARSE, name=parse.name, statement=new), out, steps)
        del pieces[0]
    else:
        step = Step(PARSE, Action.SWALLOW, name=parse.name, statement=new)
        prepare(client, client.origin, new, step, out, steps)
    for kind, data, _ in pieces:
        step = _STEPS[kind]
        if kind == ord("B"):
            portal, _, position = messages.split_bind(data)
            data = messages.bind(portal, new.name, data[position:])
            client.portals[portal] = (parse.name, new)
        elif kinds == b"DS" and kind == ord("D"):
            data, step = messages.describe_statement(new.name), Step(DESCRIBE, learns=new.learn)
        elif kind == ord("D") and new.rows is None:
            learns = partial(learn_from_portal, client, client.origin, parse.name, new)
            step = Step(DESCRIBE, learns=learns)
        out.append(data)
        steps.append(step)
    again = Exchange(client, steps=steps)
    again.queries, failed.queries = failed.queries, None
    again.capture, failed.capture = failed.capture, None
    if again.capture is not None:
        again.capture.statement = new
    return again, b"".join(out)
