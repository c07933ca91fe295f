"""`CONFIG|BINDING` stands for the same in every command that takes it."""

from __future__ import annotations

import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.command_line import CommandLine, Outcome
from support.postgres_server import DATABASE, PostgresServer

COMMANDS = {
    "get": ["get", "{}"],
    "update": ["update", "{}", "--swr=7", "--no-check"],
    "explain": ["explain", "SELECT 1", "{}", "--json"],
    "execute": ["execute", "{}", "--json", "--command=SELECT current_database() AS name"],
    "exec": ["exec", "{}", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'])"],
    "proxy": ["proxy", "{}"],
}
COMMAND = pytest.mark.parametrize("command", COMMANDS)

CONFIGS = {"HYPERDRIVE": "postgres", "other": DATABASE}
"""The database of each config; the first has the name of the binding, the second its id."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tls_postgres: PostgresServer, certificates: Any) -> Path:
    """A folder with a store and a project, whose binding HYPERDRIVE has the id of the config `other`."""
    root = tmp_path_factory.mktemp("targets")
    (root / "project").mkdir()
    cli = CommandLine(root / "home", root / "project")
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    for name, database in CONFIGS.items():
        string = tls_postgres.dsn(database=database)
        tls = ("--sslmode", "verify-ca", "--ca-certificate-id", "ca")
        cli.ok("hyperdrive", "create", name, f"--connection-string={string}", "--no-check", *tls)
    (cli.cwd / "wrangler.toml").write_text('name = "x"\n')
    cli.ok("hyperdrive", "bind", "other", "--binding", "HYPERDRIVE")
    return root


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> CommandLine:
    """The command line in a copy of the prepared project."""
    shutil.copytree(prepared, tmp_path / "copy")
    return CommandLine(tmp_path / "copy" / "home", tmp_path / "copy" / "project")


def run(cli: CommandLine, command: str, name: str, *options: str) -> Outcome:
    """Run `command` with `name`; the proxy is interrupted when it serves."""
    first, *arguments = (argument.format(name) for argument in COMMANDS[command])
    with cli.start("hyperdrive", first, *options, *arguments) as process:
        printed = ""
        if command == "proxy":
            assert process.stdout is not None
            for line in process.stdout:
                printed += line
                if line.startswith("postgresql://"):
                    process.send_signal(signal.SIGINT)
                    break
        stdout, stderr = process.communicate("")
    assert "Traceback" not in stderr, stderr
    return Outcome(printed + stdout, stderr, process.returncode)


def reached(cli: CommandLine, command: str, name: str, *options: str) -> tuple[str, Outcome]:
    """The config or database that `command` reached, and what it printed."""
    outcome = run(cli, command, name, *options)
    assert outcome.status == 0, outcome.output
    match command:
        case "get":
            return outcome.json()["name"], outcome
        case "update":
            found = re.search(r'"name": "(.*)"', outcome.stdout)
            assert found, outcome.stdout
            return found[1], outcome
        case "explain":
            return outcome.json()["config"], outcome
        case "execute":
            database = outcome.json()[0]["results"][0]["name"]
        case _:
            database = urlsplit(outcome.stdout.strip().splitlines()[-1]).path.removeprefix("/")
    return next((name for name, each in CONFIGS.items() if each == database), database), outcome


@COMMAND
def test_a_binding_comes_before_a_config_of_its_name(project: CommandLine, command: str) -> None:
    database, outcome = reached(project, command, "HYPERDRIVE")
    assert database == "other"
    assert "HYPERDRIVE is a binding of wrangler.toml and also the name of another config." in outcome.stderr
    found = re.search("give its id: ([0-9a-f]{32})\n", outcome.stderr)
    assert found, outcome.stderr
    assert outcome.stderr.count(found[1]) == 1
    assert reached(project, command, found[1])[0] == "HYPERDRIVE"


@COMMAND
def test_a_name_with_one_meaning_is_not_commented(project: CommandLine, command: str) -> None:
    database, outcome = reached(project, command, "other")
    assert database == "other"
    assert "also the name" not in outcome.stderr


@COMMAND
def test_without_a_project_the_config_is_meant(project: CommandLine, command: str) -> None:
    (project.cwd / "wrangler.toml").unlink()
    assert reached(project, command, "HYPERDRIVE")[0] == "HYPERDRIVE"


@COMMAND
def test_the_environment_of_the_config_file_counts(project: CommandLine, command: str) -> None:
    with (project.cwd / "wrangler.toml").open("a") as file:
        file.write("[env.staging]\n")
    assert reached(project, command, "HYPERDRIVE", "--env", "staging")[0] == "HYPERDRIVE"


@COMMAND
def test_env_files_are_read(project: CommandLine, command: str, postgres: PostgresServer) -> None:
    variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    (project.cwd / "local.env").write_text(f"{variable}={postgres.dsn(database='template1')}\n")
    database, outcome = reached(project, command, "HYPERDRIVE", "--env-file", "local.env")
    # Those about the config are about it wherever the database is.
    assert database == ("other" if command in ("get", "update", "explain") else "template1")
    if command in ("get", "update"):
        assert f"the database of HYPERDRIVE is from {variable}, not from the config other" in outcome.stderr
    missing = run(project, command, "HYPERDRIVE", "--env-file", "missing.env")
    assert missing.status == 1
    assert "No such env file" in missing.stderr


@COMMAND
def test_an_unknown_name_comes_with_those_there_are(project: CommandLine, command: str) -> None:
    outcome = run(project, command, "HYPERDRIV")
    assert outcome.status == 1
    assert "No Hyperdrive config has the id or name 'HYPERDRIV'." in outcome.stderr
    assert "Bindings of wrangler.toml: HYPERDRIVE\n" in outcome.stderr
    assert "Known configs: HYPERDRIVE, other" in outcome.stderr


@pytest.mark.parametrize("command", ["push", "diff"])
def test_what_is_compared_with_cloudflare_is_the_bindings_config_too(project: CommandLine, command: str) -> None:
    """It ends at the login, which the folder of its own has not; the config is looked up before."""
    outcome = project("hyperdrive", command, "HYPERDRIVE", HOME=str(project.home))
    assert outcome.status == 1
    assert "HYPERDRIVE is a binding of wrangler.toml and also the name of another config." in outcome.stderr


@pytest.mark.parametrize("command", ["get", "update"])
def test_a_binding_without_a_config_is_named(project: CommandLine, command: str) -> None:
    project.ok("hyperdrive", "delete", "other")
    outcome = run(project, command, "HYPERDRIVE")
    assert outcome.status == 1
    assert "No config in the local store has the id of the binding HYPERDRIVE" in outcome.stderr
    assert "Known configs: HYPERDRIVE" in outcome.stderr
    assert outcome.stdout == ""
