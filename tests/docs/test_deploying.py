"""The page `docs/deploying.md`, followed from top to bottom: its commands run, with a stand-in for Cloudflare."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import running_cloudflare

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^\$ wrangler-py (.*)$", re.MULTILINE)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for pywrangler is a script")
@pytest.mark.skipif(shutil.which("node") is None, reason="pywrangler needs Node.js")
def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    commands = [line for block in BLOCK.findall(PAGE) for line in block.splitlines()]
    assert [line for line in commands if "deploy" in line]
    with running_cloudflare() as cloudflare:
        account = cloudflare.add_account()
        cli = CommandLine(tmp_path / "home", tmp_path)
        cli.environ |= {"CLOUDFLARE_API_BASE_URL": cloudflare.url, "CLOUDFLARE_API_TOKEN": cloudflare.add_token()}
        calls = tmp_path / "calls"
        for line in commands:
            program, *arguments = shlex.split(line)
            if program == "cd":
                cli.cwd = cli.cwd / arguments[0]
                _add_tools(cli.cwd, calls)
                continue
            assert program == "wrangler-py"
            if arguments[:2] == ["hyperdrive", "create"]:
                arguments.append("--no-check")  # there is no such database
            cli.ok(*arguments)
        assert [json.loads(line) for line in calls.read_text().splitlines()] == [
            ["deploy", "--dry-run"],
            ["deploy"],
        ]
        (config,) = cloudflare.configs[account].values()
        assert config["name"] == "shop-db"
        assert config["id"] in (cli.cwd / "wrangler.toml").read_text()


@pytest.mark.parametrize("command", SHOWN.findall(PAGE))
def test_the_commands_that_are_shown_exist(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(command)
    help_text = CommandLine(tmp_path / "home", tmp_path).ok(*arguments[:2], "--help").stdout
    group = CommandLine(tmp_path / "home", tmp_path).ok(*arguments[:3], "--help").stdout
    for option in (argument.partition("=")[0] for argument in arguments if argument.startswith("--")):
        assert option in help_text + group


def _add_tools(project: Path, calls: Path) -> None:
    folder = project / ".venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("uv", "pywrangler"):
        text = f"#!{sys.executable}\nimport json, sys\n"
        text += f"open({str(calls)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
