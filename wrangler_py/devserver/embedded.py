"""The embedded PostgreSQL: a real server from the `embedded` extra, one for each state folder.

A keeper process (`embedded_keeper.py`) starts it and stops it when the last process that uses it has ended,
however it ended. Data survives; it is as safe as with any PostgreSQL (fsync stays on).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.atomic_file import replace_file
from wrangler_py.devserver import embedded_keeper
from wrangler_py.devserver.embedded_data import (
    SUPERUSER,
    accepts,
    data_folder,
    end_predecessor,
    existing_data_folder,
    initialise,
    is_server,
)
from wrangler_py.devserver.embedded_programs import Programs, find_programs
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT, Origin
from wrangler_py.hyperdrive.private_file import locked
from wrangler_py.hyperdrive.psycopg_connection import connect
from wrangler_py.worker.started_processes import without_marks

if TYPE_CHECKING:
    import psycopg

_PORT = 5432
"""With Unix sockets, the port is only part of the socket's name."""

_SETTINGS = {
    "max_connections": "120",  # the largest pool, and a few for psql
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "wal_level": "replica",  # with `minimal`, a crash resets sequences that the schema created and used
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "application_name": "embedded",
}

_SOCKET_FOLDER_PREFIX = "wrangler-py-"
_REMAINS_PATIENCE_S = 0.3
"""How long a server may take to end after its keeper was killed; then it is stopped."""

Heard = Callable[[str | None], None]


class EmbeddedEndedError(WranglerError):
    """The server has ended: its process was killed, or its data was removed."""


class EmbeddedPostgres:
    """A running server that this process uses until `stop`."""

    def __init__(self, *, folder: Path, data: Path, host: str, port: int, password: str) -> None:
        self.folder = folder
        self.data = data
        self.host = host
        self.port = port
        self._password = password
        self._keeper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._following: threading.Thread | None = None
        self._stopping = False
        self._lost = False

    @classmethod
    def start(cls, state: Path, settings: Mapping[str, str] | None = None) -> EmbeddedPostgres:
        """Start the server of the folder `state`, or attach to it if it runs already.

        Its password, log and, unless we are root, its data are in `state/postgres`. `settings` are PostgreSQL's, in
        place of the usual ones, if it does not run yet. Raises WranglerError if the `embedded` extra is missing or
        PostgreSQL doesn't start.
        """
        folder = server_folder(state)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock"):
            if (server := cls._attach(folder)) is not None:
                return server
            return cls._launch(folder, find_programs(), settings or {})

    @classmethod
    def attach(cls, state: Path) -> EmbeddedPostgres | None:
        """The server of the folder `state` if other processes run it already; None otherwise."""
        folder = server_folder(state)
        if not (folder / "running.json").exists():
            return None
        with locked(folder / "lock"):
            return cls._attach(folder)

    @classmethod
    def remove(cls, state: Path) -> None:
        """Delete the server of the folder `state` with all its data. Raises WranglerError if it is in use."""
        folder = server_folder(state)
        if not folder.exists():
            return
        with locked(folder / "lock"):
            if (server := cls._attach(folder)) is not None:
                server.stop()
                raise WranglerError(
                    "The embedded PostgreSQL is in use.",
                    hint="End these programs first: `wrangler-py dev`, `hyperdrive proxy`, `hyperdrive exec`, "
                    "`embedded psql` or a test run.",
                )
            if (data := existing_data_folder(folder)) is not None:
                end_predecessor(data, find_programs(), patience_s=_REMAINS_PATIENCE_S)
                _remove_socket_folder(_running(folder).get("host", ""))
                # As root, the folder around the data also belongs to this server alone.
                shutil.rmtree(data if data.parent == folder else data.parent)
            shutil.rmtree(folder)

    def origin(self, database: str) -> Origin:
        """The origin of `database`, which is created if it is missing.

        Raises EmbeddedEndedError if the server has ended, WranglerError if it refuses.
        """
        import psycopg

        with self.refusals(), connect(self.administrative_origin(), PLAINTEXT) as connection:
            row = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone()
            if row is None:
                name = psycopg.sql.Identifier(database)
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        return self._origin(database)

    def administrative_origin(self) -> Origin:
        """The database to connect to for commands about other databases."""
        return self._origin("postgres")

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended unexpectedly since `follow`."""
        return self._lost

    def follow(self, heard: Heard) -> None:
        """Call `heard`, in another thread, with each line about the server's state.

        None means that it ended, unless `stop` was called.
        """

        def run() -> None:
            for line in self._said():
                heard(line)
            if not self._stopping:
                self._lost = True
                heard(None)

        if self._keeper is not None or self._control is not None:
            self._following = threading.Thread(target=run, name="embedded-postgresql", daemon=True)
            self._following.start()

    def stop(self) -> None:
        """Stop using the server. If nothing else uses it, it stops, and this waits for its end."""
        self._stopping = True
        keeper, self._keeper = self._keeper, None
        control, self._control = self._control, None
        if control is not None:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
        if keeper is not None and keeper.stdin is not None:
            with contextlib.suppress(OSError):
                keeper.stdin.close()
        if self._following is not None:
            self._following.join()
        if control is not None:
            control.close()
        if keeper is not None and keeper.stdout is not None:
            with contextlib.suppress(ValueError):
                keeper.stdout.read()  # ends with the keeper, or when the keeper stays for other users
            keeper.stdout.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._lost |= keeper.wait(0.1) < 0
        if self._lost:
            self._remove_remains()

    def _said(self) -> Iterator[str]:
        """The lines that the keeper sends, until it ends or disconnects."""
        stream: Any = None
        if self._keeper is not None:
            stream = self._keeper.stdout
        elif self._control is not None:
            self._control.settimeout(None)
            stream = self._control.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            for line in stream or ():
                yield line.decode("utf-8", "replace").strip()

    def _remove_remains(self) -> None:
        """End the server and remove its socket folder, if its keeper was killed before it could."""
        with contextlib.suppress(WranglerError), locked(self.folder / "lock"):
            if _running(self.folder).get("host") == self.host:  # otherwise another process has started a new server
                end_predecessor(self.data, find_programs(), patience_s=_REMAINS_PATIENCE_S)
                _remove_socket_folder(self.host)

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """Explains errors of the server, and whether it runs at all."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            if not is_server(self.data):
                raise EmbeddedEndedError(
                    "The embedded PostgreSQL has ended.",
                    hint="Start `wrangler-py dev` again, which also starts the server.",
                ) from None
            raise WranglerError(f"The embedded PostgreSQL refuses: {_words_of(error)}") from None

    def _origin(self, database: str) -> Origin:
        return Origin(host=self.host, port=self.port, database=database, user=SUPERUSER, password=self._password)

    @classmethod
    def _attach(cls, folder: Path) -> EmbeddedPostgres | None:
        """Attach to the server that runs for `folder`; None if there is none, or it is about to end."""
        try:
            running = _running(folder)
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
        elif accepts(server.host, server.port):
            return server
        return None

    @classmethod
    def _launch(cls, folder: Path, programs: Programs, changes: Mapping[str, str]) -> EmbeddedPostgres:
        password_file = folder / "password"
        if not password_file.exists():
            replace_file(password_file, secrets.token_urlsafe(24).encode(), private=True)
        password = password_file.read_text()
        data = data_folder(folder, programs)
        stale_pid = end_predecessor(data, programs)
        _remove_socket_folder(_running(folder).get("host", ""))
        initialise(data, password, programs)

        settings = _SETTINGS | dict(changes)
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
        try:
            server._keeper = _start_keeper(launch)
        except BaseException:
            _remove_socket_folder(host)  # the keeper has done so, unless it was killed
            raise
        running = json.dumps({"data": str(data), "host": host, "port": port})
        replace_file(folder / "running.json", running.encode(), private=True)
        return server


