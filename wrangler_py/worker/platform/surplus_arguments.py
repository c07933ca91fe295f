"""Methods of JavaScript ignore arguments that they have no parameters for; those that Pyodide adds refuse them."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any, Final

OF_PYTHON: Final = frozenset({
    *("to_py", "object_keys", "object_values", "object_entries", "as_object_map", "as_py_json", "bind_sig"),
    *("bind_class", "destroy", "unwrap", "append", "extend", "insert", "remove", "index", "count", "pop", "items"),
    *("setdefault", "popitem", "update", "assign", "assign_to", "to_file", "from_file", "into_file", "to_bytes"),
    *("to_memoryview", "to_string", "convert", "default", "remember"),
})  # fmt: skip
"""Methods that Pyodide adds for Python: they refuse surplus arguments."""


def without_surplus(function: FunctionType) -> Any:
    """A method that ignores arguments it has no parameters for, as JavaScript's do."""
    code = function.__code__
    if hasattr(function, "__wrapped__") or code.co_flags & 0x0C or code.co_kwonlyargcount:
        return function
    most = code.co_argcount

    @functools.wraps(function)
    def method(*args: Any, **named: Any) -> Any:
        return function(*args[:most], **named) if len(args) > most else function(*args, **named)

    return method
