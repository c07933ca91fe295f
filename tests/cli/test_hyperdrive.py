"""`wrangler-py hyperdrive` as a person types it."""

from __future__ import annotations

import re
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine

SECRET = "s3cr3t-p%40ss"
STRING = f"postgres://u:{SECRET}@db.example.com:6543/d"
ID = re.compile(r"[0-9a-f]{32}")

TOML = 'name = "x" # mine\nmain = "src/entry.py"\n\n[env.staging]\nname = "s"\n'
JSONC = '{\n  // mine\n  "name": "x",\n  "main": "src/entry.py"\n}\n'


def created(cli: CommandLine, name: str = "db", *options: str | Path) -> str:
    outcome = cli.ok("hyperdrive", "create", name, f"--connection-string={STRING}", "--no-check", *options)
    assert f"🚧 Creating '{name}'" in outcome.stdout
    match = re.search(r"✅ Created new Hyperdrive PostgreSQL config: ([0-9a-f]{32})", outcome.stdout)
    assert match, outcome.stdout
    return match[1]


def test_create_list_get_update_delete(cli: CommandLine) -> None:
    id = created(cli, "db", "--max-age=30", "--origin-connection-limit", "50")
    expected = {
        "id": id,
        "name": "db",
        "origin": {
            "scheme": "postgres",
            "host": "db.example.com",
            "port": 6543,
            "database": "d",
            "user": "u",
        },
        "caching": {"disabled": False, "max_age": 30, "stale_while_revalidate": 15},
        "origin_connection_limit": 50,
    }
    assert cli.ok("hyperdrive", "list", "--json").json() == [expected]
    assert cli.ok("hyperdrive", "get", "db").json() == expected
    assert cli.ok("hyperdrive", "get", id, "--json").json() == expected
    listed = cli.ok("hyperdrive", "list").stdout
    for part in (id, "db", "u@db.example.com:6543/d", "30 s + 15 s stale"):
        assert part in listed

    outcome = cli.ok(
        "hyperdrive", "update", "db", "--name", "new", "--caching-disabled=true", "--host=h", "--no-check"
    )
    assert "🚧 Updating 'db'" in outcome.stdout
    assert f"✅ Updated {id} Hyperdrive config" in outcome.stdout
    changed = cli.ok("hyperdrive", "get", "new").json()
    assert (changed["caching"], changed["origin"]["host"]) == ({"disabled": True}, "h")
    assert changed["origin"]["user"] == "u"

    assert "Deleted" in cli.ok("hyperdrive", "delete", "new").stdout
    assert cli.ok("hyperdrive", "list", "--json").json() == []
    assert "No Hyperdrive config has the id or name 'new'" in cli.fails("hyperdrive", "get", "new")


def test_the_store_is_private_and_holds_the_password(cli: CommandLine) -> None:
    created(cli)
    store = cli.home / "hyperdrive.json"
    assert "s3cr3t-p@ss" in store.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(store.stat().st_mode) == 0o600
        assert stat.S_IMODE(cli.home.stat().st_mode) == 0o700


def test_parts_form_with_the_password_from_a_pipe(cli: CommandLine) -> None:
    parts = ["--host=h", "--port=1", "--user=u", "--database=d", "--scheme=postgresql"]
    cli.ok("hyperdrive", "create", "db", *parts, "--password", "-", "--no-check", stdin="fr0m-a-pipe\n")
    assert '"password": "fr0m-a-pipe"' in (cli.home / "hyperdrive.json").read_text()
    missing = cli.fails("hyperdrive", "create", "other", *parts, "--no-check")
    assert "You must provide a password" in missing


