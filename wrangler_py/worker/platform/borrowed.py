"""Python objects in calls of JavaScript functions.

Pyodide makes a proxy for each, and destroys it when the call ends. A function that keeps such an argument keeps a
destroyed proxy, and reading it raises JsException.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, SupportsIndex

from wrangler_py.worker.platform.values import JsException, JsNull, JsProxy, JsProxyMeta

AFTER_CALL = (
    "This borrowed proxy was automatically destroyed at the end of a function call. "
    "Try using create_proxy or create_once_callable."
)
AFTER_NEW = "This borrowed proxy was automatically destroyed. Try using create_proxy or create_once_callable."
AFTER_ITERATION = "This borrowed proxy was automatically destroyed when an iterator was exhausted."
_PLATFORM = "wrangler_py.worker.platform"
_JAVASCRIPT = JsProxy | JsProxyMeta | JsNull | str | bool | int | float | None


class DestroyedProxy(JsProxy):
    """The proxy of a Python object, after the call that it was made for."""

    js_name = "PyProxy"

    def __init__(self, message: str = AFTER_CALL) -> None:
        self._message = message

    def error(self) -> JsException:
        """The exception that every use of the proxy raises."""
        return JsException.new(self._message)

    def fail(self) -> NoReturn:
        raise self.error()

    def toString(self) -> NoReturn:
        self.fail()


class KeptArguments(list[Any]):
    """A list with destroyed proxies in it. Reading one raises JsException."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return KeptArguments(found) if isinstance(index, slice) else readable(found)

    def __iter__(self) -> Iterator[Any]:
        return map(readable, super().__iter__())

    def pop(self, index: SupportsIndex = -1) -> Any:
        return readable(super().pop(index))


def is_python(value: Any) -> bool:
    """Whether JavaScript sees a proxy of this value: it is a Python object, and no function of JavaScript."""
    if isinstance(value, _JAVASCRIPT):
        return False
    module = getattr(value, "__module__", None) or ""
    return not (module.startswith(_PLATFORM) or type(value).__module__.startswith(_PLATFORM))


def kept(value: Any, message: str = AFTER_CALL) -> Any:
    """An argument that a function keeps, as it is after the call."""
    return DestroyedProxy.new(message) if is_python(value) else value


def with_kept(items: list[Any], values: Iterable[Any], message: str = AFTER_CALL) -> list[Any]:
    """`items`, and the arguments that are put behind them. The list is changed, or another one is returned."""
    left = [kept(value, message) for value in values]
    if isinstance(items, KeptArguments) or not any(isinstance(value, DestroyedProxy) for value in left):
        items.extend(left)
        return items
    return KeptArguments([*items, *left])


def holding(items: list[Any]) -> list[Any]:
    """A list of what an array holds, destroyed proxies perhaps: reading one of them raises JsException."""
    return KeptArguments(items) if any(isinstance(item, DestroyedProxy) for item in items) else items


def readable(value: Any) -> Any:
    """The value that Python reads. Raises JsException for a destroyed proxy."""
    if isinstance(value, DestroyedProxy):
        value.fail()
    return value
