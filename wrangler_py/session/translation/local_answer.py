"""Answers groups of messages that need no origin connection."""

from __future__ import annotations

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import CLOSE, FLUSH, PARSE, QUERY, STATEMENT, SYNC
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.translation.sql_effects import drop_statements


class LocalAnswer:
    """`data` is for the client. `fails`: it is an error, which ends the group."""

    __slots__ = ("data", "fails")

    def __init__(self, data: bytes, *, fails: bool = False) -> None:
        self.data = data
        self.fails = fails


def answer_locally(client: ClientSession, group: list[Piece], *, closed: bool) -> LocalAnswer | None:
    """The answer to a group of a client that has no origin connection; None if the origin has to be asked."""
    kind, data, _ = group[0]
    if kind == QUERY:
        return _answer_query(client, data) if messages.is_whole(data) else None
    if kind == PARSE:
        name, statement = client.shared.statements.parsed(data, client.settings)
        refusal = statement.text.refusal
        if refusal is None or client.shared.allow_unsupported:
            return None
        if not name:
            client.statements.replace_unnamed(None)
        return LocalAnswer(client.refuse(statement.sql, refusal), fails=True)
    if not closed:
        return LocalAnswer(b"") if len(group) == 1 and kind == FLUSH else None
    return _answer_closes(client, group)


def _answer_query(client: ClientSession, query: bytes) -> LocalAnswer | None:
    text = client.text(query[5:-1])
    if text.refusal is not None and not client.shared.allow_unsupported:
        client.statements.replace_unnamed(None)
        return LocalAnswer(client.refuse(query[5:-1], text.refusal), fails=True)
    if text.deallocates is not None:
        client.statements.replace_unnamed(None)
        return LocalAnswer(drop_statements(client, text)[0] + messages.READY_IDLE)
    return None


def _answer_closes(client: ClientSession, group: list[Piece]) -> LocalAnswer | None:
    """The answer to a group of nothing but Close, Flush and Sync."""
    answers = []
    for kind, data, _ in group:
        if kind == CLOSE:
            target, name = messages.split_target(data)
            if target == STATEMENT:
                client.statements.remove(name)
            answers.append(messages.CLOSE_COMPLETE)
        elif kind == SYNC:
            client.sync()
            answers.append(messages.READY_IDLE)
        elif kind != FLUSH:
            return None
    return LocalAnswer(b"".join(answers))
