"""`_cloudflare_compat_flags`: each compatibility flag as a boolean attribute."""

from __future__ import annotations

from typing import Any

enabled: frozenset[str] = frozenset()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return name in enabled
