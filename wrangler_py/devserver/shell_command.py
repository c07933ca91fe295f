"""A command of the user, run by the shell in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from wrangler_py.devserver.foreground_process import ForegroundProcess

_GRACE_S = 2.0


async def run_in_shell(command: str, cwd: Path, environment: Mapping[str, str]) -> int:
    """Run `command`, its output shown on standard error; its exit status. Ends all it started if cancelled."""
    shell = ("cmd", "/c", command) if sys.platform == "win32" else ("/bin/sh", "-c", f"exec 1>&2\n{command}")
    process = ForegroundProcess(shell, owns_all=True)
    program = await process.start(cwd=cwd, environment=environment)
    try:
        return await program.wait()
    except BaseException:
        await program.end(_GRACE_S)
        await program.wait()  # also ends its own processes
        raise
