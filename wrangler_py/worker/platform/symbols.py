"""`Symbol`. Symbols are names of properties in JavaScript; here they are values only."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.functions import FunctionWithFunctions
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, js_string


class JsSymbol(JsProxy):
    """A symbol."""

    js_name = "Symbol"
    illegal_constructor = True
    description: str | None
    is_registered: bool
    """Whether `Symbol.for` made it."""

    @property
    def typeof(self) -> str:
        return "symbol"

    @property
    def constructor(self) -> Any:
        return symbol_function

    def toString(self) -> str:
        return f"Symbol({self.description or ''})"

    def __str__(self) -> str:
        return self.toString()

    __repr__ = __str__

    def valueOf(self) -> JsSymbol:
        return self


def _symbol(description: str | None, *, is_registered: bool = False) -> JsSymbol:
    symbol = object.__new__(JsSymbol)
    symbol.description, symbol.is_registered = description, is_registered
    return symbol


class Symbol(FunctionWithFunctions):
    """`Symbol`: a function, with the symbols that the language knows."""

    name = "Symbol"
    _registered: Final[dict[str, JsSymbol]] = {}

    def __call__(self, description: Any = None) -> JsSymbol:
        return _symbol(None if description is None else js_string(description))

    @staticmethod
    def new(*_: Any) -> JsSymbol:
        raise JsTypeError.new("Symbol is not a constructor")

    def for_(self, key: Any = None) -> JsSymbol:
        """`Symbol.for`: the same symbol for the same text."""
        name = js_string(key)
        return self._registered.setdefault(name, _symbol(name, is_registered=True))

    @staticmethod
    def keyFor(symbol: Any = None) -> str | None:
        if not isinstance(symbol, JsSymbol):
            raise JsTypeError.new(f"{js_string(symbol)} is not a symbol")
        return symbol.description if symbol.is_registered else None


for _name in (
    *("asyncIterator", "hasInstance", "isConcatSpreadable", "iterator", "match", "matchAll", "replace", "search"),
    *("species", "split", "toPrimitive", "toStringTag", "unscopables", "dispose", "asyncDispose"),
):
    setattr(Symbol, _name, _symbol(f"Symbol.{_name}"))

symbol_function: Any = object.__new__(Symbol)
