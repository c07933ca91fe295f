"""Parts of the platform that wrangler-py lacks: they can be imported and passed around, and fail when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class NotEmulatedError(NotImplementedError):
    """A part of the platform that wrangler-py has no local version of was used."""

    __module__ = "js"


class NotEmulatedAttributeError(NotEmulatedError, AttributeError):
    """An attribute of an object of the platform that wrangler-py lacks. `hasattr` says that there is none."""

    __module__ = "js"


class Lacking:
    """Stands for an attribute of a class that wrangler-py lacks. Reading it raises an error that says so."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"js.{getattr(owner, 'js_name', owner.__name__)}.{name.removesuffix('_')}"

    def __get__(self, _instance: Any, _owner: type | None = None) -> Any:
        raise NotEmulatedAttributeError(
            f"{self._name} is not part of wrangler-py. Do without it, or run this route with `pywrangler dev`"
        )


class NotEmulated:
    """Stands for such a part. `refusal` is what its use raises: what it is, and what to do.

    `on_use` is called before.
    """

    __slots__ = ("_name", "_on_use", "_refusal")

    def __init__(self, name: str, refusal: str, on_use: Callable[[], None] | None = None) -> None:
        self._name = name
        self._refusal = refusal
        self._on_use = on_use

    def _used(self) -> NotEmulatedError:
        if self._on_use is not None:
            self._on_use()
        return NotEmulatedError(self._refusal)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "constructor":  # the SDK asks for what kind it is
            raise AttributeError(name)
        raise self._used()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise self._used()

    def __getitem__(self, _: Any) -> Any:
        raise self._used()

    def __iter__(self) -> Iterator[Any]:
        raise self._used()

    def __await__(self) -> Iterator[Any]:
        raise self._used()

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
