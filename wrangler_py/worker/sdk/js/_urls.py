"""`URL` and `URLSearchParams`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from wrangler_py.worker.sdk.js._values import JsArray, JsException, JsLookup, JsProxy, properties
from wrangler_py.worker.sdk.workers._body import Body

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PATH_SAFE = "/:@!$&'()*+,;=-._~%|[]^\\"


class URLSearchParams(JsLookup):
    """The parameters of a query string."""

    def __init__(self, pairs: list[tuple[str, str]] | None = None) -> None:
        self._pairs = pairs if pairs is not None else []

    @classmethod
    def new(cls, init: Any = "") -> URLSearchParams:
        if isinstance(init, str):
            return cls(parse_qsl(init.removeprefix("?"), keep_blank_values=True))
        if isinstance(init, URLSearchParams):
            return cls(list(init._pairs))
        if isinstance(init, list | tuple):
            return cls([(str(pair[0]), str(pair[1])) for pair in init])
        return cls([(str(name), str(value)) for name, value in properties(init).items()])

    def get(self, name: str) -> str | None:
        return next((value for key, value in self._pairs if key == name), None)

    def getAll(self, name: str) -> JsArray:
        return JsArray(value for key, value in self._pairs if key == name)

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self._pairs)

    def append(self, name: str, value: str) -> None:
        self._pairs.append((name, str(value)))

    def set(self, name: str, value: str) -> None:
        """Give a parameter one value, where its first one was."""
        place = next((index for index, pair in enumerate(self._pairs) if pair[0] == name), len(self._pairs))
        self.delete(name)
        self._pairs.insert(place, (name, str(value)))

    def delete(self, name: str) -> None:
        self._pairs[:] = [pair for pair in self._pairs if pair[0] != name]

    def keys(self) -> JsArray:
        return JsArray(name for name, _ in self._pairs)

    def values(self) -> JsArray:
        return JsArray(value for _, value in self._pairs)

    def entries(self) -> JsArray:
        return JsArray(JsArray(pair) for pair in self._pairs)

    @property
    def size(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[JsArray]:
        return iter(self.entries())

    def toString(self) -> str:
        return urlencode(self._pairs)

    __str__ = toString
    __repr__ = toString

    def _as_body(self) -> tuple[Body, str | None]:
        return Body(self.toString().encode()), "application/x-www-form-urlencoded;charset=UTF-8"


class URL(JsProxy):
    """A parsed URL. Its parts are read; `searchParams` and `search` may be changed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.scheme or (parts.scheme in _DEFAULT_PORTS and not parts.hostname):
            raise JsException(f"Invalid URL string: {url}", "TypeError")
        try:
            port = parts.port
        except ValueError:
            raise JsException(f"Invalid URL string: {url}", "TypeError") from None
        self.protocol = f"{parts.scheme.lower()}:"
        self.username = parts.username or ""
        self.password = parts.password or ""
        self.hostname = parts.hostname or ""
        self.port = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme.lower()) else str(port)
        self.pathname = quote(parts.path, safe=_PATH_SAFE) or ("/" if parts.scheme in _DEFAULT_PORTS else "")
        self.hash = f"#{parts.fragment}" if parts.fragment else ""
        self.searchParams = URLSearchParams.new(parts.query)
        self._query = parts.query
        self._pairs_at_start = list(self.searchParams._pairs)

    @classmethod
    def new(cls, url: Any, base: Any = None) -> URL:
        text = str(url)
        return cls(text if base is None else urljoin(str(base), text))

    @classmethod
    def canParse(cls, url: Any, base: Any = None) -> bool:
        try:
            cls.new(url, base)
        except JsException:
            return False
        return True

    @property
    def search(self) -> str:
        changed = self.searchParams._pairs != self._pairs_at_start
        query = self.searchParams.toString() if changed else self._query
        return f"?{query}" if query else ""

    @search.setter
    def search(self, value: str) -> None:
        self._query = value.removeprefix("?")
        self.searchParams._pairs[:] = parse_qsl(self._query, keep_blank_values=True)
        self._pairs_at_start = list(self.searchParams._pairs)

    @property
    def host(self) -> str:
        name = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{name}:{self.port}" if self.port else name

    @property
    def origin(self) -> str:
        return f"{self.protocol}//{self.host}"

    @property
    def href(self) -> str:
        credentials = f"{self.username}{':' + self.password if self.password else ''}@" if self.username else ""
        netloc = f"{credentials}{self.host}"
        return urlunsplit(
            (self.protocol[:-1], netloc, self.pathname, self.search.removeprefix("?"), self.hash.removeprefix("#"))
        )

    def toString(self) -> str:
        return self.href

    __str__ = toString
    __repr__ = toString
