"""The token and the passwords are in nothing that the commands write, print or log."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine, Outcome
from support.fake_cloudflare import FakeCloudflare
from support.postgres_server import Certificates

PASSWORD, ACCESS_SECRET = "pa55-word-of-origin", "access-s3cret-value"
URL = f"postgres://app:{PASSWORD}@db.example.com:6432/shop"

# Everything that httpx, httpcore and asyncio could log, as a person may turn it on.
LOGGING = "import logging; logging.basicConfig(level=logging.DEBUG)\n"


@pytest.fixture
def loud(cli: CommandLine, tmp_path: Path) -> CommandLine:
    """`cli` with all logging of Python on, in a process that imports `sitecustomize`."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LOGGING)
    cli.environ["PYTHONPATH"] = str(folder)
    return cli


def commands(certificates: Certificates, id: str) -> Iterator[tuple[str | Path, ...]]:
    pair = ("--cert", certificates.client_certificate, "--key", certificates.client_key)
    yield ("whoami",)
    yield ("whoami", "--json")
    yield ("hyperdrive", "create", "remote", "--remote", "--connection-string", URL, "--binding", "REMOTE")
    yield ("hyperdrive", "create", "remote", "--remote", "--connection-string", URL)
    yield ("hyperdrive", "create", "bad", "--remote", "--connection-string", URL + "@x")
    access = ("--access-client-id=a", f"--access-client-secret={ACCESS_SECRET}", "--host=db.example.com")
    yield ("hyperdrive", "create", "far", "--remote", "--database=d", "--user=u", f"--password={PASSWORD}", *access)
    yield ("hyperdrive", "create", "both", "--remote", "--connection-string", URL, *access)
    yield ("hyperdrive", "list", "--remote")
    yield ("hyperdrive", "list", "--remote", "--json")
    yield ("hyperdrive", "get", "far", "--remote")
    yield ("hyperdrive", "update", "far", "--remote", f"--origin-password={PASSWORD}")
    yield ("cert", "upload", "mtls-certificate", *pair, "--remote", "--name", "c")
    yield ("cert", "list", "--remote")
    yield ("cert", "list", "--remote", "--json")
    yield ("cert", "delete", "c", "--remote", "--yes")
    yield ("hyperdrive", "push", "shop")
    yield ("hyperdrive", "push", "shop", "--send-password")
    yield ("hyperdrive", "pull", "remote", "--origin-password", PASSWORD)
    yield ("hyperdrive", "pull", "far", "--local-connection-string", URL)
    yield ("hyperdrive", "diff")
    yield ("hyperdrive", "metrics", "shop")
    yield ("hyperdrive", "restart", "shop", "--remote")
    yield ("check",)
    yield ("check", "--json")
    yield ("deploy", "--dry-run")
    yield ("hyperdrive", "delete", "remote", "--remote")
    yield ("hyperdrive", "get", id, "--remote")


def test_no_command_shows_or_keeps_a_secret(
    loud: CommandLine, cloudflare: FakeCloudflare, token: str, certificates: Certificates, tmp_path: Path
) -> None:
    loud.ok("hyperdrive", "create", "shop", "--no-check", "--connection-string", URL)
    (loud.cwd / "wrangler.toml").write_text('name = "x"\nmain = "entry.py"\n')
    key = certificates.client_key.read_text().splitlines()[2]
    for arguments in commands(certificates, "0" * 32):
        outcome: Outcome = loud(*arguments)
        for secret in (token, PASSWORD, ACCESS_SECRET, key):
            assert secret not in outcome.output, (arguments, outcome.output)
    assert cloudflare.take_requests()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    keeps = {path.name for path in files if PASSWORD in path.read_text(errors="replace")}
    assert keeps == {"hyperdrive.json"}
    assert not [path for path in files if token in path.read_text(errors="replace")]
    store = loud.home / "hyperdrive.json"
    assert sys.platform == "win32" or store.stat().st_mode & 0o077 == 0
    assert not re.search("Authorization", (loud.cwd / "wrangler.toml").read_text())


def test_the_global_key_is_no_less_secret(offline: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    key = cloudflare.add_token(kind="key", email="me@example.com")
    environ = {"CLOUDFLARE_API_KEY": key, "CLOUDFLARE_EMAIL": "me@example.com"}
    assert key not in offline.ok("whoami", **environ).output
    cloudflare.fail(400, 1, f"what is {key}?")
    assert key not in offline.fails("hyperdrive", "list", "--remote", **environ)
