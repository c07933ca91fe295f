from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import wrangler_py

CONFIG = """\
name = "app"

[env.staging]
name = "app-staging"
compatibility_flags = ["nodejs_compat"]
"""


def wrangler(*arguments: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wrangler_py", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1", **environ},
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


BUILD = os.environ.get("WRANGLER_PY_TEST_BUILD", "pure Python")
"""Which build is tested: see `scripts/test-compiled`."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "wrangler.toml").write_text(CONFIG)
    return tmp_path / "app"


@pytest.mark.parametrize(
    "arguments", [["-v"], ["--version"], ["hyperdrive", "-v"], ["node-compat", "status", "--version"]]
)
def test_the_version(arguments: list[str]) -> None:
    result = wrangler(*arguments)
    assert (result.returncode, result.stdout) == (0, f"wrangler-py {wrangler_py.__version__} ({BUILD})\n")


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["--cwd", ".", "--help"]])
def test_the_help_lists_the_commands(arguments: list[str]) -> None:
    result = wrangler(*arguments)
    assert result.returncode == 0
    for command in ("init", "dev", "hyperdrive", "cert", "node-compat"):
        assert f"\n  {command} " in result.stdout
    assert result.stdout.count("Global options:") == 1


@pytest.mark.parametrize(
    "arguments",
    [["init", "-h"], ["dev", "--help"], ["hyperdrive", "--help"], ["hyperdrive"], ["node-compat", "enable", "-h"]],
)
def test_every_help_has_the_global_options(arguments: list[str]) -> None:
    result = wrangler(*arguments)
    assert result.returncode == 0
    assert "Usage: wrangler-py " + arguments[0] in result.stdout
    assert result.stdout.count("Global options:") == 1
    assert "--env-file" in result.stdout


@pytest.mark.parametrize("group", ["hyperdrive", "embedded", "cert", "node-compat"])
def test_the_summary_of_each_command_is_whole(group: str) -> None:
    commands = wrangler(group).stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    assert commands
    assert "..." not in commands


def test_usage_has_arguments_by_their_names_alone() -> None:
    assert wrangler("hyperdrive", "create", "-h").stdout.startswith(
        "Usage: wrangler-py hyperdrive create [OPTIONS] NAME\n"
    )
    said = wrangler("hyperdrive", "get").stderr
    assert "Usage: wrangler-py hyperdrive get [OPTIONS] CONFIG|BINDING\n" in said


@pytest.mark.parametrize(
    "template",
    [
        ["-c", "{config}", "-e", "staging", "node-compat", "status"],
        ["node-compat", "-c", "{config}", "--env=staging", "status"],
        ["node-compat", "status", "--config={config}", "-e", "staging"],
        ["--cwd", "{root}", "node-compat", "status", "-estaging"],
        ["node-compat", "status", "--env", "production", "--cwd={root}", "--env", "staging"],
        ["--env", "production", "node-compat", "status", "-c{config}", "--env=staging"],
    ],
)
def test_global_options_stand_anywhere(template: list[str], project: Path) -> None:
    places = {"config": project / "wrangler.toml", "root": project}
    result = wrangler(*(argument.format(**places) for argument in template))
    assert result.returncode == 0, result.stderr
    assert "is on in wrangler.toml (environment staging)" in result.stdout


def test_config_is_taken_from_cwd_and_the_environment_from_the_process(project: Path) -> None:
    arguments = ["node-compat", "status", "--cwd", "app", "-c", "wrangler.toml"]
    result = wrangler(*arguments, cwd=project.parent, CLOUDFLARE_ENV="staging")
    assert "(environment staging)" in result.stdout
    result = wrangler(*arguments, "--env", "", cwd=project.parent, CLOUDFLARE_ENV="staging")
    assert "is off in wrangler.toml" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["hyperdriv"], "Unknown command: 'hyperdriv'", 2),
        (["hyperdriv"], "Did you mean `wrangler-py hyperdrive`?", 2),
        (["login"], "npx wrangler login", 2),
        (["--bogus"], "No such option", 2),
        (["node-compat", "enabel"], "enable", 2),
        (["node-compat", "status", "--bogus"], "Run `wrangler-py node-compat status --help`", 2),
        (["node-compat", "status", "-e"], "requires an argument", 2),
        (["node-compat", "status", "--cwd", "no-such-folder"], "No such folder", 1),
        (["--cwd", "no-such-folder", "hyperdrive", "list"], "No such folder", 1),
        (["hyperdrive", "get"], "Missing argument 'CONFIG|BINDING'", 2),
        (["hyperdrive", "create", "db", "--max-age", "long"], "'--max-age': it must be a whole number.", 2),
        (["hyperdrive", "create", "db", "--caching-disabled=no"], "is true or false, not 'no'", 2),
        (["hyperdrive", "create", "db", "--databse=d"], "No such option: --databse. Did you mean --database?", 2),
        (["hyperdrive", "proxy", "--port", "65536"], "'--port': it must be less than or equal to 65535.", 2),
        (["hyperdrive", "proxy", "--port", "-1"], "'--port': it must be greater than or equal to 0.", 2),
        (["dev", "--log-level", "loud"], "'--log-level': 'loud' is not one of 'none', 'error', 'warn'", 2),
        (["node-compat", "status", "-c", "none.toml"], "No such config file", 1),
        (["node-compat", "status", "--cwd", Path.cwd().anchor], "No wrangler.toml", 1),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str, status: int, tmp_path: Path) -> None:
    result = wrangler(*arguments, cwd=tmp_path)
    assert result.returncode == status
    assert result.stderr.startswith("✘ [ERROR] ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_config_file_is_looked_for_above_cwd_alone(project: Path) -> None:
    (project / "src").mkdir()
    assert "No wrangler.toml" in wrangler("node-compat", "status", "--cwd", "..", cwd=project).stderr
    assert wrangler("node-compat", "status", "--cwd", "src/..", cwd=project).returncode == 0


def test_an_unknown_environment_is_an_error(project: Path) -> None:
    result = wrangler("node-compat", "enable", "-e", "prod", cwd=project)
    assert result.returncode == 1
    assert "has no environment 'prod'" in result.stderr
    assert "It has: staging." in result.stderr


def test_broken_config_is_shown_with_line_and_column(project: Path) -> None:
    (project / "wrangler.toml").write_text('name = "x"\nmain "y"\n')
    result = wrangler("node-compat", "enable", cwd=project)
    assert result.returncode == 1
    assert "wrangler.toml:2:6:" in result.stderr
    assert '  2 | main "y"\n    |      ^\n' in result.stderr
    assert (project / "wrangler.toml").read_text() == 'name = "x"\nmain "y"\n'


def test_two_kinds_of_config_are_mentioned(project: Path) -> None:
    (project / "wrangler.json").write_text("{}")
    result = wrangler("node-compat", "status", cwd=project)
    assert "Using wrangler.json; it takes precedence over wrangler.toml." in result.stderr
    assert "is off in wrangler.json" in result.stdout
    (project / "wrangler.json").rename(project / "wrangler.jsonc")
    result = wrangler("node-compat", "status", cwd=project)
    assert "Using wrangler.jsonc; it takes precedence over wrangler.toml." in result.stderr
    (project.parent / "wrangler.json").write_text("{}")
    result = wrangler("node-compat", "status", cwd=project)
    assert "Using ../wrangler.json; it takes precedence over wrangler.jsonc, wrangler.toml." in result.stderr
    result = wrangler("node-compat", "status", "--config", "wrangler.toml", cwd=project)
    assert "precedence" not in result.stderr


def test_colours_only_where_wanted(tmp_path: Path) -> None:
    assert "\x1b" not in wrangler("bogus").stderr
    assert "\x1b" in wrangler("bogus", FORCE_COLOR="1").stderr
    assert "\x1b" not in wrangler("bogus", FORCE_COLOR="1", NO_COLOR="1").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's pipes are Unix ones")
def test_a_closed_pipe_causes_no_traceback() -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.stdin.read(); from wrangler_py.cli.app import main; main()",
            "--help",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate("", timeout=60)
    assert stderr == ""
    assert process.returncode == 1


@pytest.mark.parametrize("module", ["masking", "cli.printing", "cli.commands", "cli.typer_adapter"])
def test_ctrl_c_during_the_start_causes_no_traceback(module: str) -> None:
    script = f"""
