"""The ways in which a client can run a text, as messages."""

from __future__ import annotations

import itertools

from support.raw_client import SYNC, Message, RawClient, bind, describe, execute, parse, query

_numbers = itertools.count()


def simple(sql: str) -> bytes:
    return query(sql)


def unnamed(sql: str) -> bytes:
    return parse("", sql) + bind() + describe("P") + execute() + SYNC


def named(sql: str) -> bytes:
    name = f"s{next(_numbers)}"
    return parse(name, sql) + bind("", name) + execute() + SYNC


def named_in_turns(sql: str) -> bytes:
    """Two groups, as drivers do that describe a statement when they prepare it."""
    name = f"s{next(_numbers)}"
    return parse(name, sql) + describe("S", name) + SYNC + bind("", name) + execute() + SYNC


FORMS = [simple, unnamed, named, named_in_turns]


def ask(client: RawClient, *sent: bytes) -> list[Message]:
    """Sends all of `sent` at once; the answers."""
    client.send(*sent)
    return client.until_ready(sum(count_ends(data) for data in sent))


def count_ends(data: bytes) -> int:
    """How many ReadyForQuery `data` is answered with."""
    ends = 0
    while data:
        ends += data[:1] in (b"Q", b"S")
        data = data[1 + int.from_bytes(data[1:5], "big") :]
    return ends


def values(answers: list[Message]) -> list[bytes | None]:
    """The first column of all rows. Fails if there is an error among the answers."""
    assert not [answer.fields for answer in answers if answer.kind == "E"]
    return [answer.values[0] for answer in answers if answer.kind == "D"]
