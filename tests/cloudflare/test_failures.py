"""What a person reads when the API refuses, fails, or cannot be reached."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare
from support.postgres_server import free_port

URL = "postgres://app:pass-s3cret@db.example.com:6432/shop"
CREATE = ("hyperdrive", "create", "shop", "--remote", "--connection-string", URL)


@pytest.fixture
def cli(cli: CommandLine, account: str) -> CommandLine:
    cli.environ["CLOUDFLARE_ACCOUNT_ID"] = account
    return cli


def test_no_credentials(offline: CommandLine, cloudflare: FakeCloudflare) -> None:
    said = offline.fails("hyperdrive", "list", "--remote")
    assert "not logged in" in said
    assert "CLOUDFLARE_API_TOKEN" in said
    assert cloudflare.take_requests() == []


def test_an_invalid_token(cli: CommandLine) -> None:
    said = cli.fails("hyperdrive", "list", "--remote", CLOUDFLARE_API_TOKEN="not-a-token-of-ours")
    assert "does not accept the API token from the variable CLOUDFLARE_API_TOKEN" in said
    assert "(code 1000)" in said
    assert "not-a-token-of-ours" not in said


@pytest.mark.parametrize(
    ("granted", "arguments", "message"),
    [
        (
            "Hyperdrive Read",
            CREATE,
            'The API token cannot edit Hyperdrive (code 10000). It needs the permission "Hyperdrive Write".',
        ),
        (
            "SSL and Certificates Write",
            ("hyperdrive", "list", "--remote"),
            'The API token cannot read Hyperdrive (code 10000). It needs the permission "Hyperdrive Read".',
        ),
        (
            "Hyperdrive Write",
            ("cert", "list", "--remote"),
            "The API token cannot read certificates (code 10000). "
            'It needs the permission "SSL and Certificates Read".',
        ),
    ],
)
def test_a_permission_that_is_missing_is_named(
    cli: CommandLine, cloudflare: FakeCloudflare, granted: str, arguments: tuple[str, ...], message: str
) -> None:
    token = cloudflare.add_token(permissions=frozenset({granted}))
    said = cli.fails(*arguments, CLOUDFLARE_API_TOKEN=token)
    assert message in said
    assert token not in said


def test_an_unknown_account_and_an_unknown_config(cli: CommandLine) -> None:
    said = cli.fails("hyperdrive", "list", "--remote", CLOUDFLARE_ACCOUNT_ID="0" * 32)
    assert "(code 7003)" in said
    said = cli.fails("hyperdrive", "get", "0" * 32, "--remote")
    assert f"no Hyperdrive config with the id {'0' * 32}" in said
    assert "no Hyperdrive config with the name 'nope'" in cli.fails("hyperdrive", "delete", "nope", "--remote")
    assert "(code 1412)" in cli.fails("cert", "delete", "0" * 32, "--remote", "--yes")
    assert "no certificate with the name 'nope'" in cli.fails("cert", "delete", "nope", "--remote", "--yes")


def test_a_rate_limit_is_waited_for(cli: CommandLine, cloudflare: FakeCloudflare) -> None:
    cloudflare.fail(429, 10429, "Rate limited", times=2)
    cli.ok(*CREATE)
    assert [each.method for each in cloudflare.take_requests()] == ["POST"] * 3
    cloudflare.fail(429, 10429, "Rate limited", times=3)
    said = cli.fails("hyperdrive", "list", "--remote")
    assert "limits the rate of requests" in said
    assert "(code 10429)" in said


def test_a_long_rate_limit_is_left_to_the_user(cli: CommandLine, cloudflare: FakeCloudflare) -> None:
    cloudflare.fail(429, 10429, "Rate limited", retry_after="3000")
    assert "in 3000 s at the earliest" in cli.fails("hyperdrive", "list", "--remote")
    assert len(cloudflare.take_requests()) == 1


def test_a_failing_server_is_asked_again_only_for_what_can_be_repeated(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    cli.ok(*CREATE)
    (id,) = cloudflare.configs[account]
    for arguments in (("list",), ("get", id), ("update", id, "--max-age=5"), ("delete", id)):
        cloudflare.take_requests()
        cloudflare.fail(503, times=2)
        cli.ok("hyperdrive", *arguments, "--remote")
        assert len(cloudflare.take_requests()) == 3
    cloudflare.fail(500, 10001, "internal", after=True)
    said = cli.fails(*CREATE)
    assert "HTTP status 500: internal (code 10001)" in said
    assert len(cloudflare.take_requests()) == 1
    assert len(cloudflare.configs[account]) == 1


def test_an_answer_that_breaks_off(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> None:
    cloudflare.break_off(times=2)
    cli.ok("hyperdrive", "list", "--remote")
    cloudflare.break_off(after=True)
    said = cli.fails(*CREATE)
    assert "broke off" in said
    assert "The change may have been made anyway" in said
    assert len(cloudflare.configs[account]) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/client/v4", "https://localhost:{port}/client/v4"])
def test_no_network(cli: CommandLine, url: str) -> None:
    said = cli.fails("hyperdrive", "list", "--remote", CLOUDFLARE_API_BASE_URL=url.format(port=free_port()))
    assert "Cannot reach" in said


def test_something_else_answers(cli: CommandLine, cloudflare: FakeCloudflare) -> None:
    url = cloudflare.url.removesuffix("/client/v4")
    said = cli.fails("hyperdrive", "list", "--remote", CLOUDFLARE_API_BASE_URL=f"{url}/elsewhere")
    assert "(code 7003)" in said


@pytest.mark.parametrize(
    ("url", "code", "advice"),
    [
        ("postgres://app:pass-s3cret@db.invalid/app", 2008, "does not resolve"),
        ("postgres://app:pass-s3cret@10.0.0.5/app", 2009, "--service-id"),
    ],
)
def test_an_origin_that_cloudflare_cannot_reach(cli: CommandLine, url: str, code: int, advice: str) -> None:
    said = cli.fails("hyperdrive", "create", "db", "--remote", "--connection-string", url)
    assert f"(code {code})" in said
    assert advice in said
    assert "s3cret" not in said


def test_secrets_in_an_answer_are_not_shown(cli: CommandLine, cloudflare: FakeCloudflare, token: str) -> None:
    cloudflare.fail(400, 2013, f"no login as app with pass-s3cret, said {token}")
    said = cli.fails(*CREATE)
    assert "no login as app with ***, said ***" in said
    assert "(code 2013)" in said


@pytest.mark.parametrize(
    "options",
    [
        ("--connection-string", "mongodb://u:p@h/db"),
        ("--connection-string", "postgres://u:p@h"),
        ("--connection-string", "postgres://u@h/db"),
        ("--connection-string", "postgres://u:p@h:99999/db"),
        ("--connection-string", URL, "--host", "h"),
        ("--database=d", "--user=u", "--password=p"),
        ("--database=d", "--user=u", "--password=p", "--host=h", "--access-client-id=a"),
        ("--database=d", "--user=u", "--password=p", "--host=h", "--service-id=a"),
        ("--database=d", "--user=u", "--password=p", "--host=h", "--sslmode=disable"),
        ("--embedded",),
        ("--connection-string", URL, "--no-check"),
    ],
    ids=" ".join,
)
def test_options_that_make_no_config_are_refused_before_anything_is_sent(
    cli: CommandLine, cloudflare: FakeCloudflare, options: tuple[str, ...]
) -> None:
    assert cli("hyperdrive", "create", "db", "--remote", *options).status in (1, 2)
    assert cloudflare.take_requests() == []


def test_a_binding_that_cannot_be_written_is_known_before_something_is_created(
    cli: CommandLine, cloudflare: FakeCloudflare
) -> None:
    (cli.cwd / "wrangler.toml").write_text('[vars]\nDB = "taken"\n')
    assert "DB is taken" in cli.fails(*CREATE, "--binding", "DB")
    assert cloudflare.take_requests() == []
    cli.ok(*CREATE, "--binding", "OTHER")
    assert 'binding = "OTHER"' in (cli.cwd / "wrangler.toml").read_text()


def test_nothing_is_sent_by_commands_that_do_not_say_so(cli: CommandLine, cloudflare: FakeCloudflare) -> None:
    cli.ok("hyperdrive", "create", "shop", "--no-check", "--connection-string", URL)
    for arguments in (("hyperdrive", "list"), ("hyperdrive", "get", "shop"), ("cert", "list")):
        cli.ok(*arguments)
    cli("check", "--offline")
    cli.ok("hyperdrive", "delete", "shop")
    assert cloudflare.take_requests() == []
