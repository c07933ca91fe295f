"""`pyodide`: the part of Pyodide's Python packages that works in Workers."""

from __future__ import annotations

from typing import Any

from wrangler_py.project import python_flags
from wrangler_py.worker.platform.modules import _cloudflare_compat_flags

__all__ = ["__version__", "code", "ffi", "http"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Releases before 0.28 differ in how null looks, and cannot reach Hyperdrive.
        version = python_flags.pyodide_version(_cloudflare_compat_flags.enabled)
        return "0.28.2" if version.startswith("0.26") else version
    raise AttributeError(f"module 'pyodide' has no attribute {name!r}")
