"""The adapter of Typer with the lowest and the newest version that pyproject.toml allows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.command_line import CommandLine

ROOT = Path(__file__).parents[2]
STRING = "postgres://app:secret@db.example.com/app"


def requirement() -> str:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (found,) = (each for each in dependencies if re.match(r"typer\b", each))
    return str(found)


def lowest() -> str:
    found = re.search(r">=([0-9.]+)", requirement())
    assert found
    return f"typer=={found[1]}.0"


@dataclass(frozen=True)
class Typer:
    """One version, installed in a folder of its own."""

    version: str
    folder: Path


@pytest.fixture(scope="module", params=["lowest", "newest"])
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Typer:
    wanted = lowest() if request.param == "lowest" else requirement()
    folder = tmp_path_factory.mktemp(request.param)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    result = subprocess.run([*pip, "--target", folder, wanted], capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"{wanted} cannot be installed: {result.stderr.strip().splitlines()[-1]}")
    (metadata,) = folder.glob("typer-*.dist-info")
    return Typer(metadata.name.removeprefix("typer-").removesuffix(".dist-info"), folder)


@pytest.fixture
def on_version(cli: CommandLine, version: Typer) -> CommandLine:
    """The command line on that version, in a project with an environment."""
    cli.environ["PYTHONPATH"] = str(version.folder)
    (cli.cwd / "wrangler.toml").write_text(
        'name = "app"\n[env.staging]\nname = "app-staging"\ncompatibility_flags = ["nodejs_compat"]\n'
    )
    return cli


def test_the_version_is_the_one_that_runs(on_version: CommandLine, version: Typer) -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import typer; print(typer.__version__)"],
        capture_output=True,
        text=True,
        env={**os.environ, **on_version.environ},
        check=True,
    )
    assert result.stdout.strip() == version.version


def test_help_has_the_options_of_the_command_and_the_global_ones(on_version: CommandLine) -> None:
    said = on_version.ok("hyperdrive", "create", "--help").stdout
    assert said.startswith("Usage: wrangler-py hyperdrive create [OPTIONS] NAME\n")
    for option in ("--connection-string", "--origin-host, --host", "--caching-disabled / --no-caching-disabled"):
        assert f"\n  {option}" in said
    assert said.index("--connection-string") < said.index("--swr") < said.index("--no-check")
    assert said.count("Global options:") == 1
    assert said.count("--env-file") == 1
    for arguments in (["hyperdrive"], ["hyperdrive", "-h"]):
        said = on_version.ok(*arguments).stdout
        assert "\n  explain " in said
        assert said.count("Global options:") == 1


def test_options_of_every_kind(on_version: CommandLine) -> None:
    options = ("--max-age", "30", "--swr=7", "--origin-connection-limit", "5", "--no-check")
    on_version.ok("hyperdrive", "create", "db", "--connection-string", STRING, *options)
    on_version.ok("hyperdrive", "update", "db", "--caching-disabled=true", "--no-check")
    shown = on_version.ok("hyperdrive", "get", "db").json()
    assert shown["caching"] == {"disabled": True}
    assert shown["origin_connection_limit"] == 5
    on_version.ok("hyperdrive", "update", "db", "--no-caching-disabled", "--no-check")
    assert on_version.ok("hyperdrive", "list", "--json").json()[0]["caching"]["disabled"] is False


def test_global_options_stand_anywhere(on_version: CommandLine) -> None:
    for arguments in (
        ["-e", "staging", "node-compat", "status"],
        ["node-compat", "--env=staging", "status"],
        ["node-compat", "status", "--env", "other", "--config", "wrangler.toml", "-estaging"],
    ):
        assert "is on in wrangler.toml (environment staging)" in on_version.ok(*arguments).stdout


def test_the_command_of_exec_is_left_alone(on_version: CommandLine, version: Typer) -> None:
    on_version.ok("hyperdrive", "create", "db", "--connection-string", STRING, "--no-check")
    outcome = on_version(
        *("hyperdrive", "exec", "db", "--pool-size", "3", "--", sys.executable, "-c"),
        "import sys; sys.exit(len(sys.argv))",
        "--help",
        "--",
    )
    assert outcome.status == 3, outcome.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hyperdriv"], "Did you mean `wrangler-py hyperdrive`?"),
        (["hyperdrive", "creat"], "create"),
        (["hyperdrive", "get"], "Missing argument 'CONFIG|BINDING'"),
        (["hyperdrive", "list", "--bogus"], "Run `wrangler-py hyperdrive list --help` for more."),
        (["hyperdrive", "create", "db", "--max-age", "long"], "Invalid value for '--max-age'"),
        (["hyperdrive", "proxy", "--port", "65536"], "Invalid value for '--port'"),
        (["dev", "--log-level", "loud"], "Invalid value for '--log-level'"),
        (["hyperdrive", "get", STRING], "CONFIG|BINDING must not be a connection string"),
        (["hyperdrive", "list", "--env", STRING], "--env must not be a connection string"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_explained(on_version: CommandLine, arguments: list[str], message: str) -> None:
    outcome = on_version(*arguments)
    assert outcome.status == 2
    assert outcome.stderr.startswith("✘ [ERROR] ")
    assert message in outcome.stderr
    assert outcome.stdout == ""
