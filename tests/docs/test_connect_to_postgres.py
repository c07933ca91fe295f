"""The page `docs/connect-to-postgres.md`, followed from top to bottom: its files written, its commands run."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.dev_process import DevProcess, own_inspector
from support.postgres_server import PostgresServer, free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "connect-to-postgres.md").read_text(encoding="utf-8")
PORT = "6432"
EXAMPLE = "postgres://user:password@database.host.example.com:5432/databasename"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?://|#) (src/\S+)\n")


class Reader:
    """Follows the page in the folder of a Worker; `done` are the commands that worked."""

    def __init__(self, cli: CommandLine, server: PostgresServer, ca: Path) -> None:
        self.cli = cli
        self.string = server.dsn(host="localhost")
        # `require` trusts public roots: here, that of the test server's certificate.
        self.environ = {"SSL_CERT_FILE": str(ca)}
        self.dev: DevProcess | None = None
        self.done: list[str] = []
        self._stack = contextlib.ExitStack()

    def close(self) -> None:
        self._stack.close()

    def follow(self, language: str, text: str) -> None:
        if language in ("ts", "python"):
            name = FILE.match(text)
            assert name, text
            (self.cli.cwd / name[1]).write_text(text)
        elif language == "toml":
            config = (self.cli.cwd / "wrangler.toml").read_text()
            for line in text.splitlines():
                assert line in config or line.startswith("id = "), config
        elif language == "sh":
            for line in text.splitlines():
                self.run(line)
                self.done.append(line)

    def run(self, line: str) -> None:
        program, *arguments = shlex.split(line.replace(PORT, str(free_port())).replace(EXAMPLE, self.string))
        match [program, *arguments]:
            case ["wrangler-py", "dev", *options]:
                self._stack.close()
                if "src/entry.py" not in options:
                    options += own_inspector()
                self.dev = self._stack.enter_context(DevProcess(self.cli.cwd, *options, environment=self.environ))
                self.dev.ready()
            case ["curl", url]:
                assert url == "http://localhost:8787/"
                assert self.dev is not None
                answer = self.dev.get()
                assert answer.status_code == 200, self.dev.output
                assert "pg_class" in {table["tablename"] for table in answer.json()["tables"]}
            case ["wrangler-py", "hyperdrive", "proxy", *_]:
                self.serve(arguments)
            case ["wrangler-py", "hyperdrive", "execute", *_]:
                rows = self.cli.ok(*arguments, "--json", **self.environ).json()[0]["results"]
                assert rows == [{"usename": "app", "application_name": "Cloudflare Hyperdrive"}]
            case ["wrangler-py", "hyperdrive", "exec", "--any-database", *_]:
                pass  # wants a Django project: tests/cli/test_any_database.py has one
            case ["wrangler-py", *_]:
                self.cli.ok(*arguments, **self.environ)
            case ["npm", *_]:
                # Dry: what is installed is shared by all tests.
                environ = {**os.environ, "npm_config_dry_run": "true", "npm_config_prefer_offline": "true"}
                subprocess.run([str(shutil.which("npm")), *arguments], cwd=self.cli.cwd, env=environ, check=True)
            case _:
                pytest.fail(f"The page has a command that this test does not know: {line}")

    def serve(self, arguments: list[str]) -> None:
        with self.cli.start(*arguments, **self.environ) as process:
            assert process.stderr is not None
            while not (line := process.stderr.readline()).startswith("Ready."):
                assert line, "it ended before it was ready"
            process.send_signal(signal.SIGINT)
            process.communicate()
        assert process.returncode == 0


@pytest.fixture
def reader(tmp_path: Path, node_modules: Path, tls_postgres: PostgresServer, ca_pem: Path) -> Iterator[Reader]:
    project = tmp_path / "worker"
    (project / "src").mkdir(parents=True)
    (project / "wrangler.toml").write_text(
        'name = "worker"\nmain = "src/index.ts"\ncompatibility_date = "2026-04-01"\n'
    )
    (project / "package.json").write_text('{"name": "worker", "scripts": {"test": "node --version"}}')
    (project / "node_modules").symlink_to(node_modules, target_is_directory=True)
    shutil.copyfile(ca_pem, project / "ca.pem")
    reader = Reader(CommandLine(project / "home", project), tls_postgres, ca_pem)
    yield reader
    reader.close()


def test_every_command_works(reader: Reader) -> None:
    for language, text in BLOCK.findall(PAGE):
        reader.follow(language, text)
    assert len(reader.done) >= 12


def test_every_command_in_the_text_works(reader: Reader) -> None:
    commands = dict.fromkeys(re.findall(r"`(wrangler-py [^`]+)`", PAGE))
    assert len(commands) >= 5
    for command in commands:
        arguments = shlex.split(command.replace("NAME", "another"))[1:]
        if arguments == ["dev"]:
            continue  # the page has it as a block, too
        reader.cli.ok(*arguments)
