"""A real PostgreSQL for tests: own data folder, free loopback port, Unix socket, TLS, SCRAM passwords."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import psycopg
import trustme

from wrangler_py.devserver.embedded_programs import find_programs

SUPERUSER = "postgres"
USER = "app"
DATABASE = "app"
PASSWORDS = {SUPERUSER: "super secret/%40", USER: "app-secret:?#"}
"""Awkward on purpose: whatever carries them has to escape them."""

_DEADLINE_S = 30.0
_ACCEPTS = ("ready", "standby")
"""What a server that accepts connections calls itself in its postmaster.pid."""

_SETTINGS = {
    "max_connections": "300",
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class Certificates:
    """Files of one test CA: its own certificate, the server's (localhost, 127.0.0.1) and a client's."""

    ca: Path
    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path


class PostgresServer:
    """One PostgreSQL server: `stop()` is a fast shutdown, `kill()` is SIGKILL for all of it.

    A `standby` only reads, and has no primary.
    """

    host = "127.0.0.1"
    superuser = SUPERUSER
    password = PASSWORDS[SUPERUSER]
    user = USER
    user_password = PASSWORDS[USER]
    database = DATABASE

    def __init__(
        self,
        root: Path,
        certificates: Certificates,
        *,
        tls: bool = True,
        settings: Mapping[str, str] | None = None,
        hba: Sequence[str] = (),
        standby: bool = False,
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.certificates = certificates
        self.socket_dir = str(root)
        self.port = 0
        self.has_tls = tls and _has_openssl()
        self._hba = hba
        self._standby = standby
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    # -- life -------------------------------------------------------------------------------------

    def create(self, template: Path) -> None:
        """Make the data folder from `template` (made by `initialise`), with this server's settings."""
        shutil.copytree(template, self.data, copy_function=shutil.copyfile)
        for folder, _, _ in os.walk(self.data):
            Path(folder).chmod(0o700)
        settings = {**_SETTINGS, "listen_addresses": self.host}
        if sys.platform != "win32":
            settings["unix_socket_directories"] = self.socket_dir
        if self.has_tls:
            for name in ("server_certificate", "server_key", "ca"):
                source: Path = getattr(self.certificates, name)
                copy = self.data / f"{name}.pem"
                shutil.copyfile(source, copy)
                copy.chmod(0o600)
            settings |= {
                "ssl": "on",
                "ssl_cert_file": "server_certificate.pem",
                "ssl_key_file": "server_key.pem",
                "ssl_ca_file": "ca.pem",
            }
        settings |= self._settings
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        if self._standby:
            (self.data / "standby.signal").touch()  # without a primary, so it has what the template has
        hba = self.data / "pg_hba.conf"
        hba.write_text("".join(f"{line}\n" for line in self._hba) + hba.read_text())
        for path in (self.root, *self.root.rglob("*")):
            _give_away(path)

    def start(self) -> PostgresServer:
        """Start and wait until connections are accepted; on the same port as before, if it ran before."""
        fixed_port = self.port != 0
        for attempt in range(5):
            if not fixed_port:
                self.port = free_port()
            log = (self.root / "log").open("ab")
            with log:
                self._process = subprocess.Popen(
                    [str(binaries() / "postgres"), "-D", str(self.data), "-p", str(self.port)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.root,
                    start_new_session=True,  # Ctrl-C in the test run is not for the server
                    **_as_server_account(),
                )
            if self._wait_ready():
                return self
            if fixed_port or attempt == 4:
                break
        raise RuntimeError(f"PostgreSQL did not start:\n{(self.root / 'log').read_text()}")

    def stop(self) -> None:
        """Fast shutdown: running transactions are rolled back, clients are told."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        try:
            self._process.wait(_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL for the postmaster and every backend, as a crash of the machine would look to clients."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self._process.pid)
            family = [postmaster, *postmaster.children(recursive=True)]
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(_DEADLINE_S)
            deadline = time.monotonic() + _DEADLINE_S
            while any(_is_alive(process) for process in family[1:]) and time.monotonic() < deadline:
                time.sleep(0.005)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """Have the server read `pg_hba.conf` and its settings again."""
        with self.connect(user=self.superuser, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")

    def _wait_ready(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _DEADLINE_S
        pid_file = self.data / "postmaster.pid"
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                lines = pid_file.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() in _ACCEPTS:
                    return True
            time.sleep(0.01)
        self.kill()
        return False

    # -- use --------------------------------------------------------------------------------------

    def dsn(
        self,
        *,
        user: str = USER,
        database: str = DATABASE,
        password: str | None = None,
        host: str | None = None,
        **parameters: str | int,
    ) -> str:
        """A URL, by default for the ordinary user, who owns the database; `parameters` are libpq's."""
        if password is None:
            password = PASSWORDS[user]
        query = f"?{urlencode(parameters)}" if parameters else ""
        authority = f"{quote(user, safe='')}:{quote(password, safe='')}@{host or self.host}:{self.port}"
        return f"postgresql://{authority}/{quote(database, safe='')}{query}"

    def connect(self, *, user: str = USER, database: str = DATABASE, **options: Any) -> psycopg.Connection[Any]:
        """A psycopg connection straight to the server."""
        return psycopg.connect(self.dsn(user=user, database=database), **options)

    def execute(self, sql: str, *, user: str = SUPERUSER, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run `sql` as the superuser, outside a transaction; the rows of the last statement."""
        with self.connect(user=user, database=database, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def own_database(self, name: str, schema: str) -> Iterator[str]:
        """A database with the objects that `schema` creates; it is dropped at the end of the block."""
        self.execute(f"CREATE DATABASE {name}")
        try:
            self.execute(schema, database=name)
            yield name
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def connections(self, application_name: str = "Cloudflare Hyperdrive") -> int:
        """How many backends the server has for `application_name`."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        with self.connect(user=self.superuser, autocommit=True, application_name="test probe") as connection:
            row = connection.execute(sql, [application_name]).fetchone()
            assert row is not None
            return int(row[0])


@contextlib.contextmanager
def running(template: Path, certificates: Certificates, **options: Any) -> Iterator[PostgresServer]:
    """A server with a copy of `template`, gone with the block; `options` are those of PostgresServer."""
    server = PostgresServer(short_folder(), certificates, **options)
    try:
        server.create(template)
        yield server.start()
    finally:
        server.kill()
        shutil.rmtree(server.root, ignore_errors=True)


def initialise(folder: Path) -> None:
    """A data folder with the users and the database that all test servers start from."""
    folder.mkdir()
    password_file = folder.with_suffix(".password")
    password_file.write_text(PASSWORDS[SUPERUSER])
    for path in (folder.parent, folder, password_file):
        _give_away(path)
    options = ["--no-sync", "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"]
    subprocess.run(
        [str(binaries() / "initdb"), "-D", str(folder), "-U", SUPERUSER, "--locale=C", *options],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder.parent,
        **_as_server_account(),
    )
    # Single-user mode: the users and the database are made without starting a server.
    sql = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORDS[USER]}'\nCREATE DATABASE {DATABASE} OWNER {USER}\n"
    subprocess.run(
        [binaries() / "postgres", "--single", "-D", folder, "-F", "-c", "log_checkpoints=off", "postgres"],
        check=True,
        input=sql.encode(),
        stdout=subprocess.DEVNULL,
        cwd=folder.parent,
        **_as_server_account(),
    )


def make_certificates(folder: Path, *hosts: str) -> Certificates:
    """A new CA with a certificate for the server's `hosts` (by default localhost) and a client's, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA()
    server = ca.issue_cert(*(hosts or ("localhost", "127.0.0.1")))
    client = ca.issue_cert("client@example.com", common_name=USER)
    certificates = Certificates(
        ca=folder / "ca.pem",
        server_certificate=folder / "server.pem",
        server_key=folder / "server.key",
        client_certificate=folder / "client.pem",
        client_key=folder / "client.key",
    )
    ca.cert_pem.write_to_path(str(certificates.ca))
    server.private_key_pem.write_to_path(str(certificates.server_key))
    client.private_key_pem.write_to_path(str(certificates.client_key))
    for leaf, path in ((server, certificates.server_certificate), (client, certificates.client_certificate)):
        path.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    return certificates


@functools.cache
def major_version() -> int:
    """Of the PostgreSQL that the tests use."""
    result = subprocess.run([str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True)
    return int(re.findall(r"\d+", result.stdout)[0])


@functools.cache
def binaries() -> Path:
    """The folder of `initdb` and `postgres`: the system's PostgreSQL, else the `embedded` extra's.

    WRANGLER_PY_TEST_POSTGRES=embedded asks for the extra's.
    """
    if os.environ.get("WRANGLER_PY_TEST_POSTGRES") != "embedded":
        for folder in _candidate_folders():
            if shutil.which("initdb", path=folder) and shutil.which("postgres", path=folder):
                return Path(folder)
    return find_programs().folder


def _candidate_folders() -> list[str]:
    folders = []
    if on_path := shutil.which("postgres"):
        folders.append(str(Path(on_path).resolve().parent))
    versions = [path for path in Path("/usr/lib/postgresql").glob("*") if path.name.isdigit()]
    folders += [str(path / "bin") for path in sorted(versions, key=lambda path: -int(path.name))]
    if pg_config := shutil.which("pg_config"):
        result = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(result.stdout.strip())
    return folders


@functools.cache
def _has_openssl() -> bool:
    result = subprocess.run(
        [str(binaries() / "postgres"), "--describe-config"],
        capture_output=True,
        text=True,
        check=True,
        **_as_server_account(),
    )
    ciphers = next(line for line in result.stdout.splitlines() if line.startswith("ssl_ciphers\t"))
    return str(ciphers).split("\t")[4] != "none"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # orphans wait for a slow init to reap them
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def short_folder() -> Path:
    """A private folder that the server's account can reach, with a path short enough for a Unix socket."""
    return Path(tempfile.mkdtemp(prefix="wrangler-py-", dir="/tmp" if sys.platform != "win32" else None))


def _as_server_account() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so containers and CI run it as another account."""
    account = _server_account()
    if account is None:
        return {}
    return {"user": account[0], "group": account[1], "extra_groups": []}


@functools.cache
def _server_account() -> tuple[int, int] | None:
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise RuntimeError("Tests run as root, and there is no account `postgres` or `nobody` to run PostgreSQL as.")


def _give_away(path: Path) -> None:
    if account := _server_account():
        os.chown(path, *account)