def test_no_password_in_any_output(cli: CommandLine, postgres: Any) -> None:
    closed = f"postgres://u:{SECRET}@127.0.0.1:1/d"
    wrong = postgres.dsn(password="s3cr3t-p@ss")
    outcomes = [
        cli("hyperdrive", "create", "a", f"--connection-string={closed}"),
        cli("hyperdrive", "create", "a", f"--connection-string={wrong}"),
        cli("hyperdrive", "create", "a", f"--connection-string=postgres://u:{SECRET}"),
        cli("hyperdrive", "create", "a", f"--connection-string=u:{SECRET}@h/d"),
        cli("hyperdrive", "create", "a", f"--connection-string=mysql://u:{SECRET}@h/d"),
        cli("hyperdrive", "create", "a", f"--connection-string={STRING}", "--host=h"),
        cli("hyperdrive", "create", "a", f"--connection-string={closed}", "--no-check"),
        cli("hyperdrive", "create", "a", f"--connection-string={closed}", "--no-check"),
        cli("hyperdrive", "update", "a", "--password", "s3cr3t-p@ss"),
        cli("hyperdrive", "update", "a", "--name", "b"),
        cli("hyperdrive", "list"),
        cli("hyperdrive", "list", "--json"),
        cli("hyperdrive", "get", "b"),
        cli("hyperdrive", "execute", "b", "--command", "SELECT 1"),
        cli("hyperdrive", "delete", "b"),
    ]
    assert [outcome.status for outcome in outcomes] == [1] * 6 + [0, 1, 1] + [0] * 4 + [1, 0]
    for outcome in outcomes:
        assert "s3cr3t" not in outcome.output


def test_create_checks_the_connection(cli: CommandLine, tls_postgres: Any, certificates: Any) -> None:
    dsn = tls_postgres.dsn(host="localhost")
    trusted = {"SSL_CERT_FILE": str(certificates.ca)}
    create = ["hyperdrive", "create", "db", f"--connection-string={dsn}"]
    cli.ok(*create, **trusted)
    for changes, code in (
        (["--host=no-such-host.invalid"], 2008),
        ([f"--host={cli.cwd}"], 2010),
        ([f"--port={closed_port()}"], 2011),
        (["--password=wrong"], 2013),
        (["--database=nowhere"], 2014),
    ):
        said = cli.fails("hyperdrive", "update", "db", *changes, **trusted)
        assert f"[code: {code}]" in said
    assert cli.ok("hyperdrive", "get", "db").json()["origin"]["database"] == "app", (
        "a failed update changes nothing"
    )
    said = cli.fails("hyperdrive", "update", "db", "--user=app", SSL_CERT_FILE=str(certificates.server_key))
    assert "[code: 2015]" in said or "root certificates" in said


def test_create_needs_tls_and_says_how_to_go_on_without(cli: CommandLine, postgres_factory: Any) -> None:
    server = postgres_factory(tls=False)
    said = cli.fails("hyperdrive", "create", "db", f"--connection-string={server.dsn()}")
    assert "[code: 2012]" in said
    assert "localConnectionString" in said
    assert cli.ok("hyperdrive", "list", "--json").json() == []
    socket_options = [f"--host={server.socket_dir}", f"--port={server.port}", "--user=app", "--database=app"]
    cli.ok("hyperdrive", "create", "db", *socket_options, f"--password={server.user_password}")


def test_certificates_in_configs(cli: CommandLine, tls_postgres: Any, certificates: Any) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    cli.ok(
        *("cert", "upload", "mtls-certificate", "--name", "client"),
        *("--cert", certificates.client_certificate, "--key", certificates.client_key),
    )
    dsn = tls_postgres.dsn(host="localhost")
    options = ["--sslmode=verify-full", "--ca-certificate-id=ca", "--mtls-certificate-id=client"]
    cli.ok("hyperdrive", "create", "db", f"--connection-string={dsn}", *options)
    stored = cli.ok("hyperdrive", "get", "db").json()["mtls"]
    ids = {each["name"]: each["id"] for each in cli.ok("cert", "list", "--json").json()}
    assert stored == {
        "sslmode": "verify-full",
        "ca_certificate_id": ids["ca"],
        "mtls_certificate_id": ids["client"],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sslmode=disable"], "Hyperdrive always uses TLS"),
        (["--sslmode=none"], "Hyperdrive always uses TLS"),
        (["--sslmode=prefer"], "Hyperdrive always uses TLS"),
        (["--sslmode=verify-full"], "CA required"),
        (["--service-id=x"], "works on Cloudflare only"),
        (["--access-client-id=x", "--access-client-secret=y"], "work on Cloudflare only"),
        (["--caching-disabled", "--max-age=5"], "when caching is disabled"),
        (["--origin-connection-limit=1501"], "from 5 to 1500"),
        (["--sslmode=REQUIRED"], "MySQL is not emulated"),
        (["--sslmode=verify_ca"], "MySQL is not emulated"),
        (["--sslmode=Verify_Identity"], "MySQL is not emulated"),
        (["--binding=HYPERDRIVE"], "No wrangler.toml"),
    ],
)
def test_refusals(cli: CommandLine, options: list[str], message: str) -> None:
    said = cli.fails("hyperdrive", "create", "db", f"--connection-string={STRING}", "--no-check", *options)
    assert message in said
    assert not (cli.home / "hyperdrive.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["hyperdrive", "get"],
        ["hyperdrive", "bind"],
        ["hyperdrive", "delete"],
        ["hyperdrive", "execute", "--command=SELECT 1"],
        ["hyperdrive", "explain", "SELECT 1"],
        ["hyperdrive", "proxy"],
        ["hyperdrive", "create", "db"],
        ["hyperdrive", "create", f"--connection-string={STRING}"],
        ["dev", "--cwd"],
        ["cert", "delete"],
        [],
    ],
    ids=" ".join,
)
def test_a_connection_string_in_the_wrong_place_stays_secret(cli: CommandLine, arguments: list[str]) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    outcome = cli(*arguments, STRING)
    assert outcome.status in (1, 2)
    assert SECRET not in outcome.output
    if arguments[:1] == ["hyperdrive"] and "create" not in arguments:
        assert "hyperdrive create NAME --connection-string=" in outcome.stderr


