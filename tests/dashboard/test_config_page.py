"""The page Configs: all that the commands do, and passwords that never come out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.browser import OpenPage
from support.command_line import CommandLine
from support.dashboard import DashboardClient, Shop, serve_alone
from support.postgres_server import PostgresServer


@pytest.fixture(scope="module")
def cli(shop: Shop, ca_pem: Path, tls_postgres: PostgresServer) -> CommandLine:
    """The commands, with the store of the session, which has the CA of the test server."""
    cli = CommandLine(shop.root / "home", shop.root)
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", ca_pem, "--name", "test-ca")
    return cli


@pytest.fixture
def page(shop: Shop, cli: CommandLine, open_page: OpenPage) -> Iterator[Page]:
    """The page, and no configs before and after."""
    config_file = (shop.root / "wrangler.toml").read_text()
    yield open_page("configs")
    for name in ("made", "renamed", "second"):
        cli("hyperdrive", "delete", name)
    (shop.root / "wrangler.toml").write_text(config_file)


def fill_origin(page: Page, postgres: PostgresServer, *, name: str, password: str | None = None) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Host, user").check()
    dialog.get_by_label("Host", exact=True).fill(postgres.host)
    dialog.get_by_label("Port").fill(str(postgres.port))
    dialog.get_by_label("User", exact=True).fill(postgres.user)
    dialog.get_by_label("Password").fill(password or postgres.user_password)
    dialog.get_by_label("Database").fill(postgres.database)
    dialog.get_by_label("Mode").select_option("verify-ca")
    dialog.get_by_label("CA certificate").select_option(label="test-ca")


def create(page: Page, postgres: PostgresServer, name: str = "made") -> None:
    page.get_by_role("button", name="Create configuration").first.click()
    fill_origin(page, postgres, name=name)
    page.get_by_role("dialog").get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_create_and_bind(shop: Shop, cli: CommandLine, page: Page, tls_postgres: PostgresServer) -> None:
    expect(page.get_by_role("heading", name="No configs yet")).to_be_visible()
    create(page, tls_postgres)
    expect(page.locator("#main")).to_contain_text("Created new Hyperdrive PostgreSQL config:")
    entry = page.get_by_role("row").filter(has_text="made")
    expect(entry).to_contain_text(f"app@{tls_postgres.host}:{tls_postgres.port}/app")
    (config,) = cli.ok("hyperdrive", "list", "--json").json()
    assert (config["name"], config["mtls"]["sslmode"]) == ("made", "verify-ca")
    entry.get_by_role("button", name="Bind").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the binding").fill("HYPERDRIVE")
    dialog.get_by_role("button", name="Bind").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The name HYPERDRIVE is taken")
    dialog.get_by_label("Name of the binding").fill("SECOND")
    dialog.get_by_role("button", name="Bind").click()
    expect(page.locator("#main")).to_contain_text("Bound 'made' as env.SECOND in wrangler.toml")
    assert f'binding = "SECOND"\nid = "{config["id"]}"' in (shop.root / "wrangler.toml").read_text()
    expect(entry).to_contain_text("env.SECOND")
    # The session takes it on, and the page with it.
    page.get_by_role("link", name="Pool connections").click()
    expect(page.get_by_role("region", name="Pool of SECOND")).to_be_visible()
    page.get_by_role("link", name="Configs").click()
    page.get_by_role("button", name="Unbind env.SECOND").click()
    expect(page.locator("#main")).to_contain_text("Removed the binding SECOND from wrangler.toml")
    assert "SECOND" not in (shop.root / "wrangler.toml").read_text()


def test_a_wrong_password_is_the_commands_message(
    page: Page, cli: CommandLine, tls_postgres: PostgresServer
) -> None:
    page.get_by_role("button", name="Create configuration").first.click()
    fill_origin(page, tls_postgres, name="made", password="wrong-secret")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("Invalid database credentials")
    expect(dialog.get_by_role("alert")).to_contain_text("[code: 2013]")
    expect(dialog.get_by_role("alert")).not_to_contain_text("wrong-secret")
    assert cli.ok("hyperdrive", "list", "--json").json() == []


def test_edit_test_and_delete(page: Page, cli: CommandLine, tls_postgres: PostgresServer) -> None:
    create(page, tls_postgres)
    entry = page.get_by_role("row").filter(has_text="made")
    entry.get_by_role("button", name="Test").click()
    expect(page.locator("#main")).to_contain_text("Connected to app@")
    entry.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Password")).to_have_value("")
    dialog.get_by_label("Name", exact=True).fill("renamed")
    dialog.get_by_label("Max age").fill("7")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#main")).to_contain_text(re.compile("Updated [0-9a-f]{32} Hyperdrive config"))
    (config,) = cli.ok("hyperdrive", "list", "--json").json()
    assert (config["name"], config["caching"]["max_age"]) == ("renamed", 7)
    renamed = page.get_by_role("row").filter(has_text="renamed")
    expect(renamed).to_contain_text("7 s + 15 s stale")
    renamed.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Disable caching").check()
    dialog.get_by_role("button", name="Save").click()
    expect(renamed).to_contain_text("off")
    renamed.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Origin connection limit").fill("3")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("--origin-connection-limit must be from 5 to 1500.")
    dialog.get_by_role("button", name="Cancel").click()
    renamed.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("It is not bound in this project.")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No configs yet")).to_be_visible()
    assert cli.ok("hyperdrive", "list", "--json").json() == []


def test_passwords_never_come_out(
    page: Page, api: DashboardClient, cli: CommandLine, shop: Shop, tls_postgres: PostgresServer
) -> None:
    create(page, tls_postgres)
    secret = tls_postgres.user_password
    (config,) = api.get("/api/configs").json()["configs"]
    for text in (api.get("/api/configs").text, api.get("/api/session").text, shop.dev.output, page.content()):
        assert secret not in text
    string = f"postgres://app:hidden-{'x' * 8}@127.0.0.1:1/app"
    for body in ({"connection_string": string}, {"connection_string": string, "origin_host": "elsewhere"}):
        answer = api.patch(f"/api/configs/{config['id']}", json=body)
        assert answer.status_code == 422
        assert "hidden" not in answer.text


def test_a_dashboard_of_its_own_has_the_configs(
    cli: CommandLine, open_page: OpenPage, tls_postgres: PostgresServer
) -> None:
    string = f"postgres://app:secret@{tls_postgres.host}:{tls_postgres.port}/app"
    cli.ok("hyperdrive", "create", "second", "--no-check", "--connection-string", string)
    with serve_alone(cli) as url:
        page = open_page("configs", url=url)
        expect(page.get_by_role("row").filter(has_text="second")).to_be_visible()
        page.get_by_role("link", name="Queries").click()
        expect(page.get_by_role("heading", name="No session runs here")).to_be_visible()
        expect(page.locator("#main")).to_contain_text("wrangler-py dev")
        for name in ("Requests", "Pool connections", "Cache", "Metrics", "Database"):
            page.get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.context.close()
    cli.ok("hyperdrive", "delete", "second")


def test_a_binding_of_the_top_level_is_unbound_there(cli: CommandLine, open_page: OpenPage, shop: Shop) -> None:
    """Also if the dashboard belongs to an environment that has a binding of the same name."""
    file = shop.root / "wrangler.toml"
    before = file.read_text()
    cli.ok(
        "hyperdrive", "create", "second", "--no-check", "--connection-string", "postgres://app:secret@127.0.0.1/app"
    )
    (config,) = cli.ok("hyperdrive", "list", "--json").json()
    binding = f'binding = "SAME"\nid = "{config["id"]}"\n'
    staging = f"[[env.staging.hyperdrive]]\n{binding}"
    file.write_text(f"{before}\n[[hyperdrive]]\n{binding}\n{staging}")
    try:
        with serve_alone(cli, "--env", "staging") as url:
            page = open_page("configs", url=url)
            entry = page.get_by_role("row").filter(has_text="second")
            top_level = entry.locator("p").filter(has_text="env.SAME").filter(has_not_text="staging")
            top_level.get_by_role("button", name="Unbind env.SAME").click()
            expect(page.locator("#main")).to_contain_text("Removed the binding SAME from wrangler.toml")
            page.context.close()
        text = file.read_text()
        assert "[[env.staging.hyperdrive]]" in text
        assert text.count("SAME") == 1
    finally:
        file.write_text(before)
        cli.ok("hyperdrive", "delete", "second")
