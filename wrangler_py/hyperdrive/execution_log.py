"""Records when `hyperdrive execute` last changed data at an origin, so that sessions can clear their caches."""

from __future__ import annotations

import time
from pathlib import Path

from wrangler_py.hyperdrive.config import Origin
from wrangler_py.hyperdrive.private_file import LocalFile, default_home

_KEPT = 100
"""Origins remembered, the latest ones."""


class ExecutionLog:
    """The origins and times, in a file of the folder `home` (see `default_home`).

    Every method raises WranglerError where the file cannot be used.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._file = LocalFile((home or default_home()) / "executed.json", "origins")

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def record(self, origin: Origin) -> None:
        """Record that data at `origin` was changed now."""
        place = _place(origin)
        with self._file.edit() as entries:
            others = [entry for entry in entries if entry.get("origin") != place]
            entries[:] = [*others, {"origin": place, "at": time.time()}][-_KEPT:]

    def last(self, origin: Origin) -> float | None:
        """The time when data at `origin` was last changed, in seconds since 1970; None if it is unknown."""
        place = _place(origin)
        return next((float(entry["at"]) for entry in self._file.read() if entry.get("origin") == place), None)


def _place(origin: Origin) -> str:
    return f"{origin.host}:{origin.port}/{origin.database}"
