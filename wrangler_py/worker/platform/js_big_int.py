"""BigInts as Python sees them from Pyodide 314 on: integers that stay BigInts for JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wrangler_py.worker.platform.settings import settings

_MAX_SAFE = 2**53 - 1


class JsBigInt(int):
    """A BigInt. Arithmetic with it gives a BigInt; `int(value)` makes a Number of it."""

    __module__ = "pyodide.ffi"


def _operation(name: str) -> Callable[..., Any]:
    of_int = getattr(int, name)

    def compute(self: JsBigInt, *others: Any) -> Any:
        result = of_int(self, *others)
        return JsBigInt(result) if type(result) is int else result

    return compute


for _name in (
    *("__add__", "__sub__", "__mul__", "__floordiv__", "__mod__", "__pow__", "__lshift__", "__rshift__", "__and__"),
    *("__or__", "__xor__", "__radd__", "__rsub__", "__rmul__", "__rfloordiv__", "__rmod__", "__neg__", "__pos__"),
    *("__abs__", "__invert__"),
):
    setattr(JsBigInt, _name, _operation(_name))


def big_int(value: int) -> int:
    """A BigInt as Python gets it."""
    return JsBigInt(value) if settings.has_big_int_class else int(value)


def is_big(value: Any) -> bool:
    """Whether JavaScript gets a BigInt: one of its own, or an integer from 2**53 - 1 on."""
    return isinstance(value, int) and (isinstance(value, JsBigInt) or abs(value) >= _MAX_SAFE)
