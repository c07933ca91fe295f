"""The queries in a group of a client's messages, before anything is done with it."""

from __future__ import annotations

from typing import NamedTuple

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import BIND, PARSE, QUERY
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.statements import Statement


class AskedQuery(NamedTuple):
    """`statement` is None for a simple query; `bind` is what follows the names in Bind. `runs`: it is to be run,
    and not only prepared."""

    sql: bytes
    statement: Statement | None
    bind: bytes
    runs: bool


def asked_queries(client: ClientSession, group: list[Piece]) -> list[AskedQuery]:
    """Raises ProtocolError for malformed messages. Of a text that isn't here whole, the beginning counts."""
    found: list[AskedQuery] = []
    parsed: dict[bytes, Statement] = {}
    for kind, data, missing in group:
        if kind == QUERY:
            found.append(AskedQuery(data[5:] if missing else data[5:-1], None, b"", True))
        elif kind == PARSE and not missing:
            name, statement = client.shared.statements.parsed(data, client.settings)
            parsed[name] = statement
        elif kind == BIND:
            _, name, position = messages.split_bind(data)
            bound = parsed.pop(name, None) or client.statements.get(name)
            if bound is not None:
                found.append(AskedQuery(bound.sql, bound, data[position:], True))
    found += [AskedQuery(statement.sql, statement, b"", False) for statement in parsed.values()]
    return found
