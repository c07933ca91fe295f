"""Finding the handlers of a loaded Worker, and calling them as the platform does."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from wrangler_py.project.python_flags import NO_GLOBAL_HANDLERS

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_OTHER_EVENTS = ("queue", "email", "tail", "trace")
"""Handlers of events that are not emulated."""
WAY_OUT = "Run `wrangler-py dev --runtime workerd` to try them"
"""Advice about them."""
_EVENTS = ("fetch", "scheduled")
_SCHEDULED_ARGUMENTS = 3
_ANY_NUMBER = 100


class EntrypointError(Exception):
    """The Worker's module was loaded, and has nothing to call. `line` is where to look, from 1."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Entrypoint:
    """The handlers of one Worker: a `Default` class, or functions of the module."""

    def __init__(self, module: ModuleType, flags: frozenset[str] = frozenset({NO_GLOBAL_HANDLERS})) -> None:
        from workers import Request

        self._request = Request
        self._class = _default_class(module)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._accepts: dict[str, int] = {}
        self.warnings: list[str] = []
        """Warnings about code that works but is probably a mistake."""
        functions_count = NO_GLOBAL_HANDLERS not in flags
        functions = {event: getattr(module, f"on_{event}", None) for event in _EVENTS}
        found = {event: function for event, function in functions.items() if callable(function)}
        # Where functions count, the platform asks a class for the same name.
        self._methods = {"fetch": "on_fetch" if functions_count else "fetch", "scheduled": "scheduled"}
        if self._class is not None:
            if found and functions_count:
                raise EntrypointError(
                    f"Cannot define multiple default entrypoints: class Default and on_{next(iter(found))}. "
                    "Leave one of them out",
                    line=_line_of(next(iter(found.values()))),
                )
            self._take_methods(self._class)
        elif functions_count:
            self._functions = found
            self._accepts = {event: _positional_parameters(function) for event, function in found.items()}
        elif found:
            raise _not_registered(*next(iter(found.items())))
        count = functions_count or self._class is not None
        others = [event for event in _OTHER_EVENTS if count and self._handles(module, event)]
        if not self._accepts:
            raise _nothing_to_call(module, self._class, self._methods["fetch"], others)
        for event in others:
            name = f"on_{event}" if self._class is None else f"Default.{event}"
            self.warnings.append(f"{name} is never called: wrangler-py has no {event} events. {WAY_OUT}")

    def _handles(self, module: ModuleType, event: str) -> bool:
        """Whether the code has a handler of that name, which the platform would call."""
        if self._class is None:
            return callable(getattr(module, f"on_{event}", None))
        return callable(getattr(self._class, event, None))

    def _take_methods(self, default: type) -> None:
        for event, name in self._methods.items():
            function = getattr(default, name, None)
            if function is None:
                continue
            _check_self(default, name)
            self._accepts[event] = _positional_parameters(function) - 1  # the bound method lacks `self`
            if event == "fetch" and 1 < self._accepts[event] < _ANY_NUMBER:
                self.warnings.append(
                    f"Default.{name} has parameters after request. The platform gives them None: "
                    "use self.env and self.ctx"
                )

    def has(self, event: str) -> bool:
        """Whether the Worker handles `fetch` or `scheduled` events."""
        return event in self._accepts

    def location(self, event: str) -> tuple[int | None, str]:
        """Line and name of a handler, to point at it."""
        if self._class is not None:
            name = self._methods[event]
            return _line_of(getattr(self._class, name)), f"Default.{name}"
        function = self._functions[event]
        return _line_of(function), getattr(function, "__name__", event)

    async def call(self, event: str, subject: Any, env: Any, ctx: Any) -> Any:
        """Run a handler to its result, as the platform does.

        Methods of `Default` get the SDK's types, and functions those of JavaScript. Raises EntrypointError when
        the Worker has no such handler.
        """
        if event not in self._accepts:
            raise EntrypointError(
                f"The Worker has no {event} handler: add `async def {event}(self, …)` to class Default"
            )
        if self._class is None:
            result = self._functions[event](*(subject, env, ctx)[: self._accepts[event]])
            while inspect.isawaitable(result):
                result = await result
            return result
        handler = getattr(self._instance(ctx, env), self._methods[event])
        if event == "fetch":
            result = handler(*(self._request(subject), None, None)[: self._accepts[event]])
        else:
            self._check_scheduled()
            result = handler(subject, None, None)
        if inspect.isawaitable(result):
            result = await result
            if inspect.isawaitable(result):
                _close(result)
                line, name = self.location(event)
                raise EntrypointError(
                    f"{name} returned what has to be awaited, not a Response. Write `return await …`", line=line
                )
        return result

    def _check_scheduled(self) -> None:
        if self._accepts["scheduled"] < _SCHEDULED_ARGUMENTS:
            line, name = self.location("scheduled")
            raise EntrypointError(
                f"{name} is called with three arguments, of which env and ctx are None. "
                "Write `async def scheduled(self, controller, env, ctx)`, and use self.env and self.ctx",
                line=line,
            )

    def _instance(self, ctx: Any, env: Any) -> Any:
        assert self._class is not None
        try:
            return self._class(ctx, env)
        except TypeError as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            own = self._class.__init__.__globals__ if hasattr(self._class.__init__, "__globals__") else {}  # type: ignore[misc]
            if trace is None or "__init__()" not in str(error) or trace.tb_frame.f_globals not in (own, globals()):
                raise  # from within the person's own code
            raise EntrypointError(
                f"{error}. Default is made with (ctx, env): write `def __init__(self, ctx, env)`, "
                "and `super().__init__(ctx, env)` first in it",
                line=_line_of(_own_init(self._class)),
            ) from None