import sys
from wrangler_py.cli.app import main


class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "wrangler_py.{module}":
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupts())
sys.argv = ["wrangler-py", *(["--help"] if "{module}" == "cli.commands" else ["whoami"])]
main()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in result.stderr
    assert result.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")
def test_ctrl_c_at_a_question_causes_no_traceback(tmp_path: Path) -> None:
    import pexpect

    environ = {**os.environ, "TERM": "dumb", "PYTHONUTF8": "1"}
    environ.pop("CI", None)
    child = pexpect.spawn(sys.executable, ["-m", "wrangler_py", "init"], cwd=str(tmp_path), env=environ, timeout=60)
    child.expect("name of the project")
    child.kill(signal.SIGINT)
    while child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=2):
        child.kill(signal.SIGINT)  # it came before the question was waited at
    child.close()
    assert b"Traceback" not in (child.before or b"")
    assert child.exitstatus == 130
    assert list(tmp_path.iterdir()) == []


FULL = Path("/dev/full")
"""A device on which there is never any space left."""


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["cert", "upload", "-h"], ["hyperdrive", "list"], ["cert", "list", "--json"]],
)
def test_a_full_disk_is_an_error(arguments: list[str], buffered: str, tmp_path: Path) -> None:
    environ = {**os.environ, "WRANGLER_PY_HOME": str(tmp_path), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": buffered}
    with FULL.open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "wrangler_py", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        )
    assert result.stderr == "✘ [ERROR] Cannot write to standard output: No space left on device.\n"
    assert result.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("hyperdrive list >&-", 0),
        ("--help >&-", 0),
        ("hyperdrive get nope >&- 2>&-", 1),
        ("hyperdrive get nope 2>/dev/full", 1),
        ("hyperdrive list <&- >/dev/null", 0),
    ],
)
def test_a_closed_stream_changes_nothing_but_what_is_shown(command: str, status: int, tmp_path: Path) -> None:
    result = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m wrangler_py {command}'],
        capture_output=True,
        text=True,
        env={**os.environ, "WRANGLER_PY_HOME": str(tmp_path)},
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", status)
