"""The requests of our commands are those of the official command line, field by field."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare, Recorded
from support.postgres_server import Certificates

STRING = "postgres://us%40er:pass%3Fword@db.example.com/app"
PARTS = ("--database=app", "--origin-user=user", "--origin-password=pass")
HOST = ("--origin-host=db.example.com", "--origin-port=6432")
ACCESS = ("--access-client-id=abc.access", "--access-client-secret=s3cret")

CREATE = (
    (f"--connection-string={STRING}",),
    ("--connection-string=POSTGRESQL://u:p@DB.example.com:6432/a%20b?sslmode=require",),
    ("--connection-string=mysql://u:p@db.example.com/app", "--sslmode=required"),
    ("--connection-string=postgres://u:p@[2606:4700::1]:5433/app",),
    (*PARTS, *HOST),
    (*PARTS, *HOST, "--origin-scheme=postgres", "--max-age=30", "--swr=5", "--origin-connection-limit=9"),
    (*PARTS, *HOST, "--origin-scheme=mysql", "--caching-disabled", "--sslmode=REQUIRED"),
    (*PARTS, *HOST, "--caching-disabled=false", "--sslmode=require"),
    (*PARTS, "--host=db.example.com", *ACCESS),
    (*PARTS, "--service-id=0199295b-b3ac-7760-8246-bca40877b3e9"),
    (*PARTS, *HOST, "--sslmode=verify-full", "--ca-certificate-id={ca}", "--mtls-certificate-id={client}"),
    (*PARTS, *HOST, "--sslmode=verify-ca", "--ca-certificate-uuid={ca}"),
    (*PARTS, *HOST, "--max-age=9999"),
)
REFUSED = (
    ("--connection-string=postgres://u:p%@db.example.com/app",),
    ("--connection-string=postgres://u:p@db.example.com/app%2",),
    (*PARTS, "--origin-host=db.example.com"),
    (*PARTS, "--origin-host=db.example.com", "--origin-scheme=mysql"),
    (*PARTS, "--origin-port=5432"),
)
UPDATE = (
    ("--name=renamed",),
    (f"--connection-string={STRING}", "--caching-disabled"),
    ("--origin-password=other", "--origin-user=someone"),
    (*HOST, "--sslmode=require"),
    ("--max-age=20", "--swr=0"),
    ("--origin-connection-limit=50",),
    ("--host=db.example.com", *ACCESS),
    ("--service-id=0199295b-b3ac-7760-8246-bca40877b3e9",),
)


class Both:
    """Runs a command of both command lines in the same state of the account."""

    def __init__(self, cli: CommandLine, cloudflare: FakeCloudflare, account: str, wrangler: Sequence[str]) -> None:
        self.cli, self.cloudflare, self.wrangler = cli, cloudflare, wrangler
        self.environ = {"CLOUDFLARE_ACCOUNT_ID": account}

    def run(self, *arguments: str, ours_alone: Sequence[str] = ()) -> list[tuple[str, str, str, object]]:
        """The requests, which have to be the same."""
        before = copy.deepcopy((self.cloudflare.configs, self.cloudflare.certificates))
        self.official(*arguments)
        theirs = [_comparable(each) for each in self.cloudflare.take_requests()]
        self.cloudflare.configs, self.cloudflare.certificates = before
        self.cli(*arguments, "--remote", *ours_alone, **self.environ)
        ours = [_comparable(each) for each in self.cloudflare.take_requests()]
        assert ours == theirs
        assert ours
        return ours

    def official(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {
            **self.cli.environ,
            **self.environ,
            "CI": "1",
            "WRANGLER_SEND_METRICS": "false",
            "WRANGLER_HIDE_BANNER": "true",
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(
            [*self.wrangler, *arguments],
            cwd=self.cli.cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _comparable(request: Recorded) -> tuple[str, str, str, object]:
    return request.method, request.path, request.query, request.body


@pytest.fixture
def both(cli: CommandLine, cloudflare: FakeCloudflare, account: str, node_modules: Path) -> Both:
    """WRANGLER names another wrangler than that of the tests, with the program it runs on."""
    chosen = os.environ.get("WRANGLER", str(node_modules / ".bin" / "wrangler"))
    return Both(cli, cloudflare, account, chosen.split())


@pytest.fixture
def uploaded(both: Both, certificates: Certificates) -> dict[str, str]:
    """The ids of a CA and of a client certificate."""
    both.cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--remote", "--name=ca")
    pair = ("--cert", certificates.client_certificate, "--key", certificates.client_key)
    both.cli.ok("cert", "upload", "mtls-certificate", *pair, "--remote", "--name=client")
    stored = next(iter(both.cloudflare.certificates.values())).values()
    both.cloudflare.take_requests()
    return {each["name"]: each["id"] for each in stored}


@pytest.mark.parametrize("options", CREATE, ids=" ".join)
def test_create(both: Both, uploaded: dict[str, str], options: tuple[str, ...]) -> None:
    given = [option.format(**uploaded) if "{" in option else option for option in options]
    ((method, path, _, body),) = both.run("hyperdrive", "create", "db", *given)
    assert (method, path.rpartition("/")[2]) == ("POST", "configs")
    assert isinstance(body, dict)
    assert body["name"] == "db"


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_options_that_the_official_command_line_refuses_are_refused(both: Both, options: tuple[str, ...]) -> None:
    official = both.official("hyperdrive", "create", "db", *options)
    ours = both.cli("hyperdrive", "create", "db", *options, "--remote", **both.environ)
    assert official.returncode
    assert ours.status
    assert both.cloudflare.take_requests() == []


@pytest.mark.parametrize("options", UPDATE, ids=" ".join)
def test_update(both: Both, options: tuple[str, ...]) -> None:
    both.cli.ok("hyperdrive", "create", "db", "--remote", "--connection-string", STRING, **both.environ)
    (post,) = both.cloudflare.take_requests()
    (id,) = both.cloudflare.configs[post.path.split("/")[2]]
    ((method, path, _, _),) = both.run("hyperdrive", "update", id, *options)
    assert (method, path.rpartition("/")[2]) == ("PATCH", id)


def test_list_get_and_delete(both: Both) -> None:
    for number in range(5):
        name = f"db{number}"
        both.cli.ok("hyperdrive", "create", name, "--remote", "--connection-string", STRING, **both.environ)
    both.cloudflare.take_requests()
    both.cloudflare.page_size = 2
    assert [query for _, _, query, _ in both.run("hyperdrive", "list")] == ["page=1", "page=2", "page=3"]
    (id, *_) = next(iter(both.cloudflare.configs.values()))
    both.run("hyperdrive", "get", id)
    both.run("hyperdrive", "delete", id)


def test_certificates(both: Both, certificates: Certificates) -> None:
    both.run("cert", "upload", "certificate-authority", "--ca-cert", str(certificates.ca), "--name=ca")
    pair = ("--cert", str(certificates.client_certificate), "--key", str(certificates.client_key))
    both.run("cert", "upload", "mtls-certificate", *pair)
    both.run("cert", "list")
    ((_, _, query, _), *_) = both.run("cert", "delete", "--name=ca", ours_alone=["--yes"])
    assert query == "name=ca"


@pytest.mark.parametrize("found", ["token", "old name", "key", "key without e-mail", "login", "old folder"])
def test_credentials(both: Both, token: str, tmp_path: Path, found: str) -> None:
    """Both command lines find the same credentials."""
    cloudflare, environ = both.cloudflare, both.cli.environ
    other, oauth = cloudflare.add_token(), cloudflare.add_token(kind="oauth")
    key = cloudflare.add_token(kind="key", email="me@example.com")
    if found != "token":
        del environ["CLOUDFLARE_API_TOKEN"]
    if found in ("old name", "key without e-mail"):
        environ["CF_API_TOKEN"] = other
    if found in ("key", "key without e-mail"):
        environ["CLOUDFLARE_API_KEY"] = key
    if found == "key":
        environ |= {"CF_EMAIL": "me@example.com", "CLOUDFLARE_API_TOKEN": token}
    _log_in(Path(environ["XDG_CONFIG_HOME"]) / ".wrangler", oauth if found == "login" else "not-this-one")
    if found == "old folder":
        _log_in(tmp_path / ".wrangler", oauth)
    both.official("hyperdrive", "list")
    theirs = [_credentials(each) for each in cloudflare.take_requests()]
    both.cli.ok("hyperdrive", "list", "--remote", **both.environ)
    assert [_credentials(each) for each in cloudflare.take_requests()] == theirs
    assert len(theirs) == 1


def _log_in(folder: Path, token: str) -> None:
    (folder / "config").mkdir(parents=True)
    text = f'oauth_token = "{token}"\nexpiration_time = "2199-01-01T00:00:00.000Z"\nrefresh_token = "r"\n'
    (folder / "config" / "default.toml").write_text(text)


def _credentials(request: Recorded) -> dict[str, str]:
    names = ("authorization", "x-auth-key", "x-auth-email")
    return {name: request.headers[name] for name in names if name in request.headers}


def test_official_list_and_whoami_understand_what_we_wrote(both: Both) -> None:
    both.cli.ok("hyperdrive", "create", "db", "--remote", "--connection-string", STRING, "--max-age=7")
    assert re.search(
        r"db .*us@er .*db\.example\.com .*5432 .*max_age: 7", both.official("hyperdrive", "list").stdout
    )
    assert "dev@example.com" in both.official("whoami").stdout