def tests_state(state: Path) -> Path:
    """The state folder of test runs, which have their own server, in that of a project."""
    return state / "tests"


def server_folder(state: Path) -> Path:
    """Where the server of the folder `state` has its files."""
    return (state / "postgres").absolute()


def _running(folder: Path) -> dict[str, Any]:
    """The description in `folder` of the server that was started last; empty if there was none."""
    try:
        found = json.loads((folder / "running.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _start_keeper(launch: embedded_keeper.Launch) -> subprocess.Popen[bytes]:
    # -P: don't import a `json.py` of the user in the current folder.
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "wrangler_py.devserver.embedded_keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=without_marks(os.environ),  # other processes may use it longer than this one
        start_new_session=True,  # Ctrl-C is for this process, which tells the keeper when it ends
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


def _socket_folder() -> str:
    """A private folder for the Unix socket, whose path is limited to about 100 bytes."""
    folder = tempfile.mkdtemp(prefix=_SOCKET_FOLDER_PREFIX)
    if len(os.fsencode(folder)) > 80:
        Path(folder).rmdir()
        folder = tempfile.mkdtemp(prefix=_SOCKET_FOLDER_PREFIX, dir="/tmp")
    return folder


def _remove_socket_folder(host: str) -> None:
    """Remove the folder left by a server whose keeper was killed."""
    if Path(host).is_absolute() and Path(host).name.startswith(_SOCKET_FOLDER_PREFIX):
        shutil.rmtree(host, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _words_of(error: psycopg.Error) -> str:
    """The server's message, on one line."""
    return error.diag.message_primary or " ".join(str(error).split())
