"""`Date`. Its local time zone is UTC, as on Cloudflare."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray
from wrangler_py.worker.platform.date_texts import parse_date
from wrangler_py.worker.platform.not_emulated import NotEmulatedError
from wrangler_py.worker.platform.numbers import NAN, implicit_number, tidy, to_number
from wrangler_py.worker.platform.values import (
    JsProxy,
    JsProxyMeta,
    JsRangeError,
    js_function,
    js_string,
    jsnull,
    own_properties,
)

_LIMIT: Final = 8.64e15
_DAY: Final = 86_400_000
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _DateMeta(JsProxyMeta):
    def __call__(cls, *_: Any, **__: Any) -> Any:
        """Without `new`, the time of now as text, whatever the arguments are."""
        return cls.new().toString()


class Date(JsProxy, metaclass=_DateMeta):
    """A moment, in milliseconds since 1970."""

    _time: float

    def __init__(self, *values: Any) -> None:
        if not values:
            self._time = math.floor(time.time() * 1000)
        elif len(values) > 1:
            self._time = utc(*values)
        elif isinstance(values[0], Date):
            self._time = values[0]._time
        elif isinstance(values[0], str):
            self._time = parse(values[0])
        elif values[0] is None or values[0] is jsnull or isinstance(values[0], bool | int | float):
            self._time = _clipped(implicit_number(values[0]))
        else:  # an object is a text for JavaScript, a datetime of Python's too
            self._time = parse(js_string(values[0]))

    @classmethod
    def now(cls) -> int:
        return math.floor(time.time() * 1000)

    @classmethod
    def parse(cls, text: Any = None) -> float | int:
        return tidy(parse(js_string(text)))

    @classmethod
    def UTC(cls, *values: Any) -> float | int:
        return tidy(utc(*values))

    def getTime(self) -> float | int:
        return tidy(self._time)

    valueOf = getTime

    def _ordered(self) -> Any:
        return self._time

    def setTime(self, value: Any = None) -> float | int:
        self._time = _clipped(to_number(value))
        return self.getTime()

    def getYear(self) -> float | int:
        return NAN if math.isnan(self._time) else _parts(self._time)[0] - 1900

    def setYear(self, year: Any = None) -> float | int:
        number = to_number(year)
        if number != number:
            return self.setTime(NAN)
        parts = _parts(0.0 if math.isnan(self._time) else self._time)
        whole = int(number)
        return self.setTime(utc(whole + 1900 if 0 <= whole <= 99 else whole, *parts[1:]))

    def getTimezoneOffset(self) -> int:
        return 0

    def toISOString(self) -> str:
        if math.isnan(self._time):
            raise JsRangeError.new("Invalid time value")
        year, month, day, hour, minute, second, milli = _parts(self._time)
        shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+07d}"
        return f"{shown}-{month + 1:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"

    def toJSON(self, _key: Any = None) -> Any:
        return jsnull if math.isnan(self._time) else self.toISOString()

    def toUTCString(self) -> str:
        if math.isnan(self._time):
            return "Invalid Date"
        year, month, day, hour, minute, second, _ = _parts(self._time)
        date = f"{_weekday(self._time)}, {day:02d} {_MONTHS[month]} {_shown_year(year)}"
        return f"{date} {hour:02d}:{minute:02d}:{second:02d} GMT"

    toGMTString = toUTCString

    @js_function
    def toLocaleDateString(self, locales: Any = None, options: Any = None) -> str:
        _check_locale(locales, options)
        if math.isnan(self._time):
            return "Invalid Date"
        year, month, day = _parts(self._time)[:3]
        return f"{month + 1}/{day}/{year}"

    @js_function
    def toLocaleTimeString(self, locales: Any = None, options: Any = None) -> str:
        _check_locale(locales, options)
        if math.isnan(self._time):
            return "Invalid Date"
        hour, minute, second = _parts(self._time)[3:6]
        return f"{hour % 12 or 12}:{minute:02d}:{second:02d} {'PM' if hour >= 12 else 'AM'}"

    @js_function
    def toLocaleString(self, locales: Any = None, options: Any = None) -> str:
        date, time_of_day = self.toLocaleDateString(locales, options), self.toLocaleTimeString(locales, options)
        return date if math.isnan(self._time) else f"{date}, {time_of_day}"

    def toString(self) -> str:
        if math.isnan(self._time):
            return "Invalid Date"
        return f"{self.toDateString()} {self.toTimeString()}"

    def toDateString(self) -> str:
        year, month, day = _parts(self._time)[:3]
        return f"{_weekday(self._time)} {_MONTHS[month]} {day:02d} {_shown_year(year)}"

    def toTimeString(self) -> str:
        hour, minute, second = _parts(self._time)[3:6]
        return f"{hour:02d}:{minute:02d}:{second:02d} GMT+0000 (Coordinated Universal Time)"


def _clipped(value: float) -> float:
    return NAN if value != value or abs(value) > _LIMIT else float(math.trunc(value))


def _parts(value: float) -> tuple[int, int, int, int, int, int, int]:
    """Year, month from 0, day, hour, minute, second, millisecond."""
    days, rest = divmod(int(value), _DAY)
    # The Gregorian calendar repeats every 400 years: Python's dates know a part of JavaScript's only.
    cycles, days = divmod(days, 146_097)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    seconds, milli = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return day.year + 400 * cycles, day.month - 1, day.day, hour, minute, second, milli


def _shown_year(year: int) -> str:
    return f"{year:04d}" if year >= 0 else f"-{-year:04d}"


def _weekday(value: float) -> str:
    return _DAYS[(int(value) // _DAY + 4) % 7]


def utc(
    year: Any = None,
    month: Any = 0,
    day: Any = 1,
    hour: Any = 0,
    minute: Any = 0,
    second: Any = 0,
    milli: Any = 0,
    *_: Any,
) -> float:
    """The moment of a date and time, whose parts may be out of range."""
    numbers = [to_number(part) for part in (year, month, day, hour, minute, second, milli)]
    if not all(math.isfinite(number) for number in numbers):
        return NAN
    y, m, d, h, mi, s, ms = map(math.trunc, numbers)
    if 0 <= y <= 99:
        y += 1900
    y, m = y + m // 12, m % 12
    cycles, within = divmod(y - 1970, 400)
    first = datetime.date(within + 1970, m + 1, 1).toordinal() - datetime.date(1970, 1, 1).toordinal()
    days = cycles * 146_097 + first + d - 1
    return _clipped(((days * 24 + h) * 60 + mi) * 60_000 + s * 1000 + ms)


def parse(text: str) -> float:
    """The moment that a text names; NaN for others."""
    return _clipped(parse_date(text, _moment))


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, milli: int) -> float:
    """A moment of numbers in their ranges. A year below 100 is that year, not one of the twentieth century."""
    if 0 <= year <= 99:
        return _moment(year + 400, month, day, hour, minute, second, milli) - 146_097.0 * _DAY
    return utc(year, month, day, hour, minute, second, milli)


def _check_locale(locales: Any, options: Any) -> None:
    """Raise NotEmulatedError for another locale than Cloudflare's own, or another form."""
    given = {name: value for name, value in own_properties(options).items() if value is not None}
    if isinstance(locales, JsArray) and len(locales) <= 1:
        locales = locales[0] if len(locales) else None
    if locales in (None, "en-US", "en") and given in ({}, {"timeZone": "UTC"}):
        return
    raise NotEmulatedError(
        "wrangler-py formats dates for en-US in UTC alone. Use Python's datetime and strftime, or run this route "
        "with `pywrangler dev`"
    )


_FIELDS: Final = ("FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds")


def _getter(index: int) -> Callable[[Date], float | int]:
    def get(self: Date) -> float | int:
        return NAN if math.isnan(self._time) else _parts(self._time)[index]

    return get


def _setter(index: int) -> Callable[..., float | int]:
    def set_(self: Date, *values: Any) -> float | int:
        if not values:
            return self.setTime(NAN)
        parts: list[Any] = list(_parts(0.0 if math.isnan(self._time) else self._time))
        parts[index : index + len(values)] = values
        return self.setTime(utc(*parts[:7]))

    return set_


def _day(self: Date) -> float | int:
    return NAN if math.isnan(self._time) else (int(self._time) // _DAY + 4) % 7


for _index, _field in enumerate(_FIELDS):
    for _zone in ("", "UTC"):
        setattr(Date, f"get{_zone}{_field}", _getter(_index))
        setattr(Date, f"set{_zone}{_field}", _setter(_index))
Date.getDay = Date.getUTCDay = _day  # type: ignore[attr-defined]
