"""The pytest plugin: a local Hyperdrive, a fresh database for each test, and the project's Worker, as fixtures.

The names here are for annotations; `docs/testing.md` in the repository says what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wrangler_py.testing.database import Database
    from wrangler_py.testing.hyperdrive import Hyperdrive
    from wrangler_py.testing.queries import Queries
    from wrangler_py.testing.worker import Worker

__all__ = ["Database", "Hyperdrive", "Queries", "Worker"]


def __getattr__(name: str) -> Any:
    """Imported at first use: pytest imports this package in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{name.lower()}"), name)
