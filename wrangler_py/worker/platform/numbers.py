"""JavaScript's numbers: conversions, `parseInt` and kin, `Number`, `Math`."""

from __future__ import annotations

import functools
import math
import random
import re
import struct
from typing import Any, Final

from wrangler_py.worker.platform.conversions import is_truthy, js_typeof
from wrangler_py.worker.platform.functions import FunctionWithFunctions, Namespace, js_function_object
from wrangler_py.worker.platform.js_big_int import JsBigInt, is_big
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, JsTypeError, js_string, jsnull

NAN: Final = math.nan
INFINITY: Final = math.inf
_MAX_SAFE: Final = 2**53 - 1
_LITERAL: Final = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX: Final = {"0x": 16, "0o": 8, "0b": 2}
_INTEGERS: Final = {
    2: re.compile("[01]+"),
    8: re.compile("[0-7]+"),
    10: re.compile("[+-]?[0-9]+"),
    16: re.compile("[0-9a-fA-F]+"),
}
_SPACES: Final = " \t\n\r\v\f\u00a0\ufeff\u2028\u2029"


def tidy(value: float) -> float | int:
    """A number as Pyodide gives it to Python: whole numbers are `int`, as far as JavaScript counts exactly."""
    if value == value and abs(value) <= _MAX_SAFE and value == int(value):
        return int(value)
    try:
        return float(value)
    except OverflowError:
        return INFINITY if value > 0 else -INFINITY


def to_number(value: Any) -> float | int:
    """JavaScript's `Number(value)`."""
    if value is None:
        return NAN
    if value is jsnull:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, JsBigInt) else value
    if js_typeof(value) == "symbol":
        raise JsTypeError.new("Cannot convert a Symbol value to a number")
    value_of = getattr(value, "valueOf", None) if isinstance(value, JsProxy) else None
    if value_of is not None:
        return to_number(value_of())
    whole = parse_integer(js_string(value))
    if whole is not None:
        return tidy(whole)
    text = js_string(value).strip(_SPACES)
    return tidy(float(text)) if _LITERAL.fullmatch(text) else NAN


def to_integer(value: Any) -> float | int:
    """An integer from anything, as JavaScript makes positions: NaN becomes 0, infinity stays."""
    number = to_number(value)
    if number != number:
        return 0
    return number if math.isinf(number) else int(number)


def parse_integer(text: str) -> int | None:
    """The integer that a text is for JavaScript; None for any other text."""
    text = text.strip(_SPACES)
    if not text:
        return 0
    radix = _RADIX.get(text[:2].lower())
    digits = text if radix is None else text[2:]
    if not _INTEGERS[radix or 10].fullmatch(digits):
        return None
    return int(digits, radix or 10)


def implicit_number(value: Any) -> float | int:
    """`to_number`, but as JavaScript does it implicitly. Raises TypeError for a BigInt."""
    if is_big(value):
        raise JsTypeError.new("Cannot convert a BigInt value to a number")
    return to_number(value)


def to_int32(value: Any) -> int:
    """An integer from anything, as JavaScript's bit operations make one."""
    number = to_number(value)
    if number != number or math.isinf(number):
        return 0
    return (int(number) + 2**31) % 2**32 - 2**31


def parseFloat(text: Any = None) -> float | int:
    found = _LITERAL.match(js_string(text).lstrip(_SPACES))
    return tidy(float(found[0])) if found else NAN


def parseInt(text: Any = None, radix: Any = None) -> float | int:
    digits = js_string(text).strip(_SPACES).lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-") if digits[:1] in {"+", "-"} else digits
    base = to_int32(radix) if radix is not None else 0
    if base in {0, 16} and digits.startswith("0x"):
        digits, base = digits[2:], 16
    base = base or 10
    if not 2 <= base <= 36:
        return NAN
    allowed = "0123456789abcdefghijklmnopqrstuvwxyz"[:base]
    length = next((index for index, digit in enumerate(digits) if digit not in allowed), len(digits))
    return tidy(sign * int(digits[:length], base)) if length else NAN


def isNaN(value: Any = None) -> bool:
    return math.isnan(implicit_number(value))


def isFinite(value: Any = None) -> bool:
    return math.isfinite(implicit_number(value))


class Number(FunctionWithFunctions):
    """`Number`: a function, with functions."""

    name = "Number"
    MAX_SAFE_INTEGER = _MAX_SAFE
    MIN_SAFE_INTEGER = -_MAX_SAFE
    MAX_VALUE = 1.7976931348623157e308
    MIN_VALUE = 5e-324
    EPSILON = 2.0**-52
    POSITIVE_INFINITY = math.inf
    NEGATIVE_INFINITY = -math.inf
    NaN = NAN

    def __call__(self, value: Any = 0) -> float | int:
        return tidy(to_number(value))

    new = __call__

    @staticmethod
    def isInteger(value: Any = None) -> bool:
        return _is_number(value) and math.isfinite(value) and value == int(value)

    @staticmethod
    def isSafeInteger(value: Any = None) -> bool:
        return Number.isInteger(value) and abs(value) <= Number.MAX_SAFE_INTEGER

    @staticmethod
    def isNaN(value: Any = None) -> bool:
        return _is_number(value) and math.isnan(value)

    @staticmethod
    def isFinite(value: Any = None) -> bool:
        return _is_number(value) and math.isfinite(value)

    parseInt = staticmethod(parseInt)
    parseFloat = staticmethod(parseFloat)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not is_big(value)


