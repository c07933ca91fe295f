"""The moment that a text names, as V8 reads it: ISO's form first, then the older forms of dates.

The older forms are a sequence of numbers and words in almost any order, as in "Feb 3, 2024 10:00 PM GMT+2". What a
number means depends on what stands behind it and on what was read before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

NAN: Final = math.nan
_TOKEN: Final = re.compile(r"(?P<number>[0-9]+)|(?P<word>[^\x00-@\s]+)|(?P<space>\s+)|(?P<symbol>.)", re.DOTALL)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES: Final = {
    "ut": 0, "utc": 0, "z": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
    "pst": -8, "pdt": -7,
}  # fmt: skip
_HALVES: Final = {"am": 0, "pm": 12}

Moment = Callable[[int, int, int, int, int, int, int], float]
"""Makes a moment of year, month from 0, day, hour, minute, second and millisecond."""


class _Invalid(Exception):
    """The text names no moment."""


class _Token:
    """A part of the text. The end is a token of kind "end"."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.text = kind, text

    @property
    def number(self) -> int:
        """The number. V8 reads nine digits, and ignores those behind."""
        return int(self.text.lstrip("0")[:9] or "0")

    def is_symbol(self, symbols: str) -> bool:
        return self.kind == "symbol" and self.text in symbols

    def has_digits(self, count: int) -> bool:
        return self.kind == "number" and len(self.text) == count

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [_Token(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(text)]
        self._tokens.append(_Token("end", ""))
        self._at = 0
        self._day: list[int] = []
        self._is_iso = False
        self._month: int | None = None
        self._time: list[int] = []
        self._half: int | None = None
        self._sign: int | None = None
        self._zone_hour: int | None = None
        self._zone_minute: int | None = None

    def parse(self, moment: Moment) -> float:
        token = self._iso()
        if token.kind != "end":
            self._older(token)
        year, month, day = self._date()
        hour, minute, second, milli = self._clock()
        value = moment(year, month - 1, day, hour, minute, second, milli)
        if self._sign is not None:
            value -= self._sign * ((self._zone_hour or 0) * 60 + (self._zone_minute or 0)) * 60_000
        return value

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _skip(self, symbol: str) -> bool:
        if self._peek().is_symbol(symbol):
            self._at += 1
            return True
        return False

    def _iso(self) -> _Token:
        """Read ISO's form. Returns the end, or the token where the older forms begin."""
        if self._peek().is_symbol("+-"):
            sign = self._next()
            if not self._peek().has_digits(6) or (sign.text == "-" and self._peek().number == 0):
                return sign
            self._day.append(self._next().number * (-1 if sign.text == "-" else 1))
        elif self._peek().has_digits(4):
            self._day.append(self._next().number)
        else:
            return self._next()
        for highest in (12, 31):
            if not self._skip("-"):
                break
            if not self._peek().has_digits(2) or not 1 <= self._peek().number <= highest:
                return self._next()
            self._day.append(self._next().number)
        if self._peek().word == "t":
            self._next()
            self._iso_time()
        if self._peek().kind != "end":
            if self._time:
                raise _Invalid
            return self._next()
        self._is_iso = True
        return self._peek()

    def _iso_time(self) -> None:
        hour = self._two_digits(24)
        self._time = [hour]
        if not self._skip(":"):
            raise _Invalid
        self._time.append(self._two_digits(59 if hour < 24 else 0))
        if self._skip(":"):
            self._time.append(self._two_digits(59 if hour < 24 else 0))
            if self._skip("."):
                if self._peek().kind != "number" or (hour == 24 and self._peek().number):
                    raise _Invalid
                self._time.append(_milliseconds(self._next()))
        if self._peek().word == "z":
            self._next()
            self._set_zone(0)
        elif self._peek().is_symbol("+-"):
            self._sign = -1 if self._next().text == "-" else 1
            if self._peek().has_digits(4):
                self._zone_hour, self._zone_minute = divmod(self._next().number, 100)
                if self._zone_hour > 23 or self._zone_minute > 59:
                    raise _Invalid
            else:
                self._zone_hour = self._two_digits(23)
                if not self._skip(":"):
                    raise _Invalid
                self._zone_minute = self._two_digits(59)

    def _two_digits(self, highest: int) -> int:
        token = self._next()
        if not token.has_digits(2) or token.number > highest:
            raise _Invalid
        return token.number

    def _older(self, token: _Token) -> None:
        has_number = bool(self._day)
        while token.kind != "end":
            if token.kind == "number":
                has_number = True
                self._older_number(token)
            elif token.kind == "word":
                self._older_word(token.word, has_number)
            elif token.is_symbol("+-") and (self._time or self._is_utc()):
                has_number = True
                self._older_zone(-1 if token.text == "-" else 1)
            elif token.is_symbol("+-)") and has_number:
                raise _Invalid
            elif token.is_symbol("("):
                self._skip_comment()
            token = self._next()

    def _older_number(self, token: _Token) -> None:
        number = token.number
        if self._skip(":"):
            if self._skip(":"):
                if self._time:
                    raise _Invalid
                self._time = [number, 0]
            else:
                self._add_time(number)
                self._skip(".")
        elif self._skip(".") and self._expects_time(number):
            self._add_time(number)
            if self._peek().kind != "number":
                raise _Invalid
            self._end_time(_milliseconds(self._next()))
        elif self._zone_hour is not None and self._zone_minute is None and number <= 59:
            self._zone_minute = number
        elif self._expects_time(number):
            self._end_time(number)
            behind = self._peek()
            if behind.kind not in {"end", "space"} and behind.word != "z" and not behind.is_symbol("+-"):
                raise _Invalid
        else:
            if len(self._day) == 3:
                raise _Invalid
            self._day.append(number)
            self._skip("-")

    def _older_word(self, word: str, has_number: bool) -> None:
        if word in _HALVES and self._time:
            self._half = _HALVES[word]
        elif word[:3] in _MONTHS:
            self._month = _MONTHS.index(word[:3]) + 1
            self._skip("-")
        elif word in _ZONES and has_number:
            self._set_zone(_ZONES[word])
        elif has_number or self._peek().kind == "number":
            raise _Invalid  # other words may stand in front only, and apart from the first number

    def _older_zone(self, sign: int) -> None:
        self._sign = sign
        digits, number = 0, 0
        if self._peek().kind == "number":
            token = self._next()
            digits, number = len(token.text), token.number
        if self._peek().is_symbol(":"):
            self._zone_hour, self._zone_minute = number, None
        elif digits in {1, 2}:
            self._zone_hour, self._zone_minute = number, 0
        elif digits in {3, 4}:
            self._zone_hour, self._zone_minute = divmod(number, 100)
        else:
            raise _Invalid

    def _skip_comment(self) -> None:
        depth = 1
        while depth and self._peek().kind != "end":
            token = self._next()
            depth += 1 if token.is_symbol("(") else -1 if token.is_symbol(")") else 0

    def _set_zone(self, hours: int) -> None:
        self._sign = -1 if hours < 0 else 1
        self._zone_hour, self._zone_minute = abs(hours), 0

    def _is_utc(self) -> bool:
        return self._zone_hour == 0 and self._zone_minute == 0

    def _expects_time(self, number: int) -> bool:
        return 1 <= len(self._time) <= 3 and number <= (59, 59, 999)[len(self._time) - 1]

    def _add_time(self, number: int) -> None:
        if len(self._time) == 4:
            raise _Invalid
        self._time.append(number)

    def _end_time(self, number: int) -> None:
        self._add_time(number)
        self._time.extend([0] * (4 - len(self._time)))

    def _date(self) -> tuple[int, int, int]:
        if not self._day:
            raise _Invalid
        first, second, third = (*self._day, 1, 1)[:3]
        if self._month is None:
            in_order = self._is_iso or not 1 <= first <= 31
            year, month, day = (first, second, third) if in_order else (third, first, second)
        else:
            month = self._month
            year, day = (second, first) if 1 <= first <= 31 else (first, second)
        if not self._is_iso and 0 <= year <= 99:
            year += 2000 if year <= 49 else 1900
        if not (1 <= month <= 12 and 1 <= day <= 31):
            raise _Invalid
        return year, month, day

    def _clock(self) -> tuple[int, int, int, int]:
        hour, minute, second, milli = (*self._time, 0, 0, 0, 0)[:4]
        if self._half is not None:
            if hour > 12:
                raise _Invalid
            hour = hour % 12 + self._half
        is_midnight = (hour, minute, second, milli) == (24, 0, 0, 0)
        if (hour > 23 or minute > 59 or second > 59 or milli > 999) and not is_midnight:
            raise _Invalid
        return hour, minute, second, milli


def _milliseconds(token: _Token) -> int:
    """Milliseconds from the digits of a fraction."""
    digits = min(len(token.text), 9)
    return int(token.number * 10.0 ** (3 - digits))


def parse_date(text: str, moment: Moment) -> float:
    """The moment that a text names; NaN if it names none."""
    try:
        return _Parser(text).parse(moment)
    except _Invalid:
        return NAN
