"""Which credentials are used is what the official command line would use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare

LATER, EARLIER = "2199-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"


def log_in(folder: Path, token: str, *, name: str = "default", expires: str | None = LATER) -> Path:
    """Leave a login as the official command line does."""
    file = folder / "config" / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    time = f'expiration_time = "{expires}"\n' if expires else ""
    file.write_text(
        f'oauth_token = "{token}"\n{time}refresh_token = "secret-refresh"\n'
        'scopes = [ "account:read", "user:read", "workers:write", "offline_access" ]\n'
    )
    return file


@pytest.fixture
def xdg(offline: CommandLine) -> Path:
    return Path(offline.environ["XDG_CONFIG_HOME"]) / ".wrangler"


def used(cli: CommandLine, **environ: str) -> str:
    return str(cli.ok("whoami", "--json", **environ).json()["credentials"]["source"])


def test_the_order_of_credentials(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str, xdg: Path
) -> None:
    token, oauth = cloudflare.add_token(), cloudflare.add_token(kind="oauth")
    key = cloudflare.add_token(kind="key", email="me@example.com")
    file = log_in(xdg, oauth)
    assert used(offline) == str(file)
    assert used(offline, CF_API_TOKEN=token) == "the variable CF_API_TOKEN"
    assert used(offline, CF_API_TOKEN="x", CLOUDFLARE_API_TOKEN=token) == "the variable CLOUDFLARE_API_TOKEN"
    both = {"CLOUDFLARE_API_TOKEN": token, "CLOUDFLARE_API_KEY": key}
    assert used(offline, **both) == "the variable CLOUDFLARE_API_TOKEN"
    assert used(offline, **both, CLOUDFLARE_EMAIL="me@example.com") == "the variable CLOUDFLARE_API_KEY"
    # A variable that is set to nothing hides the one with the old name, as for wrangler.
    assert used(offline, CLOUDFLARE_API_TOKEN="", CF_API_TOKEN=token) == str(file)


def test_the_projects_env_file_counts(offline: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    (offline.cwd / "wrangler.toml").write_text('name = "x"\n[env.live]\n')
    (offline.cwd / ".env.live").write_text(f"CLOUDFLARE_API_TOKEN={cloudflare.add_token()}\n")
    assert used(offline, CLOUDFLARE_ENV="live") == "the variable CLOUDFLARE_API_TOKEN"
    assert "not logged in" in offline.fails("whoami")


def test_the_old_folder_of_the_login_comes_first(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str, xdg: Path, tmp_path: Path
) -> None:
    log_in(xdg, "not-this-one")
    file = log_in(tmp_path / ".wrangler", cloudflare.add_token(kind="oauth"))
    assert used(offline) == str(file)


def test_the_profile_of_the_folder(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str, xdg: Path
) -> None:
    log_in(xdg, "not-this-one")
    file = log_in(xdg, cloudflare.add_token(kind="oauth"), name="work")
    (xdg / "profiles").mkdir()
    (xdg / "profiles" / "directory-bindings.json").write_text(json.dumps({str(offline.cwd): "work"}))
    assert used(offline) == str(file)


@pytest.mark.parametrize("expires", [EARLIER, None])
def test_an_expired_login_is_neither_used_nor_renewed(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str, xdg: Path, expires: str | None
) -> None:
    file = log_in(xdg, cloudflare.add_token(kind="oauth"), expires=expires)
    before = file.read_bytes()
    said = offline.fails("hyperdrive", "list", "--remote")
    assert "has expired" in said
    assert "npx wrangler login" in said
    assert "secret-refresh" not in said
    assert file.read_bytes() == before
    assert cloudflare.take_requests() == []


def test_an_encrypted_login_is_left_to_its_owner(offline: CommandLine, xdg: Path) -> None:
    (xdg / "config").mkdir(parents=True)
    (xdg / "config" / "default.enc").write_text("{}")
    assert "not logged in" in offline.fails("whoami")
    (xdg / "preferences.json").write_text('{"keyring_enabled": true}')
    said = offline.fails("whoami")
    assert "is encrypted" in said
    assert "wrangler auth token" in said


@pytest.mark.parametrize("content", ["oauth_token = ", "", "\0", "oauth_token = 5\n"])
def test_a_damaged_login_is_reported(offline: CommandLine, xdg: Path, content: str) -> None:
    (xdg / "config").mkdir(parents=True)
    (xdg / "config" / "default.toml").write_text(content)
    assert "wrangler login" in offline.fails("whoami")


@pytest.mark.parametrize("token", ["abc…def", "abc\ndef", " abc"])
def test_a_token_that_cannot_be_one_is_refused(
    offline: CommandLine, cloudflare: FakeCloudflare, token: str
) -> None:
    said = offline.fails("whoami", CLOUDFLARE_API_TOKEN=token)
    assert "CLOUDFLARE_API_TOKEN has a character" in said
    assert token.strip() not in said
    assert cloudflare.take_requests() == []


def test_credentials_are_never_sent_unencrypted(cli: CommandLine) -> None:
    said = cli.fails("whoami", CLOUDFLARE_API_BASE_URL="http://api.example.com/client/v4")
    assert "never sent unencrypted" in said


def test_a_project_cannot_send_credentials_to_another_host(
    offline: CommandLine, cloudflare: FakeCloudflare, token: str
) -> None:
    del offline.environ["CLOUDFLARE_API_BASE_URL"]
    offline.environ["CLOUDFLARE_API_TOKEN"] = token
    (offline.cwd / ".env").write_text("CLOUDFLARE_API_BASE_URL=https://api.example.com/client/v4\n")
    said = offline.fails("whoami")
    assert "your credentials would be sent there" in said
    (offline.cwd / ".env").write_text(f"CLOUDFLARE_API_BASE_URL={cloudflare.url}\n")
    offline.ok("whoami")


def test_a_person_chooses_one_of_several_accounts(
    offline: CommandLine, cloudflare: FakeCloudflare, terminal: Any
) -> None:
    cloudflare.add_account("One")
    two = cloudflare.add_account("Two")
    offline.environ["CLOUDFLARE_API_TOKEN"] = cloudflare.add_token()
    child = terminal("hyperdrive", "list", "--remote")
    child.expect("Which account")
    child.sendline("7")
    child.expect("Which account")
    child.sendline("3")  # behind that of `cli`
    child.expect(f"CLOUDFLARE_ACCOUNT_ID={two}")
    child.expect("There are none yet")
    assert cloudflare.take_requests()[-1].path == f"/accounts/{two}/hyperdrive/configs"


def test_whoami_tells_permissions(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str, xdg: Path
) -> None:
    def permissions(**environ: str) -> dict[str, bool | None]:
        return dict(offline.ok("whoami", "--json", **environ).json()["permissions"])

    reader = frozenset({"Hyperdrive Read"})
    tried = permissions(CLOUDFLARE_API_TOKEN=cloudflare.add_token(permissions=reader))
    assert tried["Hyperdrive Read"] is True
    assert tried["SSL and Certificates Read"] is False
    assert tried["Hyperdrive Write"] is None
    asked = permissions(CLOUDFLARE_API_TOKEN=cloudflare.add_token(permissions=reader, may_read_itself=True))
    assert asked["Hyperdrive Read"] is True
    assert asked["Hyperdrive Write"] is False
    log_in(xdg, cloudflare.add_token(kind="oauth"))
    scopes = permissions()
    assert scopes["Hyperdrive Write"] is True
    assert scopes["SSL and Certificates Write"] is False
    of_account = cloudflare.add_token(kind="account")
    assert "API token of an account" in offline.ok("whoami", CLOUDFLARE_API_TOKEN=of_account).stdout


def test_of_several_accounts_one_has_to_be_named(offline: CommandLine, cloudflare: FakeCloudflare) -> None:
    one, two = cloudflare.add_account("One"), cloudflare.add_account("Two")
    offline.environ["CLOUDFLARE_API_TOKEN"] = cloudflare.add_token()
    said = offline.fails("hyperdrive", "list", "--remote")
    assert f"{one}  One" in said
    assert f"{two}  Two" in said
    offline.ok("hyperdrive", "list", "--remote", CLOUDFLARE_ACCOUNT_ID=two)
    assert cloudflare.take_requests()[-1].path == f"/accounts/{two}/hyperdrive/configs"
    (offline.cwd / "wrangler.toml").write_text(f'account_id = "{two}"\n[env.a]\n[env.b]\naccount_id = "{one}"\n')
    for environment, account in (("a", two), ("b", one)):
        offline.ok("hyperdrive", "list", "--remote", "-e", environment, CLOUDFLARE_ACCOUNT_ID="other")
        assert cloudflare.take_requests()[-1].path == f"/accounts/{account}/hyperdrive/configs"
    (offline.cwd / "wrangler.toml").write_text('account_id = "../x"\n')
    assert "not the id of an account" in offline.fails("hyperdrive", "list", "--remote")