class Math(Namespace):
    """`Math`."""

    E = math.e
    PI = math.pi
    LN2 = math.log(2)
    LN10 = math.log(10)
    LOG2E = 1 / math.log(2)
    LOG10E = math.log10(math.e)
    SQRT2 = math.sqrt(2)
    SQRT1_2 = math.sqrt(0.5)
    sumPrecise = Lacking()

    @staticmethod
    def random(*_: Any) -> float:
        return random.random()  # noqa: S311

    @staticmethod
    def round(value: Any = None) -> float | int:
        return _whole(value, convert=_rounded)

    @staticmethod
    def max(*values: Any) -> float | int:
        return _extreme(values, max, -math.inf)

    @staticmethod
    def min(*values: Any) -> float | int:
        return _extreme(values, min, math.inf)

    @staticmethod
    def sign(value: Any = None) -> float | int:
        number = implicit_number(value)
        return number if number != number or not number else (1 if number > 0 else -1)

    @staticmethod
    def f16round(value: Any = None) -> float | int:
        number = implicit_number(value)
        try:
            return tidy(struct.unpack("<e", struct.pack("<e", number))[0])
        except OverflowError:
            return math.copysign(INFINITY, number)

    @staticmethod
    def hypot(*values: Any) -> float | int:
        return tidy(math.hypot(*map(implicit_number, values)))

    @staticmethod
    def pow(base: Any = None, exponent: Any = None) -> float | int:
        number, power = implicit_number(base), implicit_number(exponent)
        if number == 0 and power < 0:
            is_odd = math.isfinite(power) and power % 2 == 1
            return -INFINITY if is_odd and math.copysign(1, number) < 0 else INFINITY
        if abs(number) == 1 and (math.isinf(power) or power != power):
            return NAN
        return _guarded(math.pow, number, power)

    @staticmethod
    def cbrt(value: Any = None) -> float | int:
        number = implicit_number(value)
        root = math.cbrt(number)
        whole = round(root) if math.isfinite(root) else 0
        return whole if whole and whole**3 == number else tidy(root) if number == number else number

    @staticmethod
    def fround(value: Any = None) -> float | int:
        number = implicit_number(value)
        try:
            return tidy(struct.unpack("<f", struct.pack("<f", number))[0])
        except OverflowError:
            return math.copysign(INFINITY, number)

    @staticmethod
    def atan2(y: Any = None, x: Any = None) -> float | int:
        return _guarded(math.atan2, y, x)

    @staticmethod
    def imul(a: Any = None, b: Any = None) -> int:
        return to_int32(to_int32(a) * to_int32(b))

    @staticmethod
    def clz32(value: Any = None) -> int:
        return 32 - (to_int32(value) & 0xFFFFFFFF).bit_length()


def _extreme(values: tuple[Any, ...], choose: Any, default: float) -> float | int:
    numbers = list(map(implicit_number, values))
    if any(number != number for number in numbers):
        return NAN
    extreme: float | int = choose(numbers, default=default)
    return extreme


def _rounded(number: float) -> int:
    """The nearest integer; halves go up. Adding a half first would lose digits."""
    floor = math.floor(number)
    return floor + 1 if number - floor >= 0.5 else floor


def _whole(value: Any = None, *, convert: Any) -> float | int:
    number = implicit_number(value)
    return tidy(convert(number)) if math.isfinite(number) else number


def _guarded(function: Any, *values: Any) -> float | int:
    try:
        return tidy(function(*map(implicit_number, values or (None,))))
    except ValueError:
        return NAN
    except OverflowError:
        return math.inf


def _with_pole(function: Any, pole: float) -> Any:
    """A function that is minus infinity at `pole`, where Python's raises ValueError. `atanh` is odd."""

    def compute(number: float) -> float:
        if number == pole:
            return -INFINITY
        if function is math.atanh and number == 1:
            return INFINITY
        return function(number)  # type: ignore[no-any-return]

    return compute


def _add(name: str, function: Any) -> None:
    setattr(Math, name, js_function_object(function, name))


for _name, _function in {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc}.items():
    _add(_name, functools.partial(_whole, convert=_function))
for _name in (
    "sqrt", "exp", "expm1", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh",
):  # fmt: skip
    _add(_name, functools.partial(_guarded, getattr(math, _name)))
for _name, _pole in {"log": 0, "log2": 0, "log10": 0, "log1p": -1, "atanh": -1}.items():
    _add(_name, functools.partial(_guarded, _with_pole(getattr(math, _name), _pole)))
_add("abs", functools.partial(_guarded, abs))

number_function: Any = object.__new__(Number)
math_namespace: Any = object.__new__(Math)


class Boolean(FunctionWithFunctions):
    """`Boolean`: a function."""

    name = "Boolean"

    def __call__(self, value: Any = None) -> bool:
        return is_truthy(value)


class String(FunctionWithFunctions):
    """`String`: a function, with functions."""

    name = "String"
    raw = Lacking()

    def __call__(self, value: Any = "") -> str:
        return str(value) if js_typeof(value) == "symbol" else js_string(value)

    @staticmethod
    def fromCharCode(*codes: Any) -> str:
        units = b"".join((to_int32(code) & 0xFFFF).to_bytes(2, "little") for code in codes)
        return units.decode("utf-16-le", "surrogatepass")

    @staticmethod
    def fromCodePoint(*codes: Any) -> str:
        return "".join(map(_character, codes))


def _character(code: Any) -> str:
    number = to_number(code)
    if not (0 <= number <= 0x10FFFF and number == int(number)):
        raise JsRangeError.new(f"Invalid code point {js_string(code)}")
    return chr(int(number))


boolean_function: Any = object.__new__(Boolean)
string_function: Any = object.__new__(String)
