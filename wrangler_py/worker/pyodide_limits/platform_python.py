"""Which Python runs a Worker on Cloudflare: the compatibility date and flags say.

Source: compatibility-date.capnp in workerd, metadata.py in workers-py.
"""

from __future__ import annotations

from collections.abc import Collection

_VERSIONS = (
    ("3.14", "python_workers_314", "2026-09-08"),
    ("3.13", "python_workers_20250116", "2025-09-29"),
)
"""Version, the flag that chooses it, and the date from which it is chosen without; the newest first."""
_OLDEST = "3.12"


def platform_python(date: str | None, flags: Collection[str]) -> str:
    """The version, such as `3.14`; the newest where there is no date."""
    for version, flag, since in _VERSIONS:
        if flag in flags or (f"no_{flag}" not in flags and (date is None or date >= since)):
            return version
    return _OLDEST


def date_for_sockets() -> str:
    """The first compatibility date whose Python has sockets."""
    return _VERSIONS[0][2]
