"""`console`, `performance`, `navigator`, `globalThis` and other objects of the global scope."""

from __future__ import annotations

import sys
import time
from typing import Any

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, text_argument
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.maps import JsMap, JsSet
from wrangler_py.worker.platform.not_emulated import NotEmulatedError
from wrangler_py.worker.platform.values import JsException, JsObject, JsProxy, js_string, own_properties


class Console(JsProxy):
    """Prints. Errors and warnings go to stderr."""

    js_name = "console"

    def log(self, *values: Any) -> None:
        print(*map(_shown, values))

    debug = info = log

    def error(self, *values: Any) -> None:
        print(*map(_shown, values), file=sys.stderr)

    warn = trace = error

    def table(self, *values: Any) -> None:
        self.log(*values)

    dir = dirxml = group = groupCollapsed = table

    def groupEnd(self) -> None:
        """Nothing: groups are not indented."""

    def assert_(self, condition: Any = False, *values: Any) -> None:
        if not condition:
            self.error("Assertion failed", *values)

    def time(self, _label: Any = None) -> None:
        """Nothing: the clock stands still while a Worker computes."""

    timeEnd = timeLog = timeStamp = profile = profileEnd = count = countReset = clear = time


def _shown(value: Any, depth: int = 0) -> str:
    """A value as the console shows it."""
    if isinstance(value, str):
        return repr(value) if depth else value
    if isinstance(value, JsException):
        return value.toString()
    if isinstance(value, JsArray | JsSet):
        inner = ", ".join(_shown(item, depth + 1) for item in value)
        name = "" if isinstance(value, JsArray) else f"Set({value.size}) "
        brackets = "[]" if isinstance(value, JsArray) else "{}"
        return f"{name}{brackets[0]}{f' {inner} ' if inner else ''}{brackets[1]}"
    if isinstance(value, JsMap):
        pairs = [f"{_shown(key, depth + 1)} => {_shown(item, depth + 1)}" for key, item in value.items()]
        inner = ", ".join(pairs)
        return f"Map({value.size}) {{ {inner} }}" if pairs else "Map(0) {}"
    if isinstance(value, JsObject):
        pairs = [f"{name}: {_shown(item, depth + 1)}" for name, item in own_properties(value).items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    return js_string(value)


class Performance(JsProxy):
    """The clock."""

    @property
    def timeOrigin(self) -> int:
        return 0

    def now(self) -> float | int:
        return int(time.time() * 1000)


class Navigator(JsProxy):
    """Where the Worker runs."""

    userAgent = "Cloudflare-Workers"
    platform = ""
    hardwareConcurrency = 1
    language = "en"

    @property
    def languages(self) -> Any:
        return js_array(["en"])

    def sendBeacon(self, url: Any = MISSING, _body: Any = None) -> bool:
        text_argument(url, "Navigator", 1, "sendBeacon")
        raise NotEmulatedError(
            "wrangler-py sends no beacons. Use fetch(…, method='POST') with ctx.waitUntil, "
            "or run this route with `pywrangler dev`"
        )

    def _own_properties(self) -> dict[str, Any]:
        names = ("languages", "language", "platform", "hardwareConcurrency", "userAgent")
        return {name: getattr(self, name) for name in names}


def reportError(error: Any = MISSING) -> None:
    """Print an error as one that nobody caught."""
    if error is MISSING:
        raise not_of_type("ServiceWorkerGlobalScope", 1, "Value", "reportError")
    print("Uncaught", _shown(error), file=sys.stderr)


console = Console.new()
performance = Performance.new()
navigator = Navigator.new()