def test_a_taken_name_is_noticed_before_the_connection_is_tested(cli: CommandLine) -> None:
    created(cli)
    string = f"postgres://u:p@127.0.0.1:{closed_port()}/d"
    assert "exists already" in cli.fails("hyperdrive", "create", "db", f"--connection-string={string}")


def test_an_unknown_target_comes_with_those_there_are(cli: CommandLine) -> None:
    created(cli)
    (cli.cwd / "wrangler.toml").write_text('[[hyperdrive]]\nbinding = "DB"\nid = "x"\n')
    for command in (["execute", "--command=SELECT 1"], ["proxy"]):
        said = cli.fails("hyperdrive", *command, "DBB")
        assert "Bindings of wrangler.toml: DB\n" in said
        assert "Known configs: db" in said


def test_a_binding_stands_for_its_config(cli: CommandLine) -> None:
    id = created(cli)
    (cli.cwd / "wrangler.toml").write_text(TOML)
    cli.ok("hyperdrive", "bind", "db", "--binding", "REPORTS")
    assert cli.ok("hyperdrive", "get", "REPORTS").json()["id"] == id
    cli.ok("hyperdrive", "update", "REPORTS", "--max-age=7", "--no-check")
    assert cli.ok("hyperdrive", "get", "db").json()["caching"]["max_age"] == 7
    assert "No Hyperdrive config has the id or name 'OTHER'" in cli.fails("hyperdrive", "get", "OTHER")


def test_two_creates_at_once(cli: CommandLine) -> None:
    options = [f"--connection-string={STRING}", "--no-check"]
    names = ["a", "b", "c", "same", "same"]
    processes = [cli.start("hyperdrive", "create", name, *options) for name in names]
    statuses = []
    for process in processes:
        process.communicate()
        statuses.append(process.returncode)
    assert statuses[:3] == [0, 0, 0]
    assert sorted(statuses[3:]) == [0, 1]
    listed = cli.ok("hyperdrive", "list", "--json").json()
    assert sorted(each["name"] for each in listed) == ["a", "b", "c", "same"]


def test_a_damaged_store(cli: CommandLine) -> None:
    cli.home.mkdir()
    (cli.home / "hyperdrive.json").write_text("{")
    assert "hyperdrive.json is damaged" in cli.fails("hyperdrive", "list")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_home_that_cannot_be_made(cli: CommandLine) -> None:
    cli.home.write_text("a file")
    said = cli.fails("hyperdrive", "create", "db", f"--connection-string={STRING}", "--no-check")
    assert f"Cannot read {cli.home / 'hyperdrive.json'}: Not a directory." in said
    assert "set WRANGLER_PY_HOME to another folder" in said


# -- bindings ---------------------------------------------------------------------------------------


