"""Random conversations: clients that share a connection get the answers that a server of their own would give."""

from __future__ import annotations

import random

import pytest
from support.model_server import (
    CHANGE,
    HIDDEN_CHANGE,
    SHOW,
    ModelServer,
    ServerError,
    data_row,
    parameter_description,
    row_description,
)
from support.raw_client import FLUSH, SYNC, bind, close, describe, execute, parse, query
from support.recording import split
from support.session_shell import Shell

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import ERROR_RESPONSE, IDLE, IN_FAILED_TRANSACTION, READY_FOR_QUERY

ROUNDS = 150
TURNS = 25
NAMES = ["", "a", "b"]
PORTALS = ["", "p"]
CONSTANT, WITH_PARAMETER, FAILING, WRONG, WRITING = (
    "SELECT 'one'", "SELECT $1::text", "SELECT 1/0", "SELECT nothing", "INSERT INTO fruits VALUES (1)",
)  # fmt: skip
PREPARED = [
    CONSTANT, CONSTANT, WITH_PARAMETER, WITH_PARAMETER, FAILING, WRONG, WRITING, "BEGIN", "COMMIT", "ROLLBACK",
    "DEALLOCATE a", "DEALLOCATE ALL", "DISCARD ALL",
]  # fmt: skip
SIMPLE = [CONSTANT, FAILING, WRONG, WRITING, "", "BEGIN", "COMMIT", "ROLLBACK", "DEALLOCATE b", "DEALLOCATE ALL"]


class Fruits:
    """The catalog of a database whose texts are those above."""

    def check(self, sql: bytes) -> None:
        if sql == WRONG.encode():
            raise ServerError("42703", 'column "nothing" does not exist')
        if sql.startswith(b"refused by the proxy"):
            raise ServerError("42601", 'syntax error at or near "refused"')

    def bind(self, sql: bytes, bind: bytes) -> None:
        given, wanted = messages.count_values(bind, 0), int(sql == WITH_PARAMETER.encode())
        if given != wanted:
            raise ServerError("08P01", f"bind message supplies {given} parameters, but {wanted} are required")

    def describe(self, sql: bytes) -> tuple[bytes, bytes]:
        parameters = parameter_description(25) if sql == WITH_PARAMETER.encode() else messages.NO_PARAMETERS
        return parameters, self.describe_portal(sql, b"")

    def describe_portal(self, sql: bytes, bind: bytes) -> bytes:
        return row_description(b"value") if sql.startswith(b"SELECT") else messages.NO_DATA

    def execute(self, sql: bytes, bind: bytes) -> bytes:
        if sql == FAILING.encode():
            raise ServerError("22012", "division by zero")
        if sql == WRITING.encode():
            return messages.command_complete("INSERT 0 1")
        return data_row(bind[-8:] if sql == WITH_PARAMETER.encode() else b"one") + messages.command_complete(
            "SELECT 1"
        )

    def query(self, sql: bytes) -> bytes:
        rows = row_description(b"value") if sql.startswith(b"SELECT") else b""
        return rows + self.execute(sql, b"")


def random_group(choose: random.Random, *, may_change: bool) -> bytes:
    """Messages up to a Sync, or a simple query. Settings are read by those who don't change them."""
    own = (choose.choice([CHANGE, HIDDEN_CHANGE]) if may_change else SHOW).decode()
    if choose.random() < 0.3:
        return query(choose.choice([*SIMPLE, own]))
    if choose.random() < 0.3:  # as most drivers do
        name, sql = choose.choice(NAMES), choose.choice([CONSTANT, WITH_PARAMETER, own])
        values = [b"value"] if sql == WITH_PARAMETER else []
        head = parse(name, sql) if not name or choose.random() < 0.5 else b""
        return head + bind("", name, values) + (describe("P") if choose.random() < 0.5 else b"") + execute() + SYNC
    return b"".join(_random_message(choose, own) for _ in range(choose.randrange(1, 5))) + SYNC


def _random_message(choose: random.Random, own: str) -> bytes:
    name, portal = choose.choice(NAMES), choose.choice(PORTALS)
    values = [b"value"] if choose.random() < 0.4 else []
    return choose.choice([
        parse(name, choose.choice([*PREPARED, own])),
        bind(portal, name, values),
        bind(portal, name, values) + execute(portal),
        describe("S", name),
        describe("P", portal),
        execute(portal),
        close("S", name),
        close("P", portal),
        FLUSH,
    ])  # fmt: skip


def shown(answers: bytes) -> list[object]:
    """The answers to one group, to compare: of an error its SQLSTATE, for the texts are not all the server's."""
    return [
        messages.parse_report(message[5:])["C"] if message[0] == ERROR_RESPONSE else message
        for message in split(answers)
    ]


def by_group(answers: bytes) -> list[bytes]:
    """Each with its ReadyForQuery."""
    groups = [b""]
    for message in split(answers):
        groups[-1] += message
        if message[0] == READY_FOR_QUERY:
            groups.append(b"")
    assert groups.pop() == b""
    return groups


class Conversation:
    """Clients of one connection, and a server for each that shows what they should be answered."""

    def __init__(self, seed: int, *, pipelined: bool, stored_code: bool) -> None:
        self._choose = random.Random(seed)
        self._pipelined = pipelined
        self.shell = Shell(ModelServer(Fruits()), clients=3, stored_code=stored_code)
        self._direct = [ModelServer(Fruits()) for _ in self.shell.clients]
        self.said = [f"seed {seed}"]

    def turn(self) -> None:
        """A client sends up to three groups, and must get what its own server answers."""
        shell, choose = self.shell, self._choose
        holder = shell.holder
        number = shell.clients.index(holder) if holder is not None else choose.randrange(len(shell.clients))
        client, direct = shell.clients[number], self._direct[number]
        expected = []
        for _ in range(choose.randrange(1, 4)):
            group = random_group(choose, may_change=number == 2)
            self.said.append(f"{number}: {group!r}")
            failed = direct.status == IN_FAILED_TRANSACTION
            expected.append((failed, direct.receive(group)))
            shell.send(client, group)
            if not self._pipelined:
                shell.read()
        shell.read()
        conversation = "\n".join(self.said)
        given = by_group(client.take_answers())
        assert len(given) == len(expected), conversation
        for answers, (failed, wanted) in zip(given, expected, strict=True):
            if failed:  # what isn't on this connection can't be prepared then, and that is the error
                assert shown(answers)[-1] == shown(wanted)[-1], conversation
            else:
                assert shown(answers) == shown(wanted), conversation
        assert (shell.holder is client) == (direct.status != IDLE), conversation
        assert not client.waits, conversation


@pytest.mark.parametrize("pipelined", [False, True], ids=["waiting for answers", "in pipelines"])
@pytest.mark.parametrize("stored_code", [False, True], ids=["without stored code", "with stored code"])
def test_clients_of_one_connection_get_what_servers_of_their_own_would_give(
    pipelined: bool, stored_code: bool
) -> None:
    resets = 0
    for seed in range(ROUNDS):
        conversation = Conversation(seed, pipelined=pipelined, stored_code=stored_code)
        for _ in range(TURNS):
            conversation.turn()
        resets += conversation.shell.resets
    assert resets > ROUNDS
