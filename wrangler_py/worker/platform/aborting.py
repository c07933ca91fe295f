"""`AbortController` and `AbortSignal`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wrangler_py.worker.platform.events import Event, EventTarget
from wrangler_py.worker.platform.promise import as_exception
from wrangler_py.worker.platform.values import DOMException, JsProxy


class AbortSignal(EventTarget):
    """Says that something is to end early."""

    illegal_constructor = True

    aborted: bool
    reason: Any
    onabort: Any

    @classmethod
    def abort(cls, reason: Any = None) -> AbortSignal:
        signal = make_signal()
        signal._abort(reason)
        return signal

    @classmethod
    def timeout(cls, delay: Any = 0) -> AbortSignal:
        signal = make_signal()
        error = DOMException.new("The operation was aborted due to timeout", "TimeoutError")
        asyncio.get_running_loop().call_later(float(delay) / 1000, signal._abort, error)
        return signal

    @classmethod
    def any(cls, signals: Any) -> AbortSignal:
        combined = make_signal()
        for signal in signals:
            if signal.aborted:
                combined._abort(signal.reason)
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
        self.reason = DOMException.new("The operation was aborted", "AbortError") if reason is None else reason
        followers, self._followers = self._followers, []
        for follower in followers:
            follower(self.reason)
        self.dispatchEvent(Event.new("abort"))

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
    signal.aborted, signal.reason, signal._followers = False, None, []
    return signal


class AbortController(JsProxy):
    """Aborts its signal."""

    def __init__(self) -> None:
        self.signal = make_signal()

    def abort(self, reason: Any = None) -> None:
        self.signal._abort(reason)
