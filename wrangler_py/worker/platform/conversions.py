"""JavaScript's conversions of any value: to a boolean, to the name of its type, to text for the web platform."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform.values import JsNull, JsProxy, js_string


def usv_string(value: Any) -> str:
    """`String(value)` with lone surrogates replaced, as Web IDL's USVString."""
    text = js_string(value)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_truthy(value: Any) -> bool:
    """JavaScript's `Boolean(value)`: every object is true, an empty list of Python's too."""
    if value is None or isinstance(value, bool | int | float | str | JsNull):
        return bool(value) and value == value
    return True


def js_typeof(value: Any) -> str:
    """JavaScript's `typeof`."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, JsProxy):
        return value.typeof
    return "function" if callable(value) else "object"
