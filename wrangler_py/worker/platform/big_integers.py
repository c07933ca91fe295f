"""`BigInt`. Python sees each as an `int`, and every `int` that a number does not hold exactly is one."""

from __future__ import annotations

import math
from typing import Any

from wrangler_py.worker.platform.conversions import js_typeof
from wrangler_py.worker.platform.numbers import is_big, parse_integer
from wrangler_py.worker.platform.values import JsRangeError, JsSyntaxError, JsTypeError, js_string, jsnull


class BigInt:
    """`BigInt`: a function, with functions."""

    name = "BigInt"
    typeof = "function"

    def __call__(self, value: Any = None) -> int:
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value) or value != int(value):
                raise JsRangeError.new(
                    f"The number {js_string(value)} cannot be converted to a BigInt because it is not an integer"
                )
            return int(value)
        text = js_string(value)
        if value is None or value is jsnull:
            raise JsTypeError.new(f"Cannot convert {text} to a BigInt")
        found = parse_integer(text)
        if found is None:
            raise JsSyntaxError.new(f"Cannot convert {text} to a BigInt")
        return found

    @staticmethod
    def new(*_: Any) -> int:
        raise JsTypeError.new("BigInt is not a constructor")

    @staticmethod
    def asUintN(bits: Any = None, value: Any = None) -> int:
        return _big(value) % (1 << int(bits or 0))

    @staticmethod
    def asIntN(bits: Any = None, value: Any = None) -> int:
        count = int(bits or 0)
        if not count:
            return 0
        half = 1 << (count - 1)
        return (_big(value) + half) % (2 * half) - half

    def __repr__(self) -> str:
        return "function BigInt() { [native code] }"


def _big(value: Any) -> int:
    """Raises TypeError for a number, which JavaScript converts to no BigInt by itself."""
    if js_typeof(value) == "number" and not is_big(value):
        raise JsTypeError.new(f"Cannot convert {js_string(value)} to a BigInt")
    converted: int = big_int_function(value)
    return converted


big_int_function: BigInt = BigInt()
