"""Checks of arguments, with the errors that workerd gives."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray
from wrangler_py.worker.platform.callbacks import entries_of
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.numbers import to_number
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.values import (
    JsObject,
    JsProxy,
    JsTypeError,
    js_object,
    js_string,
    jsnull,
    own_properties,
)

_OWN: Final = ("wrangler_py.worker.platform", "workers.")


class Missing:
    """The type of `MISSING`: the default of an argument for which undefined is a value."""


MISSING: Final = Missing()


def not_of_type(of: str, position: int, expected: str, method: str | None = None) -> Exception:
    """The error for an argument of another type: of the constructor of class `of`, or of its method."""
    if method is None:
        text = f"Failed to construct '{of}': constructor parameter {position} is not of type '{expected}'."
    else:
        text = f"Failed to execute '{method}' on '{of}': parameter {position} is not of type '{expected}'."
    error: Exception = JsTypeError.new(text)
    return error


def function_argument(value: Any, of: str, position: int, method: str) -> Any:
    """A function from an argument. Raises TypeError for what is none."""
    if not callable(value):
        raise not_of_type(of, position, "function", method)
    return value


def text_argument(value: Any, of: str, position: int, method: str | None = None, expected: str = "string") -> str:
    """A string from an argument. Raises TypeError if it is missing."""
    if value is MISSING:
        raise not_of_type(of, position, expected, method)
    return usv_string(value) if expected == "USVString" else js_string(value)


def wrong_field(name: str, of: str, expected: str) -> Exception:
    """The error for a property of an options object that has another type."""
    error: Exception = JsTypeError.new(
        f"Incorrect type for the '{name}' field on '{of}': the provided value is not of type '{expected}'."
    )
    return error


def array_argument(value: Any, of: str, position: int, method: str | None = None) -> JsArray:
    """An Array. Raises TypeError for anything else: workerd takes no other iterables, nor the proxy of a list."""
    if not isinstance(value, JsArray):
        raise not_of_type(of, position, "Array", method)
    return value


def options_argument(value: Any, of: str, position: int, expected: str, method: str | None = None) -> Any:
    """An options object, or None. Raises TypeError for what is no object."""
    if value is None or value is MISSING or value is jsnull:
        return None
    if isinstance(value, str | bool | int | float):
        raise not_of_type(of, position, expected, method)
    if isinstance(value, dict):
        if settings.dicts_have_properties:
            return js_object(own_properties(value))
        _warn_of_dict()
    return value


def _warn_of_dict() -> None:
    """Warn, once a line, of a dict in place of an options object: it has no effect, here and on the platform."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OWN):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        "A dict is no object of options for JavaScript, which sees nothing in it. Write the options as keywords, "
        "or to_js(…, dict_converter=Object.fromEntries)",
        stacklevel=level,
    )


def whole_number(value: Any) -> int:
    """A length from an argument. Raises TypeError for a negative number, and for what is no number."""
    number = to_number(value)
    if not math.isfinite(number):
        raise JsTypeError.new("The value cannot be converted because it is not an integer.")
    if number < 0:
        raise JsTypeError.new(
            "The value cannot be converted because it is negative and this API expects a positive bigint."
        )
    return int(number)


def is_object(value: Any) -> bool:
    """Whether JavaScript sees an object."""
    return value is not None and value is not jsnull and not isinstance(value, str | bool | int | float)


def is_iterable(value: Any) -> bool:
    """Whether JavaScript can iterate over an object."""
    if isinstance(value, JsObject) or not is_object(value):
        return False
    return hasattr(value, "__iter__")


def pairs_of(value: Any, wrong: str) -> list[tuple[str, str]]:
    """Pairs of strings from a sequence of sequences or an object. Raises TypeError with text `wrong` for others."""
    if isinstance(value, JsProxy) and not is_iterable(value):
        return [(str(pair[0]), js_string(pair[1])) for pair in value.object_entries()]
    pairs: list[tuple[str, str]] = []
    for item in entries_of(value):
        if isinstance(item, str) or not is_iterable(item):
            raise JsTypeError.new("Incorrect type: the provided value is not of type 'Sequence'.")
        pair = [js_string(part) for part in item]
        if len(pair) != 2:
            raise JsTypeError.new(wrong)
        pairs.append((pair[0], pair[1]))
    return pairs
