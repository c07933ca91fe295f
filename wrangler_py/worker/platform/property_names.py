"""Names of properties: how Python writes them, and their order."""

from __future__ import annotations

from keyword import iskeyword
from typing import Any


def property_name(name: str) -> str:
    """The property that an attribute stands for: `class_` for `class`, and so on for all of Python's keywords."""
    return name[:-1] if name.endswith("_") and iskeyword(name[:-1]) else name


def in_order(values: dict[str, Any]) -> dict[str, Any]:
    """Properties in the order that JavaScript shows: those that are array indices come first, in theirs."""
    for name in values:
        if name[:1].isdecimal():
            break
    else:
        return values
    indices = sorted((name for name in values if _is_index(name)), key=int)
    return {name: values[name] for name in dict.fromkeys([*indices, *values])}


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal() and str(int(name)) == name and int(name) < 2**32 - 1
