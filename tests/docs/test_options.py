"""The options that README.md and docs/ name exist, and each command is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPTION = r"(?<![\w-])--[a-z][a-z-]+"
OF_OTHERS = {
    "--data-binary",  # curl
    "--hyperdrive",  # pytest, as the next two
    "--hyperdrive-database",
    "--hyperdrive-report",
    "--local",  # wrangler
    "--save-dev",  # npm
    "--cases",  # scripts
    "--minutes",
    "--seed",
}


def helps(cli: CommandLine, *command: str) -> Iterator[tuple[str, str]]:
    """Each command below `command`, with its help."""
    text = cli.ok(*command, "--help").stdout
    commands = text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    if not commands:
        yield " ".join(command), text
    for line in commands.splitlines():
        yield from helps(cli, *command, line.split()[0])


@pytest.fixture
def described(tmp_path: Path) -> dict[str, str]:
    return dict(helps(CommandLine(tmp_path / "home", tmp_path)))


def test_the_options_in_the_pages_exist(described: dict[str, str]) -> None:
    known = {option for text in described.values() for option in re.findall(OPTION, text)} | OF_OTHERS
    unknown = {
        (page.name, option)
        for page in PAGES
        for option in re.findall(OPTION, page.read_text())
        if option not in known
    }
    assert unknown == set()


def test_the_readme_names_each_command(described: dict[str, str]) -> None:
    readme = PAGES[0].read_text()
    assert len(described) > 35
    assert {command for command in described if command.split()[-1] not in readme} == set()