def test_create_prints_the_snippet(cli: CommandLine) -> None:
    outcome = cli.ok("hyperdrive", "create", "a", f"--connection-string={STRING}", "--no-check")
    match = ID.search(outcome.stdout)
    assert match
    assert f'[[hyperdrive]]\nbinding = "HYPERDRIVE"\nid = "{match[0]}"' in outcome.stdout
    (cli.cwd / "wrangler.jsonc").write_text(JSONC)
    outcome = cli.ok("hyperdrive", "create", "b", f"--connection-string={STRING}", "--no-check")
    assert '"binding": "HYPERDRIVE"' in outcome.stdout
    assert (cli.cwd / "wrangler.jsonc").read_text() == JSONC


@pytest.mark.parametrize(("name", "content"), [("wrangler.toml", TOML), ("wrangler.jsonc", JSONC)])
def test_create_bind_and_unbind_edit_the_config_file(cli: CommandLine, name: str, content: str) -> None:
    file = cli.cwd / name
    file.write_text(content)
    id = created(cli, "a", "--binding", "DB")
    assert "mine" in file.read_text()
    assert id in file.read_text()
    assert "DB" in file.read_text()
    other = created(cli, "b", "--update-config")
    assert other in file.read_text()
    assert "HYPERDRIVE" in file.read_text()
    cli.ok("hyperdrive", "unbind", "DB")
    cli.ok("hyperdrive", "unbind", "HYPERDRIVE")
    assert id not in file.read_text()
    cli.ok("hyperdrive", "bind", "a")
    assert "HYPERDRIVE is taken" in cli.fails("hyperdrive", "bind", "b")
    assert other not in file.read_text()
    cli.ok("hyperdrive", "bind", other, "--replace")
    assert id not in file.read_text()
    assert other in file.read_text()


@pytest.mark.parametrize("environment", [(), ("--env", "staging")], ids=["top", "environment"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wrangler.toml", b'\xef\xbb\xbfname = "x" # c\r\n\r\n[env.staging]\r\nvars.A = 1'),
        ("wrangler.toml", b'name = "x"\n\n# c\n[env]\nstaging.name = "y"\n\n# d\n[vars]\nA = 1\n'),
        ("wrangler.toml", b'name = "x"\n\n[env]\nstaging = { name = "y" }\n'),
        ("wrangler.json", b'{"name": "x", "env": {"staging": {}}}'),
        ("wrangler.json", b'{\n  "name": "x",\n  "env": {\n    "staging": {\n      "name": "y"\n    }\n  }\n}\n'),
        (
            "wrangler.jsonc",
            b'{\r\n\t// c\r\n\t"name": "x", // d\r\n\t"env": { "staging": { "name": "y" } },\r\n}\r\n',
        ),
    ],
)
def test_unbinding_the_last_leaves_nothing_of_it(
    cli: CommandLine, name: str, content: bytes, environment: tuple[str, ...]
) -> None:
    file = cli.cwd / name
    file.write_bytes(content)
    created(cli, "a")
    cli.ok("hyperdrive", "bind", "a", "--binding", "DB", *environment)
    assert b"hyperdrive" in file.read_bytes()
    cli.ok("hyperdrive", "unbind", "DB", *environment)
    assert b"hyperdrive" not in file.read_bytes()
    assert file.read_bytes().rstrip() == content.rstrip()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wrangler.toml", 'hyperdrive = [\n  { binding = "DB", id = "1" }, # c\n]\nname = "x"\n'),
        ("wrangler.toml", 'name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "1"\n'),
        ("wrangler.jsonc", '{\n  "hyperdrive": [\n    { "binding": "DB", "id": "1" }\n  ],\n  "name": "x"\n}\n'),
    ],
)
def test_unbinding_leaves_no_empty_array(cli: CommandLine, name: str, content: str) -> None:
    (cli.cwd / name).write_text(content)
    cli.ok("hyperdrive", "unbind", "DB")
    left = 'name = "x"\n' if name.endswith("toml") else '{\n  "name": "x"\n}\n'
    assert (cli.cwd / name).read_text() == left


def test_a_config_file_that_cannot_be_edited_is_left_alone(cli: CommandLine) -> None:
    content = 'env = { staging.name = "x" }\n'
    (cli.cwd / "wrangler.toml").write_text(content)
    id = created(cli, "a")
    said = cli.fails("hyperdrive", "bind", "a", "--binding", "DB", "--env", "staging")
    for line in ("[[env.staging.hyperdrive]]", 'binding = "DB"', f'id = "{id}"'):
        assert line in said
    assert (cli.cwd / "wrangler.toml").read_text() == content
    options = ["--no-check", f"--connection-string={STRING}", "--binding", "DB", "--env", "staging"]
    assert "Nothing was created" in cli.fails("hyperdrive", "create", "b", *options)
    assert "'b'" in cli.fails("hyperdrive", "get", "b")


