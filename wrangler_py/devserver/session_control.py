"""Connects other commands with a running session, by a port on this machine and a file that has its number.

Only the user can read the file, which has a secret that each request must contain. A session that was killed leaves
its file behind; the next process that finds no listener there removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrangler_py.atomic_file import replace_file

LOOPBACK = "127.0.0.1"
MAX_REQUEST_BYTES = 65_536
TIMEOUT_S = 10.0
"""Time limit of a request, on either side."""
VERSION = 1

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Gives the answer to a request, both as JSON objects."""


def sessions_folder() -> Path:
    """The folder of the files: in `WRANGLER_PY_HOME`, else in the user's state folder."""
    if configured := os.environ.get("WRANGLER_PY_HOME"):
        return Path(configured).expanduser() / "sessions"
    import platformdirs

    return Path(platformdirs.user_state_dir("wrangler-py", appauthor=False)) / "sessions"


# --- in the session ---------------------------------------------------------------------------------------------


class SessionControl:
    """Answers requests from `start` to `close`."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._secret = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def start(self) -> None:
        """Raises OSError if there can be no such file or port."""
        folder = sessions_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=MAX_REQUEST_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        document = {"version": VERSION, "pid": os.getpid(), "port": port, "secret": self._secret}
        path = folder / f"{os.getpid()}-{port}.json"
        await asyncio.to_thread(replace_file, path, json.dumps(document).encode(), private=True)
        self._path = path

    async def close(self) -> None:
        """May be called repeatedly."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = self._answer(await reader.readline())
                if answer is not None:
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # the other end has closed the connection, or is another program
        finally:
            writer.close()

    def _answer(self, line: bytes) -> Mapping[str, Any] | None:
        """None, so that nothing is sent, if the request lacks the secret."""
        request = json.loads(line)
        given = request.pop("secret", None) if isinstance(request, dict) else None
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), self._secret.encode()):
            return None
        return self._handle(request)


# --- in another command -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A session that listens, or did so when its file was written."""

    path: Path
    port: int
    secret: str

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer; None, with its file removed, if nothing listens there any more."""
        try:
            with socket.create_connection((LOOPBACK, self.port), TIMEOUT_S) as connection:
                connection.sendall(json.dumps({**request, "secret": self.secret}).encode() + b"\n")
                line = b"".join(iter(lambda: connection.recv(MAX_REQUEST_BYTES), b""))
            answer = json.loads(line)
        except (ConnectionError, ValueError):  # nothing listens there, or another program
            with contextlib.suppress(OSError):
                self.path.unlink()
            return None
        except OSError:  # it doesn't answer in time
            return None
        return answer if isinstance(answer, dict) else None


def running_sessions() -> Sequence[RunningSession]:
    """The sessions that have left a file, the latest first."""
    return list(_read_all(sessions_folder()))


def _read_all(folder: Path) -> Iterator[RunningSession]:
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("*.json"), key=_written_at, reverse=True):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                document = json.loads(path.read_text(encoding="utf-8"))
                if document["version"] == VERSION:
                    yield RunningSession(path, int(document["port"]), str(document["secret"]))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
