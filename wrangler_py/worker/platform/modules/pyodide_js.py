"""`pyodide_js`: Pyodide's JavaScript side. Workers have next to nothing of it."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform.not_emulated import MissingGlobal


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    if name == "version":
        from wrangler_py.worker.platform.modules.pyodide import __getattr__ as attribute

        return attribute("__version__")
    return MissingGlobal(f"pyodide_js.{name}")
