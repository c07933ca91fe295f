"""`wrangler-py hyperdrive restart` from another terminal, beside a session that runs."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.command_line import CommandLine

ASK = "SELECT pg_backend_pid(), random()"


@contextlib.contextmanager
def serving(cli: CommandLine, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A proxy that accepts clients, and its connection strings."""
    with cli.start("hyperdrive", "proxy", *arguments) as process:
        try:
            assert process.stderr is not None
            assert process.stdout is not None
            line = ""
            while not line.startswith("Ready."):
                line = process.stderr.readline()
                assert line, "ended before it was ready"
            strings: list[str] = []
            while not strings or line.startswith("│"):
                line = process.stdout.readline()
                if line.startswith("postgresql://"):
                    strings.append(line.strip())
            yield process, strings
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=30)


def session_files(cli: CommandLine) -> list[Path]:
    return sorted((cli.home / "sessions").glob("*"))


def test_a_running_session_gets_new_connections(cli: CommandLine, postgres: Any) -> None:
    with (
        serving(cli, "--connection-string", postgres.dsn()) as (process, (string, *_)),
        psycopg.connect(string, autocommit=True) as client,
    ):
        before = client.execute(ASK).fetchone()
        assert "Restarted HYPERDRIVE" in cli.ok("hyperdrive", "restart", "HYPERDRIVE").stdout
        after = client.execute(ASK).fetchone()
        assert before is not None
        assert after is not None
        assert before[0] != after[0]
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "HYPERDRIVE was restarted: its origin connections are closed." in errors
    assert session_files(cli) == []


def test_a_config_is_known_by_its_name_from_anywhere(
    two_bindings: CommandLine, postgres: Any, tmp_path: Path
) -> None:
    two_bindings.ok("hyperdrive", "create", "shop", "--no-check", f"--connection-string={postgres.dsn()}")
    (shop,) = two_bindings.ok("hyperdrive", "list", "--json").json()
    config = two_bindings.cwd / "wrangler.toml"
    config.write_text(config.read_text().replace("0" * 32, shop["id"], 1))
    elsewhere = CommandLine(two_bindings.home, tmp_path)
    with serving(two_bindings):
        assert elsewhere.ok("hyperdrive", "restart", "shop").stdout.count("Restarted") == 1
        assert "Restarted ONE" in elsewhere.ok("hyperdrive", "restart", shop["id"]).stdout
        assert "No running session serves 'ONE'" in elsewhere.fails("hyperdrive", "restart", "ONE")
        assert "They serve: TWO, shop." in elsewhere.fails("hyperdrive", "restart", "other")


def test_without_a_session_it_says_so(cli: CommandLine) -> None:
    said = cli.fails("hyperdrive", "restart", "shop")
    assert "No session is running, so 'shop' cannot be restarted." in said
    assert "--remote" in said


def test_the_file_of_a_killed_session_is_recognised(cli: CommandLine, postgres: Any) -> None:
    with serving(cli, "--connection-string", postgres.dsn()) as (process, _):
        (file,) = session_files(cli)
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        process.kill()
        process.wait(30)
        assert session_files(cli) == [file]
        assert "No session is running" in cli.fails("hyperdrive", "restart", "HYPERDRIVE")
        assert session_files(cli) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99}', '{"version": 1, "port": "x", "secret": ""}'])
def test_a_damaged_session_file_is_ignored(cli: CommandLine, content: str) -> None:
    folder = cli.home / "sessions"
    folder.mkdir(parents=True)
    (folder / "1-2.json").write_text(content)
    assert "No session is running" in cli.fails("hyperdrive", "restart", "HYPERDRIVE")


@pytest.mark.parametrize(
    "request_line",
    [
        b'{"command": "restart", "name": "HYPERDRIVE", "secret": "guessed"}',
        b'{"command": "restart", "name": "HYPERDRIVE"}',
        b'{"secret": 1}',
        b"[]",
        b"nonsense",
        b"GET / HTTP/1.1",
        b"x" * 200_000,
    ],
)
def test_requests_without_the_secret_get_no_answer(cli: CommandLine, postgres: Any, request_line: bytes) -> None:
    with serving(cli, "--connection-string", postgres.dsn()) as (_, (string, *_rest)):
        (file,) = session_files(cli)
        with (
            socket.create_connection(("127.0.0.1", json.loads(file.read_text())["port"])) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(request_line + b"\n")
            assert connection.recv(1000) == b""
        with psycopg.connect(string) as client:
            client.execute("SELECT 1")
        cli.ok("hyperdrive", "restart", "HYPERDRIVE")
