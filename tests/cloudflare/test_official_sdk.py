"""The official Python SDK reads what we wrote, and its types accept it."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare
from support.postgres_server import Certificates

cloudflare_sdk = pytest.importorskip("cloudflare")

URL = "postgres://app:s3cret@db.example.com:6432/shop"


@pytest.fixture
def sdk(cloudflare: FakeCloudflare, token: str, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return cloudflare_sdk.Cloudflare(api_token=token, base_url=cloudflare.url, _strict_response_validation=True)


def test_the_sdk_reads_every_kind_of_config(
    cli: CommandLine, sdk: object, account: str, certificates: Certificates
) -> None:
    login = ("--database=d", "--user=u", "--password=p")
    cli.ok("hyperdrive", "create", "plain", "--remote", "--connection-string", URL, "--max-age=7", "--swr=3")
    access = ("--host=db.example.com", "--access-client-id=a", "--access-client-secret=s")
    cli.ok("hyperdrive", "create", "access", "--remote", *login, *access)
    cli.ok("hyperdrive", "create", "vpc", "--remote", *login, "--service-id=0199295b-b3ac-7760-8246-bca40877b3e9")
    mysql = ("--host=db.example.com", "--port=3306", "--scheme=mysql", "--caching-disabled")
    cli.ok("hyperdrive", "create", "mysql", "--remote", *login, *mysql)
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    options = ("--sslmode=verify-full", "--ca-certificate-id=ca", "--origin-connection-limit=9")
    cli.ok("hyperdrive", "create", "pushed", "--no-check", "--connection-string", URL, *options)
    cli.ok("hyperdrive", "push", "pushed")
    found = {config.name: config for config in sdk.hyperdrive.configs.list(account_id=account)}  # type: ignore[attr-defined]
    assert found["plain"].caching.max_age == 7
    assert found["plain"].origin.port == 6432
    assert found["access"].origin.access_client_id == "a"
    assert found["vpc"].origin.service_id.startswith("0199295b")
    assert found["mysql"].origin.scheme == "mysql"
    assert found["mysql"].caching.disabled is True
    assert found["pushed"].mtls.sslmode == "verify-full"
    assert found["pushed"].origin_connection_limit == 9
    (uploaded,) = sdk.mtls_certificates.list(account_id=account)  # type: ignore[attr-defined]
    assert uploaded.id == found["pushed"].mtls.ca_certificate_id
    assert uploaded.name == "ca"


def test_what_we_send_is_what_the_sdk_would_send(
    cli: CommandLine, sdk: object, cloudflare: FakeCloudflare, account: str
) -> None:
    cli.ok("hyperdrive", "create", "one", "--no-check", "--connection-string", URL)
    cli.ok("hyperdrive", "push", "one")
    (ours,) = (each for each in cloudflare.take_requests() if each.method == "POST")
    sdk.hyperdrive.configs.create(account_id=account, **{**ours.body, "name": "two"})  # type: ignore[attr-defined]
    (theirs,) = (each for each in cloudflare.take_requests() if each.method == "POST")
    assert theirs.path == ours.path
    assert theirs.body == {**ours.body, "name": "two"}


def test_the_sdk_and_we_update_the_same_way(
    cli: CommandLine, sdk: object, cloudflare: FakeCloudflare, account: str
) -> None:
    cli.ok("hyperdrive", "create", "one", "--no-check", "--connection-string", URL)
    cli.ok("hyperdrive", "push", "one")
    cli.ok("hyperdrive", "update", "one", "--no-check", "--max-age", "5")
    cli.ok("hyperdrive", "push", "one", "--yes")
    (ours,) = (each for each in cloudflare.take_requests() if each.method == "PUT")
    (id,) = cloudflare.configs[account]
    sdk.hyperdrive.configs.update(id, account_id=account, **ours.body)  # type: ignore[attr-defined]
    sdk.hyperdrive.configs.restart(id, account_id=account)  # type: ignore[attr-defined]
    put, restart = cloudflare.take_requests()
    assert (put.method, put.path, put.body) == (ours.method, ours.path, ours.body)
    cli.ok("hyperdrive", "restart", "one", "--remote")
    ours = cloudflare.take_requests()[-1]
    assert (ours.method, ours.path) == (restart.method, restart.path)
