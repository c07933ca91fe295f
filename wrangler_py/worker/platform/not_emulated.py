"""What the platform has and wrangler-py has not: it imports, may be passed around, and fails when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class NotEmulatedError(NotImplementedError):
    """A part of the platform that wrangler-py has no local version of was used."""


class NotEmulated:
    """Stands for such a part. `refusal` is what is said at its first use: what it is, and what to do."""

    __slots__ = ("_name", "_refusal")

    def __init__(self, name: str, refusal: str) -> None:
        self._name = name
        self._refusal = refusal

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "constructor":  # the SDK asks for what kind it is
            raise AttributeError(name)
        raise NotEmulatedError(self._refusal)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise NotEmulatedError(self._refusal)

    def __getitem__(self, _: Any) -> Any:
        raise NotEmulatedError(self._refusal)

    def __iter__(self) -> Iterator[Any]:
        raise NotEmulatedError(self._refusal)

    def __await__(self) -> Iterator[Any]:
        raise NotEmulatedError(self._refusal)

    def __instancecheck__(self, _: Any) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<{self._name}, not emulated>"


class MissingGlobal(NotEmulated):
    """Stands for a name or a module of the JavaScript scope."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            f"{name} is not part of wrangler-py. Use a Python library in its place, "
            "or run this route with `pywrangler dev`",
        )
