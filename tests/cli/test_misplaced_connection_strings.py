"""A connection string where a name is expected: it is refused, and its password is never repeated."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine

SECRET = "hunter2"
FORMS = [
    "postgres://u:hunter2@h:5432/d",
    "POSTGRESQL://u:hunter2@h/d",
    "postgres:/u:hunter2@h/d",
    "postgres:u:hunter2@h/d",
    "postgress://u:hunter2@h/d",
    "postgres//u:hunter2@h/d",
    "mysql://u:hunter2@h/d",
    "u:hunter2@h/d",
    "hunter2@h:5432/d",
    "//u:hunter2@h/d",
    "postgres://hunter2@h/d",
    "postgres://:hunter2@h/d",
    "postgres://u:hunter2",
    "'postgres://u:hunter2@h/d'",
    '"postgres://u:hunter2@h/d"',
    " postgres://u:hunter2@h/d",
    "postgres://u:a@hunter2/b:c#d?e@h/d",
    "postgres://u:hunter2%40@h/d",
    "postgres%3A%2F%2Fu%3Ahunter2%40h%2Fd",
    "postgres://u:x\nhunter2@h/d",
    "postgres://h/d?user=u&password=hunter2",
    "jdbc:postgresql://h/d?user=u&password=hunter2",
    "host=h user=u password=hunter2 dbname=d",
    "host=h user=u password = 'x hunter2' dbname=d",
    "password=hunter2",
    "PASSWORD=hunter2",
]
PLACES = [
    ("hyperdrive", "get", "{}"),
    ("hyperdrive", "create", "{}", "--embedded"),
    ("hyperdrive", "bind", "{}"),
    ("hyperdrive", "bind", "x", "--binding", "{}"),
    ("hyperdrive", "exec", "{}", "--", "true"),
    ("hyperdrive", "exec", "--", "{}"),
    ("hyperdrive", "{}"),
    ("hyperdrive", "list", "{}"),
    ("hyperdrive", "explain", "{}"),
    ("hyperdrive", "explain", "SELECT 1", "{}"),
    ("hyperdrive", "execute", "x", "--command", "{}"),
    ("cert", "delete", "{}"),
    ("dev", "--env={}"),
    ("dev", "{}"),
    ("{}",),
]


def assert_silent(output: str, form: str) -> None:
    assert SECRET not in output, output
    assert "hunter" not in output


@pytest.mark.parametrize("form", FORMS)
def test_every_form(cli: CommandLine, form: str) -> None:
    outcome = cli("hyperdrive", "get", form)
    assert outcome.status == 2
    assert "BINDING must not be a connection string" in outcome.stderr
    assert_silent(outcome.output, form)


def test_a_url_of_the_web_is_called_one(cli: CommandLine) -> None:
    outcome = cli("dev", "--allowed-host", "http://app.example.test")
    assert outcome.status == 2
    assert "--allowed-host must not be a URL." in outcome.stderr


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
@pytest.mark.parametrize("form", [FORMS[0], FORMS[8], FORMS[16], FORMS[19], FORMS[22]])
def test_every_place(cli: CommandLine, place: tuple[str, ...], form: str) -> None:
    (cli.cwd / "wrangler.toml").write_text('name = "x"\nmain = "src/entry.py"\n')
    outcome = cli(*(part.format(form) for part in place))
    assert outcome.status != 0
    assert_silent(outcome.output, form)


@pytest.mark.parametrize(
    "option", ["--port", "--nonsense", "--database", "--user", "--pool-size", "--persist-to", "--cwd"]
)
def test_options(cli: CommandLine, option: str) -> None:
    for arguments in ([option, FORMS[0]], [f"{option}={FORMS[0]}"]):
        outcome = cli("hyperdrive", "proxy", *arguments)
        assert outcome.status == 2
        assert_silent(outcome.output, FORMS[0])


def test_every_option_of_every_command(cli: CommandLine) -> None:
    from wrangler_py.cli import typer_adapter
    from wrangler_py.cli.commands import COMMANDS
    from wrangler_py.cli.misplaced import MAY_BE_ANYTHING

    def commands(command: object, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], object]]:
        below = getattr(command, "commands", None) or {}
        return [pair for name, each in below.items() for pair in commands(each, (*path, name))] or [(path, command)]

    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from wrangler_py.cli.app import run

    tried = 0
    for name in COMMANDS:
        for path, command in commands(typer_adapter.load(name), (name,)):
            for parameter in command.params:  # type: ignore[attr-defined]
                if parameter.name in MAY_BE_ANYTHING or getattr(parameter, "is_flag", False):
                    continue
                option = [parameter.opts[0]] if parameter.opts[0].startswith("-") else []
                written = StringIO()
                with redirect_stdout(written), redirect_stderr(written):
                    status = run([*path, *option, FORMS[0]])
                assert status == 2, (path, parameter.name, written.getvalue())
                assert_silent(written.getvalue(), FORMS[0])
                tried += 1
    assert tried > 50


def test_what_may_look_like_one_is_taken(cli: CommandLine) -> None:
    cli.ok("hyperdrive", "create", "n", "--connection-string", "postgres://u:p@127.0.0.1/d", "--no-check")
    cli.ok("hyperdrive", "update", "n", "--origin-user", "user@server", "--no-check")
    cli.ok("hyperdrive", "update", "n", "--origin-password", "postgres://u:p@h/d", "--no-check")
    cli.ok("hyperdrive", "explain", "SELECT * FROM users WHERE password = 'a:b@c/d' AND host = 'x'")


def test_a_name_in_a_file(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(
        f'name = "x"\n[[hyperdrive]]\nbinding = "ONE"\nid = "{FORMS[0]}"\n'
        f'[[hyperdrive]]\nbinding = "{FORMS[0]}"\nid = "x"\n'
    )
    for command in (
        ("hyperdrive", "proxy"),
        ("hyperdrive", "exec", "--", "true"),
        ("dev",),
        ("hyperdrive", "get", "ONE"),
    ):
        assert_silent(cli(*command).output, FORMS[0])
