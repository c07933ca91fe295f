"""Headers: names without regard to case, values joined or kept apart as the fetch standard has it."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from http.client import HTTPMessage

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00\r\n]")


class Headers:
    """An ordered multimap of headers.

    `get` joins repeated values with ", " (Set-Cookie's too); `get_all` keeps them apart.
    """

    __slots__ = ("_pairs",)

    def __init__(self, init: HeadersInit | None = None) -> None:
        self._pairs: list[tuple[str, str]] = []
        if init is not None:
            for name, value in _pairs_of(init):
                self.append(name, value)

    @classmethod
    def _of_pairs(cls, pairs: list[tuple[str, str]]) -> Headers:
        """Wrap pairs that are known to be valid, their names in lower case."""
        headers = cls.__new__(cls)
        headers._pairs = pairs
        return headers

    def append(self, name: str, value: str) -> None:
        """Add a header beside others of its name. Raises TypeError for an invalid name or value."""
        value = str(value).strip()
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise TypeError(f"Invalid header name: {name!r}")
        if _FORBIDDEN_IN_VALUE.search(value):
            raise TypeError(f"Invalid value of header {name!r}: line breaks are not allowed")
        self._pairs.append((name.lower(), value))

    def set(self, name: str, value: str) -> None:
        """Put one header in place of all of its name."""
        self.delete(name)
        self.append(name, value)

    def delete(self, name: str) -> None:
        lowered = name.lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0] != lowered]

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def get_all(self, name: str) -> list[str]:
        lowered = name.lower()
        return [value for key, value in self._pairs if key == lowered]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key == name.lower() for key, _ in self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def items(self) -> list[tuple[str, str]]:
        """Every name once with its joined value, sorted by name; each Set-Cookie on its own."""
        joined: dict[str, str] = {}
        cookies: list[tuple[str, str]] = []
        for name, value in self._pairs:
            if name == "set-cookie":
                cookies.append((name, value))
            else:
                joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return sorted([*joined.items(), *cookies], key=lambda pair: pair[0])

    def keys(self) -> list[str]:
        return [name for name, _ in self.items()]

    def values(self) -> list[str]:
        return [value for _, value in self.items()]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self.items())

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"

    def copy(self) -> Headers:
        return Headers._of_pairs(list(self._pairs))


HeadersInit: TypeAlias = "Headers | HTTPMessage | Mapping[str, Any] | Iterable[tuple[str, Any]]"


def _pairs_of(init: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(init, Headers):
        return list(init._pairs)
    if isinstance(init, str | bytes):
        raise TypeError("headers must be a dict, a list of pairs or Headers, not text")
    if hasattr(init, "items"):
        return list(init.items())
    try:
        return [(name, value) for name, value in init]
    except (TypeError, ValueError):
        raise TypeError(
            f"headers must be a dict, a list of (name, value) pairs or Headers, not {type(init).__name__}"
        ) from None


def as_message(headers: Headers) -> HTTPMessage:
    """Headers as the SDK gives them: an `http.client.HTTPMessage`, repeated ones joined, Set-Cookie not.

    It is a copy, there as here, so a change has no effect: it gives a warning.
    """
    message = _copy_class()()
    message._headers = headers.items()  # type: ignore[attr-defined]
    return message


@functools.cache
def _copy_class() -> type[HTTPMessage]:
    from http.client import HTTPMessage  # a slow import that many Workers never need

    class HeadersCopy(HTTPMessage):
        def __setitem__(self, name: str, val: Any) -> None:
            _warn_of_change()
            super().__setitem__(name, val)

        def __delitem__(self, name: str) -> None:
            _warn_of_change()
            super().__delitem__(name)

        def replace_header(self, _name: str, _value: Any) -> None:
            _warn_of_change()
            super().replace_header(_name, _value)

    return HeadersCopy


def _warn_of_change() -> None:
    warnings.warn(
        "headers is a copy, on the platform as well: this change goes nowhere. Pass headers= when the response is "
        "made, or change response.js_object.headers",
        stacklevel=3,
    )
