"""`_cloudflare.import_patch_manager`: takes the patches that the SDK has for packages.

Patches that make packages fit the runtime apply here, too. Those that keep random numbers out of snapshots don't,
since no snapshot is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PACKAGE_PATCHES = "_workers_sdk_package_patches"

patches: dict[str, Callable[[Any], Any]] = {}
"""Module name to the context manager to run its code in."""


def register_exec_patch(name: str, context_manager: Any = None) -> Any:
    """Run the code of module `name` in a context manager. Also a decorator."""
    if context_manager is None:
        return lambda function: register_exec_patch(name, function)
    if getattr(context_manager, "__module__", None) == PACKAGE_PATCHES:
        patches[name] = context_manager
    return context_manager


def _ignore(name: str, handler: Any = None) -> Any:
    """Take note of nothing. Also a decorator."""
    return handler if handler is not None else lambda function: function


register_create_patch = _ignore
register_after_snapshot = _ignore
register_before_first_request = _ignore


def block_calls(module: Any, *, allowlist: Any = ()) -> None:
    """Refuse calls until the first request. None are refused here."""
