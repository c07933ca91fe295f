"""The official tool that deploys the project, run in the foreground."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from wrangler_py.deploy.project_checks import is_python
from wrangler_py.devserver.foreground_process import ForegroundProcess
from wrangler_py.devserver.official_tools import find_pywrangler, find_wrangler, python_tools_path
from wrangler_py.devserver.wrangler_command import QUIET
from wrangler_py.project.section import Section


def deploy_command(root: Path, section: Section) -> tuple[str, ...]:
    """`pywrangler deploy` for Python, `wrangler deploy` otherwise, and `wrangler pages deploy` for a Pages project.

    Raises WranglerError, which says what to install, if the tool is missing.
    """
    if is_python(section):
        return (*find_pywrangler(root), "deploy")
    wrangler = find_wrangler(root)
    if section.main is None and section.pages_build_output_dir is not None:
        return (*wrangler, "pages", "deploy")
    return (*wrangler, "deploy")


def run_deploy(command: Sequence[str], *, root: Path, cwd: Path, account_id: str | None) -> int:
    """Run `command` until it ends; returns its exit status. Signals go to it."""
    environment: Mapping[str, str] = {**QUIET, **os.environ, "PATH": python_tools_path(root)}
    if account_id is not None:
        environment = {**environment, "CLOUDFLARE_ACCOUNT_ID": account_id}
    return asyncio.run(_run(command, cwd, environment))


async def _run(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> int:
    process = ForegroundProcess(tuple(command))
    process.pass_signals_on()
    program = await process.start(cwd=cwd, environment=environment)
    return await program.wait()
