"""`Event`, `EventTarget`, and the kinds of events that the platform sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument, text_argument, wrong_field
from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.borrowed import AFTER_NEW, kept, readable
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.convert import kept_callback
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.values import (
    JsObject,
    JsProxy,
    JsTypeError,
    js_function,
    js_string,
    jsnull,
    member,
)


class Event(JsProxy):
    """Something that happened."""

    NONE = 0
    CAPTURING_PHASE = 1
    AT_TARGET = 2
    BUBBLING_PHASE = 3

    def __init__(self, type_: Any = MISSING, init: Any = None) -> None:
        self.type = text_argument(type_, type(self).js_name, 1)
        options = options_argument(init, type(self).js_name, 2, "Init")
        self.bubbles = is_truthy(member(options, "bubbles"))
        self.cancelable = is_truthy(member(options, "cancelable"))
        self.composed = is_truthy(member(options, "composed"))
        self._prevented = False
        self.isTrusted = False
        self.target: Any = None
        self.currentTarget: Any = None
        self.timeStamp = 0
        self.cancelBubble = False
        self._stopped = False
        self._dispatched = False

    @property
    def eventPhase(self) -> int:
        return self.AT_TARGET if self._dispatched else self.NONE

    @property
    def defaultPrevented(self) -> bool:
        return self.cancelable and self._prevented

    @property
    def returnValue(self) -> bool:
        return not self.defaultPrevented

    @property
    def srcElement(self) -> Any:
        return self.target

    def preventDefault(self) -> None:
        self._prevented = True

    def stopPropagation(self) -> None:
        self.cancelBubble = True

    def stopImmediatePropagation(self) -> None:
        self._stopped = True

    def begin(self, target: EventTarget) -> None:
        """Be sent to a target. Raises InvalidStateError if the event is under way already."""
        if self._dispatched:
            raise DOMException.new("The event is already being dispatched.", "InvalidStateError")
        self._dispatched = True
        self.target = self.currentTarget = target

    def end(self) -> None:
        """Have been handled."""
        self._dispatched = False

    def composedPath(self) -> Any:
        return js_array([self.currentTarget] if self._dispatched else [])


class CustomEvent(Event):
    """An event with `detail`."""

    def __init__(self, type_: Any = MISSING, init: Any = None) -> None:
        super().__init__(type_, init)
        detail = member(init, "detail")
        self._detail = None if detail is None else kept(detail, AFTER_NEW)

    @property
    def detail(self) -> Any:
        return readable(self._detail)


class MessageEvent(Event):
    """A message of a WebSocket."""

    def __init__(self, type_: Any = MISSING, init: Any = None) -> None:
        super().__init__(type_, init)
        data = member(init, "data")
        self.data = jsnull if data is None else data
        origin, last = member(init, "origin"), member(init, "lastEventId")
        self.origin: Any = jsnull if origin is None else js_string(origin)
        self.lastEventId = "" if last is None else js_string(last)
        self.source: Any = jsnull
        self.ports = js_array([])


class CloseEvent(Event):
    """The end of a WebSocket."""

    def __init__(self, type_: Any = MISSING, init: Any = None) -> None:
        super().__init__(type_, init)
        self.code = int(member(init, "code") or 0)
        self.reason = js_string(member(init, "reason") or "")
        self.wasClean = is_truthy(member(init, "wasClean"))


class ErrorEvent(Event):
    """An error that nobody caught, or of a WebSocket."""

    def __init__(self, type_: Any = MISSING, init: Any = None) -> None:
        super().__init__(type_, init)
        self.message = js_string(member(init, "message") or "")
        self.filename = js_string(member(init, "filename") or "")
        self.lineno = int(member(init, "lineno") or 0)
        self.colno = int(member(init, "colno") or 0)
        self.error = member(init, "error")


class _Listener(NamedTuple):
    key: Any
    callback: Callable[..., Any]
    once: bool


class EventTarget(JsProxy):
    """An object that events are sent to."""

    _listeners: dict[str, list[_Listener]] | None = None

    @js_function
    def addEventListener(self, type_: Any = MISSING, listener: Any = MISSING, options: Any = None) -> None:
        name = text_argument(type_, type(self).js_name, 1, "addEventListener")
        if listener is MISSING or isinstance(listener, str | bool | int | float):
            raise not_of_type(type(self).js_name, 2, "function or HandlerObject", "addEventListener")
        if listener is None or listener is jsnull:
            return
        if isinstance(listener, JsObject) and not callable(member(listener, "handleEvent")):
            raise wrong_field("handleEvent", "HandlerObject", "function")
        if options is True:
            raise JsTypeError.new("addEventListener(): useCapture must be false.")
        if is_truthy(member(options, "capture")):
            raise JsTypeError.new("addEventListener(): options.capture must be false.")
        if self._listeners is None:
            self._listeners = {}
        known = self._listeners.setdefault(name, [])
        key = _key(listener)
        if any(other.key == key for other in known):
            return
        signal = member(options, "signal")
        if signal is not None and signal is not jsnull:
            if signal.aborted:
                return
            signal.addEventListener("abort", lambda _event: self.removeEventListener(name, listener))
        once = is_truthy(member(options, "once"))
        known.append(_Listener(key, kept_callback(listener), once))

    @js_function
    def removeEventListener(self, type_: Any = MISSING, listener: Any = MISSING, _options: Any = None) -> None:
        text_argument(type_, type(self).js_name, 1, "removeEventListener")
        if listener is MISSING:
            raise not_of_type(type(self).js_name, 2, "Object", "removeEventListener")
        if self._listeners is not None:
            name, key = js_string(type_), _key(listener)
            self._listeners[name] = [other for other in self._listeners.get(name, ()) if other.key != key]

    def dispatchEvent(self, event: Any = MISSING) -> bool:
        if not isinstance(event, Event):
            raise not_of_type("EventTarget", 1, "Event", "dispatchEvent")
        event.begin(self)
        try:
            handler = getattr(self, f"on{event.type}", None)
            if callable(handler):
                _handle(handler, event)
            self._call_listeners(event)
        finally:
            event.end()
        return not event._prevented  # even if the event can't be cancelled

    def _call_listeners(self, event: Event) -> None:
        if self._listeners is None:
            return
        for listener in list(self._listeners.get(event.type, ())):
            if event._stopped:
                return
            if listener.once:
                self._listeners[event.type].remove(listener)
            handle = getattr(listener.callback, "handleEvent", None)
            _handle(listener.callback if handle is None else handle, event)


def _handle(handler: Callable[..., Any], event: Event) -> None:
    """Call a listener. Its exception goes on to whoever sent the event, or is reported, as the flags say."""
    if not settings.reports_listener_exceptions:
        call(handler, event)
        return
    try:
        call(handler, event)
    except Exception as error:
        context = {"message": "Exception in an event listener", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def _key(listener: Any) -> Any:
    """The identity of a listener, for its removal: Python makes another object of a method each time."""
    target = getattr(listener, "_target", listener)
    return (id(target.__self__), target.__func__) if hasattr(target, "__func__") else id(target)
