from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare
from support.postgres_server import Certificates

URL = "postgres://app:s3cret@db.example.com:6432/shop"


def create(cli: CommandLine, name: str = "shop", *options: str) -> str:
    cli.ok("hyperdrive", "create", name, "--no-check", "--connection-string", URL, *options)
    return str(local(cli, name)["id"])


def local(cli: CommandLine, name: str = "shop") -> Any:
    return cli.ok("hyperdrive", "get", name).json()


def child_ends() -> Any:
    import pexpect

    return pexpect.EOF


def there(cloudflare: FakeCloudflare, account: str) -> Any:
    (config,) = cloudflare.configs[account].values()
    return config


def test_push_creates_the_config_and_takes_over_its_id(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    old = create(cli, "shop", "--max-age", "30", "--origin-connection-limit", "7")
    (cli.cwd / "wrangler.toml").write_text(
        f'name = "x" # mine\n[[hyperdrive]]\nbinding = "DB"\nid = "{old}"\n'
        f'[[hyperdrive]]\nbinding = "OTHER"\nid = "{"1" * 32}"\n'
        f'[env.staging]\n[[env.staging.hyperdrive]]\nbinding = "DB"\nid = "{old}"\n'
    )
    before = (cli.cwd / "wrangler.toml").read_text()
    said = cli.ok("hyperdrive", "push", "DB").output
    config = there(cloudflare, account)
    assert config["origin"] == {
        "scheme": "postgres",
        "host": "db.example.com",
        "port": 6432,
        "database": "shop",
        "user": "app",
        "password": "s3cret",
    }
    assert config["caching"] == {"disabled": False, "max_age": 30, "stale_while_revalidate": 15}
    assert config["origin_connection_limit"] == 7
    assert (cli.cwd / "wrangler.toml").read_text() == before.replace(old, config["id"])
    assert local(cli)["id"] == config["id"]
    assert "s3cret" not in said
    assert cli.ok("hyperdrive", "diff").stdout == "shop: same\n"


def test_push_shows_the_differences_and_asks(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    create(cli)
    cli.ok("hyperdrive", "push", "shop")
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--max-age", "5", "--database", "other")
    refused = cli("hyperdrive", "push", "shop")
    assert refused.status == 1
    assert "--yes" in refused.stderr
    assert "origin.database" in refused.stdout
    assert there(cloudflare, account)["origin"]["database"] == "shop"
    cli.ok("hyperdrive", "push", "shop", "--yes")
    assert there(cloudflare, account)["origin"]["database"] == "other"
    assert there(cloudflare, account)["caching"]["max_age"] == 5
    requests = [each.method for each in cloudflare.take_requests() if each.method != "GET"]
    assert requests == ["POST", "PUT"]


def test_push_asks_at_the_terminal(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, terminal: Any
) -> None:
    create(cli)
    cli.ok("hyperdrive", "push", "shop")
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--max-age", "5")
    for answer, expected, max_age in (("", "Not pushed", 60), ("y", "Updated", 5)):
        child = terminal("hyperdrive", "push", "shop")
        child.expect("caching.max_age")
        child.expect(r"Replace 'shop' \([0-9a-f]{32}\) at Cloudflare with the local config\? \(y/N\)")
        child.sendline(answer)
        child.expect(expected)
        child.expect(child_ends())
        assert there(cloudflare, account)["caching"]["max_age"] == max_age


def test_push_sends_a_password_that_alone_is_new(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    create(cli)
    cli.ok("hyperdrive", "push", "shop")
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--origin-password", "newer")
    assert "--send-password" in cli.ok("hyperdrive", "push", "shop").output
    assert there(cloudflare, account)["origin"]["password"] == "s3cret"
    cli.ok("hyperdrive", "push", "shop", "--send-password", "--yes")
    assert there(cloudflare, account)["origin"]["password"] == "newer"


def test_push_brings_the_certificates(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, certificates: Certificates
) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    pair = ("--cert", certificates.client_certificate, "--key", certificates.client_key)
    cli.ok("cert", "upload", "mtls-certificate", *pair, "--name", "client")
    create(cli, "shop", "--sslmode=verify-full", "--ca-certificate-id=ca", "--mtls-certificate-id=client")
    cli.ok("hyperdrive", "push", "shop")
    uploaded = {each["name"]: each["id"] for each in cloudflare.certificates[account].values()}
    assert there(cloudflare, account)["mtls"] == {
        "sslmode": "verify-full",
        "ca_certificate_id": uploaded["ca"],
        "mtls_certificate_id": uploaded["client"],
    }
    cli.ok("hyperdrive", "diff", "--exit-code")
    create(cli, "second", "--sslmode=verify-ca", "--ca-certificate-id=ca")
    cli.ok("hyperdrive", "push", "second")
    assert len(cloudflare.certificates[account]) == 2


def test_push_never_gives_two_local_configs_one_id(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    create(cli)
    cli.ok("hyperdrive", "push", "shop")
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--name", "renamed")
    old = create(cli)
    (cli.cwd / "wrangler.toml").write_text(f'[[hyperdrive]]\nbinding = "DB"\nid = "{old}"\n')
    said = cli.fails("hyperdrive", "push", "shop", "--yes")
    assert "is the local config 'renamed', which has its id" in said
    assert local(cli)["id"] == old
    assert old in (cli.cwd / "wrangler.toml").read_text()
    assert [each.method for each in cloudflare.take_requests() if each.method != "GET"] == ["POST"]


def test_certificates_that_were_brought_are_not_brought_again(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, certificates: Certificates
) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    create(cli, "shop", "--sslmode=verify-full", "--ca-certificate-id=ca")
    cloudflare.fail(500, on="/hyperdrive/configs", times=1)
    cloudflare.fail(400, on="POST /accounts/" + account + "/hyperdrive", times=1)
    cli.fails("hyperdrive", "push", "shop")
    assert len(cloudflare.certificates[account]) == 1
    cli.ok("hyperdrive", "push", "shop")
    assert len(cloudflare.certificates[account]) == 1
    assert there(cloudflare, account)["mtls"]["ca_certificate_id"] in cloudflare.certificates[account]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://app:pw@127.0.0.1/app", "on this machine (127.0.0.1)"),
        ("postgres://app:pw@localhost/app", "on this machine (localhost)"),
        ("postgres://app:pw@%2Ftmp/app", "on this machine (/tmp)"),
    ],
)
def test_push_refuses_an_origin_on_this_machine(
    cli: CommandLine, cloudflare: FakeCloudflare, url: str, said: str
) -> None:
    cli.ok("hyperdrive", "create", "here", "--no-check", "--connection-string", url)
    assert said in cli.fails("hyperdrive", "push", "here")
    cli.ok("hyperdrive", "create", "embedded", "--embedded")
    assert "embedded PostgreSQL" in cli.fails("hyperdrive", "push", "embedded")
    assert cloudflare.take_requests() == []


def test_push_refused_by_cloudflare_changes_nothing_here(cli: CommandLine, cloudflare: FakeCloudflare) -> None:
    url = "postgres://app:hidden-pw@db.invalid/app"
    cli.ok("hyperdrive", "create", "gone", "--no-check", "--connection-string", url)
    before = local(cli, "gone")
    said = cli.fails("hyperdrive", "push", "gone")
    assert "(code 2008)" in said
    assert "does not resolve" in said
    assert "hidden-pw" not in said
    assert local(cli, "gone") == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("after", [False, True], ids=["before it is carried out", "after it was carried out"])
def test_a_push_that_is_interrupted_is_completed_by_the_next(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, after: bool
) -> None:
    old = create(cli)
    config = cli.cwd / "wrangler.toml"
    config.write_text(f'name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "{old}"\n')
    release = threading.Event()
    came = cloudflare.hold(release, on="POST /accounts", after=after)
    with cli.start("hyperdrive", "push", "shop") as process:
        assert came.wait(30)
        process.send_signal(signal.SIGINT)
        output = process.communicate()
    release.set()
    assert process.returncode == 130
    assert "Traceback" not in "".join(output)
    assert local(cli)["id"] == old
    assert old in config.read_text()
    cli.ok("hyperdrive", "push", "shop")
    id = there(cloudflare, account)["id"]
    assert local(cli)["id"] == id
    assert id in config.read_text()


def test_a_push_whose_ids_were_taken_over_half_is_completed_by_the_next(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    old = create(cli)
    cli.ok("hyperdrive", "push", "shop")
    id = there(cloudflare, account)["id"]
    file = cli.home / "hyperdrive.json"
    file.write_text(file.read_text().replace(id, old))  # as if the store had not been written any more
    cli.ok("hyperdrive", "push", "shop")
    assert local(cli)["id"] == id


def test_pull_asks_for_nothing_that_it_cannot_ask(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    cli.ok("hyperdrive", "create", "shop", "--remote", "--connection-string", URL, "--max-age", "9")
    said = cli.ok("hyperdrive", "pull", "shop").output
    assert "has no password here" in said
    shown = local(cli)
    assert shown["id"] == there(cloudflare, account)["id"]
    assert shown["caching"]["max_age"] == 9
    assert shown["origin_connection_limit"] == 60
    assert "has no password here" in cli.fails("hyperdrive", "push", "shop")
    cli.ok("hyperdrive", "pull", "shop", "--origin-password", "-", stdin="s3cret\n")
    (stored,) = json.loads((cli.home / "hyperdrive.json").read_text())["configs"]
    assert stored["origin"]["password"] == "s3cret"


def test_pull_keeps_a_password_that_is_known(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    create(cli)
    cli.ok("hyperdrive", "push", "shop")
    there(cloudflare, account)["caching"]["max_age"] = 5
    assert "--yes" in cli.fails("hyperdrive", "pull", "shop")
    assert "has no password" not in cli.ok("hyperdrive", "pull", "--yes").output
    (stored,) = json.loads((cli.home / "hyperdrive.json").read_text())["configs"]
    assert stored["origin"]["password"] == "s3cret"
    assert stored["caching"]["max_age"] == 5


def test_pull_asks_at_the_terminal(cli: CommandLine, terminal: Any) -> None:
    cli.ok("hyperdrive", "create", "shop", "--remote", "--connection-string", URL)
    child = terminal("hyperdrive", "pull", "shop")
    child.expect("Password of app at db.example.com")
    child.sendline("s3cret")
    child.expect("Pulled 'shop'")
    assert "s3cret" not in child.before
    (stored,) = json.loads((cli.home / "hyperdrive.json").read_text())["configs"]
    assert stored["origin"]["password"] == "s3cret"


def test_pull_copies_the_ca_and_reports_missing_parts(
    cli: CommandLine, certificates: Certificates, tmp_path: Path
) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca", "--remote")
    pair = ("--cert", certificates.client_certificate, "--key", certificates.client_key)
    cli.ok("cert", "upload", "mtls-certificate", *pair, "--name", "client", "--remote")
    options = ("--sslmode=verify-full", "--ca-certificate-id=ca", "--mtls-certificate-id=client")
    cli.ok("hyperdrive", "create", "shop", "--remote", "--connection-string", URL, *options)
    said = cli.ok("hyperdrive", "pull", "shop", "--origin-password", "s3cret").stderr
    assert "client certificate client is not in the local store" in said
    assert local(cli)["mtls"]["sslmode"] == "verify-full"
    assert "mtls.mtls_certificate_id" in cli.ok("hyperdrive", "diff", "shop").stdout
    cli.ok("cert", "upload", "mtls-certificate", *pair, "--name", "mine")
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--mtls-certificate-id", "mine")
    cli.ok("hyperdrive", "diff", "shop", "--exit-code")


@pytest.mark.parametrize(
    ("options", "way"),
    [
        (("--host=db.example.com", "--access-client-id=a", "--access-client-secret=s"), "behind Cloudflare Access"),
        (("--service-id=0199295b-b3ac-7760-8246-bca40877b3e9",), "behind a Workers VPC service"),
        (("--host=db.example.com", "--port=3306", "--scheme=mysql"), "MySQL"),
    ],
)
def test_pull_of_what_is_not_emulated_takes_a_local_connection_string(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, options: tuple[str, ...], way: str
) -> None:
    login = ("--database=app", "--user=u", "--password=p")
    cli.ok("hyperdrive", "create", "far", "--remote", *login, *options)
    assert way in cli.fails("hyperdrive", "pull", "far")
    id = there(cloudflare, account)["id"]
    (cli.cwd / "wrangler.jsonc").write_text(f'{{"hyperdrive": [{{"binding": "DB", "id": "{id}"}}]}} // mine')
    cli.ok("hyperdrive", "pull", "DB", "--local-connection-string", "postgres://a:b@localhost/app")
    text = (cli.cwd / "wrangler.jsonc").read_text()
    assert '"localConnectionString": "postgres://a:b@localhost/app"' in text
    assert text.endswith("// mine")


def test_diff_names_what_is_on_one_side_only(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    create(cli, "here")
    create(cli, "both")
    for name in ("both", "there"):
        cli.ok("hyperdrive", "create", name, "--remote", "--connection-string", URL, "--caching-disabled")
    shown = {each["name"]: each for each in cli.ok("hyperdrive", "diff", "--json").json()}
    assert shown["here"]["state"] == "only here"
    assert shown["there"]["state"] == "only at Cloudflare"
    assert shown["both"]["state"].startswith("differs, not pushed")
    assert {each["setting"] for each in shown["both"]["differences"]} == {
        "caching.disabled",
        "caching.max_age",
        "caching.stale_while_revalidate",
        "origin_connection_limit",
    }
    assert cli("hyperdrive", "diff", "--exit-code").status == 1
