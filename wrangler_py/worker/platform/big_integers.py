"""`BigInt`. Python sees each as an `int`, and every `int` that a number does not hold exactly is one."""

from __future__ import annotations

import math
from typing import Any

from wrangler_py.worker.platform.conversions import js_typeof
from wrangler_py.worker.platform.functions import FunctionWithFunctions
from wrangler_py.worker.platform.js_big_int import big_int, is_big
from wrangler_py.worker.platform.numbers import parse_integer
from wrangler_py.worker.platform.values import JsRangeError, JsSyntaxError, JsTypeError, js_string, jsnull


class BigInt(FunctionWithFunctions):
    """`BigInt`: a function, with functions."""

    name = "BigInt"

    def __call__(self, value: Any = None) -> int:
        if isinstance(value, int):
            return big_int(value)
        if isinstance(value, float):
            if not math.isfinite(value) or value != int(value):
                raise JsRangeError.new(
                    f"The number {js_string(value)} cannot be converted to a BigInt because it is not an integer"
                )
            return big_int(int(value))
        text = js_string(value)
        if value is None or value is jsnull:
            raise JsTypeError.new(f"Cannot convert {text} to a BigInt")
        found = parse_integer(text)
        if found is None:
            raise JsSyntaxError.new(f"Cannot convert {text} to a BigInt")
        return big_int(found)

    @staticmethod
    def new(*_: Any) -> int:
        raise JsTypeError.new("BigInt is not a constructor")

    @staticmethod
    def asUintN(bits: Any = None, value: Any = None) -> int:
        return big_int(int(to_big(value)) % (1 << int(bits or 0)))

    @staticmethod
    def asIntN(bits: Any = None, value: Any = None) -> int:
        count = int(bits or 0)
        if not count:
            return big_int(0)
        half = 1 << (count - 1)
        return big_int((int(to_big(value)) + half) % (2 * half) - half)


def to_big(value: Any) -> int:
    """Raises TypeError for a number, which JavaScript converts to no BigInt by itself."""
    if js_typeof(value) == "number" and not is_big(value):
        raise JsTypeError.new(f"Cannot convert {js_string(value)} to a BigInt")
    converted: int = big_int_function(value)
    return converted


big_int_function: Any = object.__new__(BigInt)
