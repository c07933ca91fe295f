"""`Headers`: names checked, values trimmed and checked, iteration sorted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, function_argument, not_of_type, pairs_of, text_argument
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.iterators import JsIterator, JsLookup
from wrangler_py.worker.platform.values import JsTypeError, jsnull

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*\Z").match
_FORBIDDEN: Final = re.compile("[\0\r\n]").search
_WHITESPACE: Final = " \t\r\n"
_BAD_PAIR: Final = (
    "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements."
)
_INIT: Final = "Headers or Sequence or object"


class Headers(JsLookup):
    """The headers of a request or a response. Values are text; UTF-8 is how they go over the wire."""

    __slots__ = ("__dict__", "_immutable", "_values")

    _values: dict[str, list[str]]
    """Lower-case names and their values, in the order of insertion."""
    _immutable: bool

    def __init__(self, init: Any = MISSING) -> None:
        self._values = {}
        self._immutable = False
        if init is MISSING or init is None:
            return
        if isinstance(init, Headers):
            self._values = {name: list(values) for name, values in init._values.items()}
            return
        if init is jsnull or isinstance(init, str | bool | int | float):
            raise not_of_type("Headers", 1, _INIT)
        for name, value in pairs_of(init, _BAD_PAIR):
            self.append(name, value)

    def get(self, name: Any = MISSING) -> Any:
        values = self._values.get(_key(text_argument(name, "Headers", 1, "get")))
        return jsnull if values is None else values[0] if len(values) == 1 else ", ".join(values)

    def getSetCookie(self) -> JsArray:
        return js_array(list(self._values.get("set-cookie", ())))

    def getAll(self, name: Any = MISSING) -> JsArray:
        if text_argument(name, "Headers", 1, "getAll").lower() != "set-cookie":
            raise JsTypeError.new('getAll() can only be used with the header name "Set-Cookie".')
        return self.getSetCookie()

    def has(self, name: Any = MISSING) -> bool:
        return _key(text_argument(name, "Headers", 1, "has")) in self._values

    def set(self, name: Any = MISSING, value: Any = MISSING) -> None:
        key, text = self._checked(name, value, "set")
        self._values[key] = [text]

    def append(self, name: Any = MISSING, value: Any = MISSING) -> None:
        key, text = self._checked(name, value, "append")
        self._values.setdefault(key, []).append(text)

    def set_known(self, name: str, value: str) -> None:
        """Set a header of this platform's own: its name is lower-case, its value valid."""
        self._values[name] = [value]

    def has_known(self, name: str) -> bool:
        """Whether there is a header whose name is lower-case."""
        return name in self._values

    def delete(self, name: Any = MISSING) -> None:
        self._check_guard()
        self._values.pop(_key(text_argument(name, "Headers", 1, "delete")), None)

    def keys(self) -> JsIterator:
        return JsIterator.new(name for name, _ in self.displayed())

    def values(self) -> JsIterator:
        return JsIterator.new(value for _, value in self.displayed())

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(pair)) for pair in self.displayed())

    def forEach(self, callback: Any = None, _this: Any = None) -> None:
        function_argument(callback, "Headers", 1, "forEach")
        for name, value in self.displayed():
            call(callback, value, name, self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())

    def displayed(self) -> list[tuple[str, str]]:
        """Names and values as iteration shows them: sorted, each name once, except for Set-Cookie."""
        pairs: list[tuple[str, str]] = []
        for name in sorted(self._values):
            values = self._values[name]
            if name == "set-cookie":
                pairs.extend((name, value) for value in values)
            else:
                pairs.append((name, values[0] if len(values) == 1 else ", ".join(values)))
        return pairs

    def sent(self) -> list[tuple[str, str]]:
        """Names and values as they go over the wire: each value a line of its own."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def _checked(self, name: Any, value: Any, method: str) -> tuple[str, str]:
        given = text_argument(name, "Headers", 1, method)
        text = text_argument(value, "Headers", 2, method)
        self._check_guard()
        text = utf8_text(text.strip(_WHITESPACE))
        if _FORBIDDEN(text):
            raise JsTypeError.new("Invalid header value.")
        return _key(given), text

    def _check_guard(self) -> None:
        if self._immutable:
            raise JsTypeError.new("Can't modify immutable headers.")


def utf8_text(text: str) -> str:
    """A text as it is read back once it is UTF-8: surrogates that stand alone are none."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _key(name: str) -> str:
    if not _TOKEN(name):
        raise JsTypeError.new("Invalid header name.")
    return name.lower()


def headers_of(pairs: Iterable[tuple[str, str]], *, immutable: bool = False) -> Headers:
    """Headers from names and values that were checked before, as those that came over the wire."""
    headers = object.__new__(Headers)
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name.lower(), []).append(value)
    headers._values = values
    headers._immutable = immutable
    return headers


def clone_of(headers: Headers) -> Headers:
    """Headers with the same content, for a clone: they may be changed if these may."""
    copied = copy_of(headers)
    copied._immutable = headers._immutable
    return copied


def copy_of(headers: Headers) -> Headers:
    """Headers with the same content that may be changed."""
    copied: Headers = Headers.new(headers)
    return copied


def header(headers: Headers, name: str) -> str | None:
    """The value of a header whose name is lower-case; None if there is none."""
    values = headers._values.get(name)
    return None if values is None else ", ".join(values)
