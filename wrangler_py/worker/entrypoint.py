"""Finding the handlers of a loaded Worker, and calling them as the platform does."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from wrangler_py.worker.sdk.workers._entrypoints import Context, WorkerEntrypoint
from wrangler_py.worker.sdk.workers._env import Env

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_OTHER_EVENTS = frozenset({"email", "queue", "tail", "trace"})
"""Handlers for what is not emulated."""


class EntrypointError(Exception):
    """The Worker's module was loaded, and has nothing to call. `line` is where to look, from 1."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Entrypoint:
    """The handlers of one Worker: a `Default` class, or functions of the module."""

    def __init__(self, module: ModuleType) -> None:
        default = getattr(module, "Default", None)
        self._class: type | None = default if isinstance(default, type) else None
        self._functions: dict[str, Callable[..., Any]] = {}
        self._accepts: dict[str, int] = {}
        for event in ("fetch", "scheduled"):
            if self._class is not None:
                function = getattr(self._class, event, None)
                if function is not None:
                    _check_self(self._class, event)
                    # The bound method lacks `self`.
                    self._accepts[event] = _positional_parameters(function) - 1
            else:
                for name in (f"on_{event}", event):
                    function = getattr(module, name, None)
                    if function is not None and _is_handler(function, module, exact=name.startswith("on_")):
                        self._functions[event] = function
                        self._accepts[event] = _positional_parameters(function)
                        break
        if not self._accepts:
            raise _nothing_to_call(module, self._class)
        if self._class is not None and not issubclass(self._class, WorkerEntrypoint):
            raise EntrypointError(
                "class Default does not extend WorkerEntrypoint. Write `class Default(WorkerEntrypoint)`, "
                "with `from workers import WorkerEntrypoint`",
                line=_line_of(self._class),
            )

    def has(self, event: str) -> bool:
        """Whether the Worker handles `fetch` or `scheduled` events."""
        return event in self._accepts

    def location(self, event: str) -> tuple[int | None, str]:
        """Line and name of a handler, to point at it."""
        if self._class is not None:
            return _line_of(getattr(self._class, event)), f"Default.{event}"
        function = self._functions[event]
        return _line_of(function), getattr(function, "__name__", event)

    def call(self, event: str, subject: Any, env: Env, ctx: Context) -> Any:
        """Call a handler with as many of (subject, env, ctx) as it takes. The result may be awaitable.

        Raises EntrypointError when the Worker has no such handler.
        """
        if event not in self._accepts:
            raise EntrypointError(
                f"The Worker has no {event} handler: add `async def {event}(self, …)` to class Default"
            )
        function = self._functions[event] if self._class is None else getattr(self._instance(ctx, env), event)
        return function(*(subject, env, ctx)[: self._accepts[event]])

    def _instance(self, ctx: Context, env: Env) -> Any:
        assert self._class is not None
        try:
            return self._class(ctx, env)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from within the person's own code
            raise EntrypointError(
                f"{error}. Default is made with (ctx, env): write `def __init__(self, ctx, env)`, "
                "and `super().__init__(ctx, env)` first in it",
                line=_line_of(vars(self._class).get("__init__", self._class)),
            ) from None


def _positional_parameters(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 3
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return 4
    return sum(parameter.kind in _POSITIONAL for parameter in parameters)


def _check_self(default: type, event: str) -> None:
    """Raises EntrypointError for a method whose first parameter is what should come after `self`."""
    function = inspect.getattr_static(default, event)
    names = list(inspect.signature(function).parameters) if inspect.isfunction(function) else []
    if names and names[0] in ("request", "req", "controller", "event"):
        raise EntrypointError(
            f"Default.{event} has no self. Write `async def {event}(self, {', '.join(names)})`",
            line=_line_of(function),
        )


def _is_handler(function: Any, module: ModuleType, *, exact: bool) -> bool:
    # `from workers import fetch` puts a function of that name into the module that is no handler.
    return callable(function) and (exact or getattr(function, "__module__", None) == module.__name__)


def _line_of(thing: Any) -> int | None:
    try:
        return inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return None


def _nothing_to_call(module: ModuleType, default: type | None) -> EntrypointError:
    if default is not None:
        methods = [name for name in vars(default) if callable(getattr(default, name)) and not name.startswith("_")]
        close = difflib.get_close_matches("fetch", methods, n=1)
        found = f" (it has {close[0]}: is that meant?)" if close else ""
        others = " and ".join(name for name in methods if name in _OTHER_EVENTS)
        if others:
            found = f", and wrangler-py has no {others} events"
        return EntrypointError(
            f"class Default has no fetch method{found}. Add `async def fetch(self, request)`",
            line=_line_of(default),
        )
    own = [
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__
    ]
    candidates = (
        [cls for cls in own if issubclass(cls, WorkerEntrypoint)]
        or [cls for cls in own if difflib.get_close_matches(cls.__name__, ["Default"], n=1)]
        or [cls for cls in own if not {"fetch", "on_fetch", "scheduled"}.isdisjoint(vars(cls))]
    )
    if candidates:
        cls = candidates[0]
        return EntrypointError(
            f"The entry point must be named Default; found class {cls.__name__}. "
            f"Rename it: class Default(WorkerEntrypoint)",
            line=_line_of(cls),
        )
    return EntrypointError(
        "The Worker exports no handler. Add `class Default(WorkerEntrypoint)` with "
        "`async def fetch(self, request)`, or a function `on_fetch(request, env, ctx)`"
    )
