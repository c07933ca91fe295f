"""`URL` and `URLSearchParams`, over ada: the parser that workerd itself uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import ada_url

from wrangler_py.worker.platform.arguments import MISSING, function_argument, is_object, pairs_of, text_argument
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.iterators import JsIterator, JsLookup
from wrangler_py.worker.platform.values import JsException, JsProxy, JsTypeError

_PARTS: Final = (
    "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash",
)  # fmt: skip


def normalized_url(url: str) -> str | None:
    """An absolute URL as the URL standard writes it; None for a text that is no such URL."""
    try:
        return ada_url.normalize_url(url)
    except ValueError:
        return None


class URLSearchParams(JsLookup):
    """The parameters of a query."""

    __slots__ = ("__dict__", "_pairs", "_url")

    _pairs: list[tuple[str, str]]
    _url: URL | None

    def __init__(self, init: Any = MISSING) -> None:
        self._url = None
        if init is MISSING or init is None:
            self._pairs = []
        elif isinstance(init, URLSearchParams):
            self._pairs = list(init._pairs)
        elif is_object(init) and not isinstance(init, URL):
            self._pairs = [
                (usv_string(name), usv_string(value))
                for name, value in pairs_of(init, "Invalid URL search params sequence.")
            ]
        else:
            self._pairs = parse_query(usv_string(init).removeprefix("?"))

    def _changed(self) -> None:
        if self._url is not None:
            self._url._take_query(self.toString())

    @property
    def size(self) -> int:
        return len(self._pairs)

    def append(self, name: Any = MISSING, value: Any = MISSING) -> None:
        self._pairs.append(self._pair(name, value, "append"))
        self._changed()

    def set(self, name: Any = MISSING, value: Any = MISSING) -> None:
        pair = self._pair(name, value, "set")
        first = next((index for index, (known, _) in enumerate(self._pairs) if known == pair[0]), None)
        if first is None:
            self._pairs.append(pair)
        else:
            rest = [other for other in self._pairs[first + 1 :] if other[0] != pair[0]]
            self._pairs[first:] = [pair, *rest]
        self._changed()

    @staticmethod
    def _pair(name: Any, value: Any, method: str) -> tuple[str, str]:
        return (
            text_argument(name, "URLSearchParams", 1, method, "USVString"),
            text_argument(value, "URLSearchParams", 2, method, "USVString"),
        )

    def delete(self, name: Any = MISSING, value: Any = None) -> None:
        wanted = text_argument(name, "URLSearchParams", 1, "delete", "USVString")
        only = None if value is None else usv_string(value)
        self._pairs = [pair for pair in self._pairs if pair[0] != wanted or (only is not None and pair[1] != only)]
        self._changed()

    def get(self, name: Any = MISSING) -> Any:
        from wrangler_py.worker.platform.values import jsnull

        wanted = text_argument(name, "URLSearchParams", 1, "get", "USVString")
        return next((value for known, value in self._pairs if known == wanted), jsnull)

    def getAll(self, name: Any = MISSING) -> JsArray:
        wanted = text_argument(name, "URLSearchParams", 1, "getAll", "USVString")
        return js_array([value for known, value in self._pairs if known == wanted])

    def has(self, name: Any = MISSING, value: Any = None) -> bool:
        wanted = text_argument(name, "URLSearchParams", 1, "has", "USVString")
        only = None if value is None else usv_string(value)
        return any(known == wanted and only in (None, item) for known, item in self._pairs)

    def sort(self) -> None:
        self._pairs.sort(key=lambda pair: pair[0].encode("utf-16-be"))
        self._changed()

    def keys(self) -> JsIterator:
        return JsIterator.new(name for name, _ in self._in_turn())

    def values(self) -> JsIterator:
        return JsIterator.new(value for _, value in self._in_turn())

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(pair)) for pair in self._in_turn())

    def _in_turn(self) -> Iterator[tuple[str, str]]:
        """The pairs by their place, which changes when others are deleted meanwhile."""
        place = 0
        while place < len(self._pairs):
            yield self._pairs[place]
            place += 1

    def forEach(self, callback: Any = None, _this: Any = None) -> None:
        function_argument(callback, "URLSearchParams", 1, "forEach")
        for name, value in self._in_turn():
            call(callback, value, name, self)

    def __iter__(self) -> Iterator[Any]:
        """Python iterates over the names, as over a Map's keys."""
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def toString(self) -> str:
        return serialize_query(self._pairs)


