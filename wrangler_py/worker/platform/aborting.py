"""`AbortController` and `AbortSignal`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, array_argument, not_of_type
from wrangler_py.worker.platform.borrowed import kept, readable
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.events import Event, EventTarget
from wrangler_py.worker.platform.numbers import to_integer
from wrangler_py.worker.platform.promise import as_exception
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, jsnull

_LONGEST_MS: Final = 2**31 - 1


class AbortSignal(EventTarget):
    """Says that something is to end early."""

    illegal_constructor = True

    aborted: bool
    _reason: Any
    _onabort: Any

    @classmethod
    def abort(cls, reason: Any = None) -> AbortSignal:
        signal = make_signal()
        signal._abort(kept(reason))
        return signal

    @classmethod
    def timeout(cls, delay: Any = MISSING) -> AbortSignal:
        if delay is MISSING:
            raise not_of_type("AbortSignal", 1, "number", "timeout")
        signal = make_signal()
        error = DOMException.new("The operation was aborted due to timeout", "TimeoutError")
        seconds = max(0, min(to_integer(delay), _LONGEST_MS)) / 1000
        asyncio.get_running_loop().call_later(seconds, signal._abort, error)
        return signal

    @property
    def reason(self) -> Any:
        return readable(self._reason)

    @property
    def onabort(self) -> Any:
        return self._onabort

    @onabort.setter
    def onabort(self, function: Any) -> None:
        self._onabort = function if callable(function) else jsnull

    @classmethod
    def any(cls, signals: Any = None) -> AbortSignal:
        signals = list(array_argument(signals, "AbortSignal", 1, "any"))
        for index, signal in enumerate(signals):
            if not isinstance(signal, AbortSignal):
                raise JsTypeError.new(
                    f"Incorrect type for array element {index}: the provided value is not of type 'AbortSignal'."
                )
        combined = make_signal()
        for signal in signals:
            if signal.aborted:
                combined._abort(signal._reason)
                return combined
        for signal in signals:
            signal._followers.append(combined._abort)
        return combined

    def throwIfAborted(self) -> None:
        if self.aborted:
            raise as_exception(self.reason)

    def _abort(self, reason: Any = None) -> None:
        if self.aborted:
            return
        self.aborted = True
        self._reason = DOMException.new("The operation was aborted", "AbortError") if reason is None else reason
        followers, self._followers = self._followers, []
        event = Event.new("abort")
        event.isTrusted = True
        self.dispatchEvent(event)
        for follower in followers:
            follower(self._reason)

    def follow(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call back with the reason when the signal is aborted. Returns a function that ends this."""
        self._followers.append(callback)

        def forget() -> None:
            if callback in self._followers:
                self._followers.remove(callback)

        return forget

    _followers: list[Callable[[Any], None]]


def make_signal() -> AbortSignal:
    """A signal that is not aborted."""
    signal = object.__new__(AbortSignal)
    signal.aborted, signal._reason, signal._onabort, signal._followers = False, None, jsnull, []
    return signal


class AbortController(JsProxy):
    """Aborts its signal."""

    def __init__(self) -> None:
        self._signal = make_signal()

    @property
    def signal(self) -> AbortSignal:
        return self._signal

    def abort(self, reason: Any = None) -> None:
        self._signal._abort(kept(reason))
