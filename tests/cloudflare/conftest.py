"""The command line with a Cloudflare account of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare, running_cloudflare
from support.node_packages import newest_node, node, node_modules
from support.terminal import terminal

__all__ = ["newest_node", "node", "node_modules", "terminal"]


@pytest.fixture
def cloudflare() -> Iterator[FakeCloudflare]:
    with running_cloudflare() as fake:
        yield fake


@pytest.fixture
def account(cloudflare: FakeCloudflare) -> str:
    return cloudflare.add_account()


@pytest.fixture
def offline(tmp_path: Path, cloudflare: FakeCloudflare) -> CommandLine:
    """`cli` in an empty project, without credentials."""
    project = tmp_path / "project"
    project.mkdir()
    cli = CommandLine(tmp_path / "home", project)
    cli.environ |= {
        "CLOUDFLARE_API_BASE_URL": cloudflare.url,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "APPDATA": str(tmp_path / "appdata"),
    }
    return cli


@pytest.fixture
def token(cloudflare: FakeCloudflare, account: str) -> str:
    return cloudflare.add_token()


@pytest.fixture
def cli(offline: CommandLine, token: str) -> CommandLine:
    """`cli` in an empty project, with the token of an account."""
    offline.environ["CLOUDFLARE_API_TOKEN"] = token
    return offline
