"""Constructors, as programs see them.

In Pyodide a constructor of JavaScript is an object, and no class of Python's: `isinstance(value, js.Response)`,
`except js.TypeError` and `class Mine(js.EventTarget)` raise TypeError. The classes of this package are classes, so
programs get an object in front of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wrangler_py.worker.platform.values import JsProxy, JsProxyMeta, JsTypeError

_OWN = frozenset({"_cls", "_js_class", "new"})


class JsClass(JsProxy):
    """A constructor. What it has are the attributes of the class behind it."""

    js_name = "Function"
    __slots__ = ("_cls", "new")

    _cls: JsProxyMeta
    new: Callable[..., Any]
    """The class's own, at hand: programs ask for nothing more often."""

    @property
    def js_id(self) -> int:
        return id(self)

    @property
    def typeof(self) -> str:
        return "function"

    def toString(self) -> str:
        return repr(self._cls)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._cls(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        return getattr(self._cls, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        elif name in {"name", "length", "prototype"}:
            raise JsTypeError.new(f"Cannot assign to read only property '{name}' of function '{self.toString()}'")
        else:
            setattr(self._cls, name, value)

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise TypeError(f"js.{self._cls.js_name} is a constructor of JavaScript, which Python can't extend")

    def __dir__(self) -> list[str]:
        return [*dir(self._cls), "new"]


def js_class(cls: JsProxyMeta) -> JsClass:
    """The constructor of a class: one object for each."""
    made: JsClass | None = cls.__dict__.get("_js_class")
    if made is None:
        made = object.__new__(JsClass)
        made._cls, made.new = cls, cls.new
        type.__setattr__(cls, "_js_class", made)
    return made


JsProxy._class_of = staticmethod(js_class)