def _default_class(module: ModuleType) -> type | None:
    """The class that the platform takes for the default entry point, by its own name."""
    from workers import WorkerEntrypoint

    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        value = getattr(module, name, None)
        if (
            isinstance(value, type)
            and value.__name__ == "Default"
            and issubclass(value, WorkerEntrypoint)
            and value is not WorkerEntrypoint
        ):
            return value
    default = getattr(module, "Default", None)
    if not isinstance(default, type):
        return None
    if not issubclass(default, WorkerEntrypoint):
        raise EntrypointError(
            "class Default does not extend WorkerEntrypoint. Write `class Default(WorkerEntrypoint)`, "
            "with `from workers import WorkerEntrypoint`",
            line=_line_of(default),
        )
    if default.__name__ != "Default":
        raise EntrypointError(
            f"Default is another name of class {default.__name__}, and the platform goes by the class's own. "
            "Write `class Default(WorkerEntrypoint)`",
            line=_line_of(default),
        )
    raise EntrypointError("The module's __all__ has no Default in it, so that the platform does not find the class")


def _not_registered(event: str, function: Callable[..., Any]) -> EntrypointError:
    return EntrypointError(
        f"on_{event} is not registered: with compatibility dates from 2025-08-14 on ({NO_GLOBAL_HANDLERS}), "
        "the platform takes handlers from a class alone, and refuses to deploy this Worker "
        "(no registered event handlers). "
        f"Write `class Default(WorkerEntrypoint)` with `async def {event}(self, "
        f"{'request' if event == 'fetch' else 'controller, env, ctx'})`, "
        f'or put "disable_{NO_GLOBAL_HANDLERS}" into compatibility_flags',
        line=_line_of(function),
    )


def _own_init(cls: type) -> Any:
    """The `__init__` that a class has of its own, under what the SDK has put around it; else the class."""
    function = vars(cls).get("__init__")
    cells = getattr(function, "__closure__", None) or ()
    inner = (cell.cell_contents for cell in cells)
    return next((each for each in inner if inspect.isfunction(each)), function or cls)


def _close(awaitable: Any) -> None:
    """Have no warning follow of a coroutine that was never awaited."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _positional_parameters(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return _ANY_NUMBER
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return _ANY_NUMBER
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


def _line_of(thing: Any) -> int | None:
    try:
        return inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return None


def _nothing_to_call(module: ModuleType, default: type | None, fetch: str, others: list[str]) -> EntrypointError:
    import difflib

    from workers import WorkerEntrypoint

    if others:
        handler = getattr(default, others[0]) if default else getattr(module, f"on_{others[0]}")
        return EntrypointError(
            f"The Worker handles {' and '.join(others)} events, and wrangler-py has none of them. {WAY_OUT}, "
            f"or add `async def {fetch}(self, request)`",
            line=_line_of(handler),
        )
    if default is not None:
        methods = [name for name in vars(default) if callable(getattr(default, name)) and not name.startswith("_")]
        close = difflib.get_close_matches(fetch, methods, n=1)
        found = f" (it has {close[0]}: is that meant?)" if close else ""
        return EntrypointError(
            f"class Default has no {fetch} method{found}. Add `async def {fetch}(self, request)`",
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
        "The Worker exports no handler. Add `class Default(WorkerEntrypoint)` with `async def fetch(self, request)`"
    )
