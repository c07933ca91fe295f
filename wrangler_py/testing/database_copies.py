"""The databases of a test run: a template made once, and a copy of it for each test.

Several runs, and workers of pytest-xdist, may use one server at once. Advisory locks show which are running: each
worker shares the lock of its run as long as it lives. The names of databases tell their run, so that the next run
drops what a killed one has left.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from wrangler_py.devserver import databases
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import Origin, TLSPolicy
from wrangler_py.hyperdrive.limits import IDENTIFIER_MAX_BYTES
from wrangler_py.hyperdrive.psycopg_connection import connect

if TYPE_CHECKING:
    from wrangler_py.devserver.databases import Administrative

_KEY = "wrangler-py test run"
_MARK = "_hyperdrive_test_"
_NAME = re.compile(rf"{_MARK}([0-9a-f]{{8}})_(?:template|[A-Za-z0-9]+_\d+)\Z")
"""The end of a database's name, with the run that it belongs to."""
_READY = "The template of a test run, complete."
"""The comment on a complete template."""
_LIVES, _MAKES_TEMPLATE, _SWEEPS = "lives", "makes template", "sweeps"


class DatabaseCopies:
    """The copies of one worker of the run `run`, at the server of `origin`, named after the database there.

    Its methods wait for the server: call them in a thread that may block.
    """

    def __init__(self, origin: Origin, tls: TLSPolicy, administrative: Origin, run: str, worker: str) -> None:
        self._origin = origin
        self._tls = tls
        self._run = hashlib.sha256(run.encode()).hexdigest()[:8]
        self._prefix = f"{_MARK}{self._run}_"
        self._worker = re.sub(r"[^A-Za-z0-9]", "", worker)
        self._made = 0
        self._parts = ExitStack()
        self._mine: set[str] = set()
        self._making = threading.Lock()
        self._closed = False
        try:
            self._connection: Administrative = self._parts.enter_context(connect(administrative, tls))
            self._dropping: Administrative = self._parts.enter_context(connect(administrative, tls))
        except Exception as error:
            raise _unreachable(origin, error) from None
        self.template = self._name("template")
        self._lock(_LIVES, shared=True)

    def prepare(self, fill: Callable[[str], None]) -> None:
        """Create the template, which `fill` fills, unless another worker has created it."""
        self._sweep()
        self._lock(_MAKES_TEMPLATE)
        try:
            if self._is_ready():
                return
            self._create(self.template)
            try:
                fill(self.template)
            except BaseException:
                databases.drop(self._connection, self.template)
                raise
            databases.copy_settings(self._connection, self._origin.database, self.template)
            databases.set_comment(self._connection, self.template, _READY)
        finally:
            self._unlock(_MAKES_TEMPLATE)

    def make(self) -> str:
        """A new copy of the template; its name."""
        with self._making:
            if self._closed:
                raise WranglerError("The test run is over.")
            self._made += 1
            name = self._name(f"{self._worker}_{self._made}")
            self._mine.add(name)
            databases.copy(self._connection, self.template, name, force=True)
            return name

    def drop(self, name: str) -> None:
        """Drop a copy and close its connections. May run in another thread than `make`."""
        databases.drop(self._dropping, name)
        self._mine.discard(name)

    def close(self) -> None:
        """Drop all copies, and the template if no other worker of this run needs it."""
        with self._making:  # a copy that is being created can only be dropped when it is complete
            self._closed = True
        try:
            for name in list(self._mine):
                self.drop(name)
            self._unlock(_LIVES, shared=True)
            if self._try_lock(_LIVES, self._run):
                databases.drop(self._connection, self.template)
        finally:
            self._parts.close()

    def _name(self, end: str) -> str:
        room = IDENTIFIER_MAX_BYTES - len(self._prefix) - len(end)
        start = self._origin.database.encode()[:room].decode(errors="ignore")
        return f"{start}{self._prefix}{end}"

    def _create(self, name: str) -> None:
        import psycopg

        try:
            databases.create(self._connection, name)
        except psycopg.errors.InsufficientPrivilege:
            raise WranglerError(
                f"The role {self._origin.user} may not create databases, which tests need.",
                hint=f"Allow it: ALTER ROLE {self._origin.user} CREATEDB\n"
                "Or leave the connection string out for tests, so that they use the embedded PostgreSQL.",
            ) from None

    def _is_ready(self) -> bool:
        return databases.comment_of(self._connection, self.template) == _READY

    def _sweep(self) -> None:
        """Drop the databases of runs that have ended."""
        self._lock(_SWEEPS)
        try:
            runs: dict[str, list[str]] = {}
            for name in databases.names(self._connection):
                if found := _NAME.search(name):
                    runs.setdefault(found[1], []).append(name)
            for run, names in runs.items():
                if run != self._run and self._try_lock(_LIVES, run):
                    try:
                        for name in names:
                            databases.drop(self._connection, name)
                    finally:
                        self._connection.execute("SELECT pg_advisory_unlock(%s)", [_key(_LIVES, run)])
        finally:
            self._unlock(_SWEEPS)

    def _lock(self, what: str, *, shared: bool = False) -> None:
        kind = "_shared" if shared else ""
        self._connection.execute(f"SELECT pg_advisory_lock{kind}(%s)".encode(), [_key(what, self._id_of(what))])

    def _unlock(self, what: str, *, shared: bool = False) -> None:
        kind = "_shared" if shared else ""
        self._connection.execute(f"SELECT pg_advisory_unlock{kind}(%s)".encode(), [_key(what, self._id_of(what))])

    def _try_lock(self, what: str, run: str) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [_key(what, run)]).fetchone()
        return row is not None and bool(row[0])

    def _id_of(self, what: str) -> str:
        return "" if what == _SWEEPS else self._run


def _key(what: str, run: str) -> int:
    digest = hashlib.sha256(f"{_KEY} {what} {run}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _unreachable(origin: Origin, error: Exception) -> WranglerError:
    return WranglerError(
        f"The database for tests cannot be reached at {origin.host}:{origin.port}: {' '.join(str(error).split())}",
        hint="Start it, or correct the binding's connection string. A binding without a database of its own uses\n"
        "the embedded PostgreSQL.",
    )
