"""Library functions that do not work on the platform: each says so when it is called."""

from __future__ import annotations

import functools
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from wrangler_py.worker.pyodide_limits import explanations

Report = Callable[[str, str], None]
"""Told the kind of limit, and what to say of it; may raise."""


class PatchFinder:
    """Finds modules as usual, and patches those that `_PATCHES` names once they have been executed."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = _PATCHES.get(fullname)
        if patch is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            patch(module, self._report)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install(report: Report) -> None:
    """Have the libraries tell `report` from now on."""
    sys.meta_path.insert(0, PatchFinder(report))


def _wrap(owner: Any, name: str, report: Report, kind: str, message: str) -> None:
    """Put a function that reports, then calls the one there is, in the place of `owner.name`."""
    original = owner.__dict__.get(name)
    function = original.__func__ if isinstance(original, classmethod) else original
    if function is None or hasattr(function, "__wrapped__"):
        return

    @functools.wraps(function)
    def reporting(*arguments: Any, **options: Any) -> Any:
        report(kind, message)
        return function(*arguments, **options)

    setattr(owner, name, classmethod(reporting) if isinstance(original, classmethod) else reporting)


def _psycopg(module: Any, report: Report) -> None:
    _wrap(module.AsyncConnection, "connect", report, "AsyncConnection", explanations.ASYNC_CONNECTION)


def _psycopg_pool(module: Any, report: Report) -> None:
    _wrap(module.AsyncConnectionPool, "__init__", report, "pool", explanations.POOL)


def _psycopg2(module: Any, report: Report) -> None:
    _wrap(module, "connect", report, "psycopg2", explanations.PSYCOPG2)


def _sqlalchemy(module: Any, report: Report) -> None:
    _wrap(module, "greenlet_spawn", report, "greenlet", explanations.GREENLET)


_PATCHES: dict[str, Callable[[Any, Report], None]] = {
    "psycopg.connection_async": _psycopg,
    "psycopg_pool.pool_async": _psycopg_pool,
    "psycopg2": _psycopg2,
    "sqlalchemy.util._concurrency_py3k": _sqlalchemy,
    "sqlalchemy.util.concurrency": _sqlalchemy,
}
