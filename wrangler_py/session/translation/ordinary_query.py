"""One whole query that changes nothing in a session and is not for the cache: most queries are.

It is recognised before the client's octets are cut into messages, and then goes the way of any group, with fewer
cases to look at. On a connection that hasn't prepared its statement it is translated message by message.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_be

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import FrontendReader, Piece
from wrangler_py.pgwire.frontend_kinds import BIND, PARSE, QUERY
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.query_run import QueryRun
from wrangler_py.session.statements import Statement

_SHORTEST: Final = 6
"""The length of a message with nothing in it but an empty string."""
_DISABLED: Final = CacheStatus.DISABLED
_EXECUTE_AND_SYNC: Final = messages.execute(b"") + messages.SYNC
_DESCRIBE_AND_EXECUTE: Final = messages.describe_portal(b"") + _EXECUTE_AND_SYNC


class OrdinaryQuery:
    """`data` is what the client sent, and `sent` the same with the pool's name of the statement.

    `statement` is None for a simple query. `named`: it has to be prepared on the connection.
    """

    __slots__ = ("data", "named", "run", "sent", "statement")

    def __init__(self, data: bytes, sent: bytes, statement: Statement | None, named: bool, run: QueryRun) -> None:
        self.data = data
        self.sent = sent
        self.statement = statement
        self.named = named
        self.run = run

    def pieces(self) -> list[Piece]:
        """The same as messages."""
        return FrontendReader().receive(self.data)


def recognise(client: ClientSession, data: bytes) -> OrdinaryQuery | None:
    """The query in `data`, if it is an ordinary one. The client has sent nothing else that is under way."""
    shared = client.shared
    kind = data[0]
    statement = None
    name = b""
    bind = 0
    sent = data
    if kind == QUERY:
        if len(data) < _SHORTEST or not messages.is_whole(data) or data[-1]:
            return None
        sql = data[5:-1]
        text = shared.texts.get_as_read(sql, client.settings)
    else:
        # The Bind is one of the unnamed portal. All rows of it follow, with or without their description.
        if data.endswith(_DESCRIBE_AND_EXECUTE):
            bind_end, describes = len(data) - len(_DESCRIBE_AND_EXECUTE), True
        elif data.endswith(_EXECUTE_AND_SYNC):
            bind_end, describes = len(data) - len(_EXECUTE_AND_SYNC), False
        else:
            return None
        if kind == PARSE:
            bind = _end_of_message(data, 0)
            parsed = shared.statements.known(data[:bind], client.settings)
            if parsed is None or parsed[0]:
                return None
            statement = parsed[1]
        if not 0 <= bind < bind_end - _SHORTEST or data[bind] != BIND or data[bind + 5]:
            return None
        if _end_of_message(data, bind) != bind_end:
            return None
        name, end_of_name, values = data[bind + 6 : bind_end].partition(b"\0")
        if statement is None:
            statement = client.statements.get(name)
        if statement is None or not end_of_name or bool(name) == (kind == PARSE):
            return None
        if describes and (statement.rows is None or not client.knows_columns):
            return None  # the columns are to be remembered
        sql, text = statement.sql, statement.text
        if name:
            length = bind_end - 1 + len(statement.name) - len(name)
            sent = b"B" + length.to_bytes(4, "big") + b"\0" + statement.name + data[bind + 6 + len(name) :]
    if not text.is_ordinary:
        return None
    status = text.verdict.status if shared.caching else _DISABLED
    if status is None:
        return None
    if statement is None:
        run = QueryRun(sql, text, status, client.request, client.number)
    else:
        run = QueryRun(sql, text, status, client.request, client.number, values, statement.types)
    return OrdinaryQuery(data, sent, statement, bool(name), run)


def _end_of_message(data: bytes, start: int) -> int:
    """Where the message that begins at `start` says that it ends."""
    length: int = read_i32_be(data, start + 1)
    return start + length + 1


def translate_ordinary(client: ClientSession, origin: OriginSession, query: OrdinaryQuery) -> SentGroup | None:
    """The group that begins with `query.sent`; None if its messages have to be looked at one by one.

    That is so if anything but the reset in front of it is under way, or if its statement has to be prepared first.
    """
    statement, named = query.statement, query.named
    if named and (statement not in origin.prepared or origin.reset_drops_statements):
        return None
    if not origin.stream.queue:
        origin.nothing_under_way()
    elif not origin.only_reset_under_way:
        return None
    sent_group = SentGroup(client.receiver, simple=statement is None, queries=[query.run])
    if origin.reset_owed:
        # Messages of the extended protocol in front of a simple query begin a transaction block that its end does
        # not commit (PostgreSQL 18).
        if statement is not None and query.run.text.runs_in_any_transaction and origin.can_reset_within:
            origin.reset_within(sent_group)
        else:
            origin.reset_ahead()
    client.ordinary_query(statement, named=named)
    origin.ordinary_query(statement, query.run.text, named=named)
    return sent_group
