"""The project's build command, run before the Worker, as wrangler runs it.

Source: https://developers.cloudflare.com/workers/wrangler/custom-builds/
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from wrangler_py.devserver.shell_command import run_in_shell
from wrangler_py.errors import WranglerError
from wrangler_py.project.section import Build


class BuildError(WranglerError):
    """The command failed; `exit_status` is its own."""


async def run_build(build: Build, root: Path, say: Callable[[str], None]) -> None:
    """Run the build command of the project in `root`, its output shown. Raises BuildError if it fails."""
    say(f"Running the build command: {build.command}")
    folder = root / build.cwd
    if not folder.is_dir():
        raise WranglerError(f"`build.cwd` is {build.cwd}, and there is no such folder in {root}.")
    status = await run_in_shell(build.command, folder, {**os.environ, "WRANGLER_COMMAND": "dev"})
    if status != 0:
        raise BuildError(
            f"The build command failed with exit status {status}: {build.command}",
            hint="Its output is above. It is set by `build.command` in the config file.",
            exit_status=status,
        )