def parse_query(query: str) -> list[tuple[str, str]]:
    """The pairs of a form-urlencoded text. Bytes that are not UTF-8 are replaced."""
    try:
        return list(ada_url.URLSearchParams(f"?{query}").items()) if query else []
    except UnicodeDecodeError:
        from urllib.parse import parse_qsl

        return parse_qsl(query, keep_blank_values=True, errors="replace")


def serialize_query(pairs: list[tuple[str, str]]) -> str:
    """The form-urlencoded text of pairs."""
    params = ada_url.URLSearchParams("")
    for name, value in pairs:
        params.append(name, value)
    return str(params)


class URL(JsProxy):
    """A URL."""

    __slots__ = ("__dict__", "_params", "_url")

    _params: URLSearchParams | None

    def __init__(self, url: Any = MISSING, base: Any = None) -> None:
        text = text_argument(url, "URL", 1, None, "USVString")
        parsed = _parse(text, base)
        if parsed is None:
            raise JsTypeError.new("Invalid URL string.")
        self._url = parsed
        self._params = None

    @classmethod
    def canParse(cls, url: Any = MISSING, base: Any = None) -> bool:
        return _parse(text_argument(url, "URL", 1, "canParse", "USVString"), base) is not None

    @classmethod
    def parse(cls, url: Any = MISSING, base: Any = None) -> Any:
        from wrangler_py.worker.platform.values import jsnull

        parsed = _parse(text_argument(url, "URL", 1, "parse", "USVString"), base)
        if parsed is None:
            return jsnull
        made = object.__new__(cls)
        made._url, made._params = parsed, None
        return made

    @classmethod
    def createObjectURL(cls, _object: Any = None) -> str:
        raise JsException.new("URL.createObjectURL() is not implemented")

    @classmethod
    def revokeObjectURL(cls, _url: Any = None) -> None:
        raise JsException.new("URL.revokeObjectURL() is not implemented")

    @property
    def href(self) -> str:
        return str(self._url.href)

    @href.setter
    def href(self, value: Any) -> None:
        parsed = _parse(usv_string(value), None)
        if parsed is None:
            raise not_settable("href")
        self._url = parsed
        self._query_changed()

    @property
    def origin(self) -> str:
        return str(self._url.origin)

    @property
    def searchParams(self) -> URLSearchParams:
        if self._params is None:
            self._params = URLSearchParams.new(self._url.search)
            self._params._url = self
        return self._params

    def _take_query(self, query: str) -> None:
        self._url.search = query

    def _query_changed(self) -> None:
        if self._params is not None:
            self._params._pairs = parse_query(self._url.search.removeprefix("?"))

    def toString(self) -> str:
        return self.href

    def toJSON(self) -> str:
        return self.href


def not_settable(name: str) -> Exception:
    error: Exception = JsTypeError.new(
        f"Failed to set the '{name}' property on 'URL': the provided value is not of type 'valid URL string'."
    )
    return error


def _parse(url: str, base: Any) -> Any:
    try:
        return ada_url.URL(url) if base is None else ada_url.URL(url, usv_string(base))
    except ValueError:
        return None


def _part(name: str) -> Any:
    def get(self: URL) -> str:
        return str(getattr(self._url, name))

    def set_(self: URL, value: Any) -> None:
        try:
            setattr(self._url, name, usv_string(value))
        except ValueError:
            return  # as the standard wants it: the URL stays as it is
        if name == "search":
            self._query_changed()

    return property(get, set_)


for _name in _PARTS:
    setattr(URL, _name, _part(_name))
