"""Numbers as text, as JavaScript writes them."""

from __future__ import annotations

import math


def js_number(value: float) -> str:
    """JavaScript's text for a number that is not an integer for Python."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, _, exponent_text = repr(abs(value)).partition("e")
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    point = len(whole) + int(exponent_text or 0)
    text = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(text)
    text = text.rstrip("0") or "0"
    if 0 < point <= 21:
        if len(text) <= point:
            return sign + text + "0" * (point - len(text))
        return f"{sign}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    mantissa = text if len(text) == 1 else f"{text[0]}.{text[1:]}"
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