def test_a_new_project_gets_its_database_in_one_step(cli: CommandLine) -> None:
    cli.ok("init", "app", "-y")
    options = [f"--connection-string={STRING}", "--no-check", "--cwd", "app"]
    outcome = cli.ok("hyperdrive", "create", "mine", *options, "--binding", "HYPERDRIVE")
    assert "Bound 'mine' as env.HYPERDRIVE in wrangler.toml" in outcome.stdout
    text = (cli.cwd / "app" / "wrangler.toml").read_text()
    assert text.count("[[hyperdrive]]") == 1
    assert f'id = "{cli.ok("hyperdrive", "get", "mine").json()["id"]}"' in text
    said = cli.fails("hyperdrive", "create", "other", *options, "--binding", "HYPERDRIVE")
    assert "HYPERDRIVE is taken" in said, "by now it is an id of somebody's"
    assert (cli.cwd / "app" / "wrangler.toml").read_text() == text


def test_a_config_that_is_bound_but_not_used_is_reported(cli: CommandLine) -> None:
    created(cli)
    entry = '[[hyperdrive]]\nbinding = "DB"\nid = "<YOUR_ID>"\nlocalConnectionString = "postgres://u:p@h/d"\n'
    (cli.cwd / "wrangler.toml").write_text(entry)
    outcome = cli.ok("hyperdrive", "bind", "db", "--binding", "DB")
    assert "keeps using the localConnectionString of DB" in outcome.stderr
    assert "<YOUR_ID>" not in (cli.cwd / "wrangler.toml").read_text()


