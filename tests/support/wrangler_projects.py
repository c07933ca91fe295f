"""Projects whose Worker the real wrangler runs, and `dev` for them in a pipe or in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.dev_process import DEADLINE_S, DevProcess, dev_environment, own_inspector

Project = Callable[..., Path]
HYPERDRIVE_VARIABLE = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
VITE_CONFIG = """
import { cloudflare } from "@cloudflare/vite-plugin"
export default { cacheDir: ".vite", plugins: [cloudflare({ inspectorPort: false })] }
"""
"""Its cache is not in `node_modules`, which the tests share."""
COMPATIBLE = 'compatibility_date = "2026-04-01"\ncompatibility_flags = ["nodejs_compat"]\n'


@pytest.fixture
def project(tmp_path: Path, node_modules: Path) -> Project:
    """Makes a project of the files given, which finds what is installed unless `installed` is false.

    `modules` are other packages than the usual ones.
    """

    def make(config: str, *, installed: bool = True, modules: Path = node_modules, **files: str) -> Path:
        root = tmp_path / "project"
        root.mkdir()
        (root / "wrangler.toml").write_text(f'name = "app"\n{config}')
        for name, text in files.items():
            path = root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if installed:
            (root / "node_modules").symlink_to(modules, target_is_directory=True)
        return root

    return make


def refusal(project: Path, *arguments: str, **environment: str) -> str:
    """What `dev` says when it refuses to start."""
    with DevProcess(project, *own_inspector(), *arguments, environment=environment) as dev:
        assert dev.wait() == 1, dev.output
        assert "Traceback" not in dev.output
        return dev.output


def in_terminal(root: Path, extra: Mapping[str, str] | None = None, *options: str) -> Any:
    """`dev` in a terminal of its own, as pexpect's `spawn`."""
    import pexpect

    environment = dev_environment(root / "home", extra)
    environment.pop("CI", None)
    # No inspector: wrangler never ends if it is told to while it still connects to that.
    environment["VSCODE_INSPECTOR_OPTIONS"] = "{}"
    command = ["-m", "wrangler_py", "dev", *(options or ("--port", "0", *own_inspector()))]
    return pexpect.spawn(
        sys.executable,
        command,
        cwd=str(root),
        env=environment,
        encoding="utf-8",
        timeout=DEADLINE_S,
        dimensions=(40, 120),
    )


def ends_well(child: Any) -> None:
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
