"""`pyodide.ffi.wrappers`: listeners and timers that need no `create_proxy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wrangler_py.worker.platform.convert import create_proxy
from wrangler_py.worker.platform.js_module import namespace as js

_listeners: dict[tuple[int, str, int], Any] = {}


def add_event_listener(elt: Any, event: str, listener: Callable[[Any], None]) -> None:
    """Call `listener` for each event of that kind."""
    proxy = create_proxy(listener)
    _listeners[elt.js_id, event, id(listener)] = proxy
    elt.addEventListener(event, proxy)


def remove_event_listener(elt: Any, event: str, listener: Callable[[Any], None]) -> None:
    """Call it no more."""
    proxy = _listeners.pop((elt.js_id, event, id(listener)))
    elt.removeEventListener(event, proxy)
    proxy.destroy()


def set_timeout(callback: Callable[[], None], timeout: int) -> Any:
    """Call `callback` once, after that many milliseconds."""
    return js.setTimeout(create_proxy(callback), timeout)


def clear_timeout(timeout_retval: Any) -> None:
    """Don't call it."""
    js.clearTimeout(timeout_retval)


def set_interval(callback: Callable[[], None], interval: int) -> Any:
    """Call `callback` again and again."""
    return js.setInterval(create_proxy(callback), interval)


def clear_interval(interval_retval: Any) -> None:
    """Call it no more."""
    js.clearInterval(interval_retval)