def test_create_says_how_to_bind(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    options = [f"--connection-string={STRING}", "--no-check"]
    assert "`wrangler-py hyperdrive bind 'my db'`" in cli.ok("hyperdrive", "create", "my db", *options).stderr
    assert "bind" not in cli.ok("hyperdrive", "create", "b", *options, "--no-update-config").stderr


def test_two_bindings_of_one_name(cli: CommandLine) -> None:
    created(cli)
    entry = '[[hyperdrive]]\nbinding = "DB"\nid = "x"\n'
    (cli.cwd / "wrangler.toml").write_text(entry + entry)
    for command in (["hyperdrive", "bind", "db"], ["dev"], ["types"]):
        assert "two bindings have the name DB" in cli.fails(*command)
    (cli.cwd / "wrangler.toml").write_text(entry + '[vars]\nDB = "x"\n')
    assert "one in `hyperdrive`, one in `vars`" in cli.fails("dev")


def test_bind_in_an_environment(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    id = created(cli)
    outcome = cli.ok("hyperdrive", "bind", "db", "--binding", "DB", "-e", "staging")
    assert "environment staging" in outcome.stdout
    assert "[[env.staging.hyperdrive]]" in (cli.cwd / "wrangler.toml").read_text()
    assert id in (cli.cwd / "wrangler.toml").read_text()
    before = (cli.cwd / "wrangler.toml").read_text()
    assert "no environment" in cli.fails("hyperdrive", "bind", "db", "--binding", "DB2", "-e", "nowhere")
    assert (cli.cwd / "wrangler.toml").read_text() == before


def test_a_binding_that_cannot_be_written_creates_nothing(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    options = [f"--connection-string={STRING}", "--no-check"]
    assert "not-valid" in cli.fails("hyperdrive", "create", "db", *options, "--binding", "not-valid")
    assert not (cli.home / "hyperdrive.json").exists()
    assert (cli.cwd / "wrangler.toml").read_text() == TOML


def test_bind_an_id_of_production(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    outcome = cli.ok("hyperdrive", "bind", "0123456789abcdef" * 2)
    assert "not in the local store" in outcome.stderr
    assert "No Hyperdrive config" in cli.fails("hyperdrive", "bind", "no-such-name", "--binding", "B")


def test_a_file_that_cannot_be_written_leaves_the_config_to_bind(cli: CommandLine) -> None:
    name = "x" * 246 + ".toml"  # leaves no room for the name of the new one that is to replace it
    (cli.cwd / name).write_text('name = "x"\n')
    options = ("--embedded", "--binding", "DB", "--config", name)
    refusal = cli.fails("hyperdrive", "create", "my db", *options)
    assert "The config my db was created, but not bound. Cannot write" in refusal
    assert f"wrangler-py hyperdrive bind 'my db' --binding DB --config {cli.cwd / name}" in refusal
    assert "my db" in cli.ok("hyperdrive", "list").stdout


def test_delete_names_the_bindings_it_leaves(cli: CommandLine) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    created(cli, "db", "--binding", "DB")
    created(cli, "other", "--binding", "OTHER")
    cli.ok("hyperdrive", "bind", "db", "--binding", "DB", "--env", "staging")
    said = cli.ok("hyperdrive", "delete", "db").stderr
    assert "wrangler.toml still binds it as env.DB: `wrangler-py hyperdrive unbind DB` removes" in said
    assert "wrangler.toml (environment staging) still binds" in said
    assert "OTHER" not in said
    for command in re.findall(r"`wrangler-py (.+?)`", said):
        cli.ok(*command.split())
    assert "DB" not in (cli.cwd / "wrangler.toml").read_text()


def test_a_wrong_part_is_not_answered_with_a_connection_string(cli: CommandLine) -> None:
    created(cli)
    for option in ("--port=70000", "--port=0", "--host=a/b", "--scheme=ftp"):
        assert "connection string" not in cli.fails("hyperdrive", "update", "db", option, "--no-check")
    assert "The port is not a number from 1 to 65535." in cli.fails("hyperdrive", "update", "db", "--port=70000")
    cli.ok("hyperdrive", "update", "db", "--swr=0")
    assert cli.ok("hyperdrive", "get", "db").json()["caching"]["stale_while_revalidate"] == 0


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- on a terminal ----------------------------------------------------------------------------------


def test_list_keeps_ids_and_names_whole(cli: CommandLine, terminal: Any) -> None:
    name = "orders-" + "of-the-north-" * 3
    id = created(cli, name)
    child = terminal("hyperdrive", "list", columns=160)
    child.expect_exact(f"{id} │ {name} │")
    child.wait()


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_narrow_terminal_shows_all_of_a_config(cli: CommandLine, terminal: Any, columns: int) -> None:
    id = created(cli, "orders")
    created(cli, "others")
    child = terminal("hyperdrive", "list", columns=columns)
    child.expect(f"id +{id}\r\nname +orders\r\norigin +u@db.example.com:6543/d\r\n")
    child.expect("limit +20\r\n\r\nid .*name +others\r\n")
    child.wait()


def test_create_offers_to_write_the_binding(cli: CommandLine, terminal: Any) -> None:
    (cli.cwd / "wrangler.toml").write_text(TOML)
    child = terminal("hyperdrive", "create", "db", f"--connection-string={STRING}", "--no-check")
    child.expect("Would you like it added to wrangler.toml")
    child.sendline("y")
    child.expect("binding name")
    child.sendline("DB")
    child.expect_exact("env.DB in wrangler.toml")
    child.wait()
    assert 'binding = "DB"' in (cli.cwd / "wrangler.toml").read_text()


def test_a_taken_name_is_asked_for_again(cli: CommandLine, terminal: Any) -> None:
    (cli.cwd / "wrangler.toml").write_text('vars = { DB = "x" }\n')
    child = terminal("hyperdrive", "create", "db", f"--connection-string={STRING}", "--no-check")
    child.expect("Would you like it added")
    child.sendline("y")
    for name, answer in (
        ("DB", "The name DB is taken"),
        ("1", "is not a valid binding name"),
        ("C", "env.C in wrangler.toml"),
    ):
        child.expect("binding name")
        child.sendline(name)
        child.expect_exact(answer)
    child.wait()
    assert 'binding = "C"' in (cli.cwd / "wrangler.toml").read_text()


def test_create_asks_for_the_password(cli: CommandLine, terminal: Any) -> None:
    child = terminal(
        *("hyperdrive", "create", "db", "--host=h", "--user=u", "--database=d", "--no-check"),
    )
    child.expect("Password of u at h: ")
    child.sendline("typed-s3cr3t")
    child.expect("Created new Hyperdrive PostgreSQL config")
    assert "typed-s3cr3t" not in child.before
    assert "typed-s3cr3t" in (cli.home / "hyperdrive.json").read_text()
