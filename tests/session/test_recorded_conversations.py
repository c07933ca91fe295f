"""What drivers and a server have said to each other: with the session floor in between, it is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.model_server import ModelServer
from support.recording import FOLDER, RecordedCatalog, read, split
from support.session_shell import Shell

FILES = sorted(FOLDER.glob("*.txt"))


def test_there_are_recordings() -> None:
    assert len(FILES) >= 4


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_driver_gets_the_answers_that_the_server_gave(file: Path) -> None:
    turns = read(file)
    shell = Shell(ModelServer(RecordedCatalog(turns)))
    for client in shell.clients:  # the second finds statements that the first has left
        for sent, answered in turns:
            shell.send(client, b"".join(sent))
            shell.read()
            assert list(split(client.take_answers())) == answered


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_driver_that_sends_single_messages_gets_the_same_answers(file: Path) -> None:
    turns = read(file)
    shell = Shell(ModelServer(RecordedCatalog(turns)))
    (client, _) = shell.clients
    for sent, answered in turns:
        for message in sent:
            shell.send(client, message)
            shell.read()
        assert list(split(client.take_answers())) == answered


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_drivers_can_take_turns(file: Path) -> None:
    turns = read(file)
    shell = Shell(ModelServer(RecordedCatalog(turns)), clients=3)
    left = {client: list(turns) for client in shell.clients}
    while any(left.values()):
        for client in shell.clients:
            if left[client] and shell.holder in (None, client):
                sent, answered = left[client].pop(0)
                shell.send(client, b"".join(sent))
                shell.read()
                assert list(split(client.take_answers())) == answered
    assert shell.resets
