"""`pyodide.code`: running Python code from text, calling functions; running JavaScript is refused."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from wrangler_py.worker.platform.code_evaluation import (
    CodeRunner,
    eval_code,
    eval_code_async,
    find_imports,
    should_quiet,
)
from wrangler_py.worker.platform.not_emulated import NotEmulatedError

_T = TypeVar("_T")

__all__ = [
    "CodeRunner",
    "eval_code",
    "eval_code_async",
    "find_imports",
    "relaxed_call",
    "relaxed_wrap",
    "run_js",
    "should_quiet",
]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def run_js(code: str, /) -> Any:
    """Run JavaScript. The platform forbids code from text, and there is no JavaScript here."""
    raise NotEmulatedError(
        "run_js runs JavaScript, which wrangler-py has none of, and which Workers refuse to make from text"
    )


def relaxed_call(func: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Call `func` without the arguments that it has no parameters for."""
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return func(*args, **kwargs)
    kinds = {parameter.kind for parameter in parameters}
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        args = args[: sum(parameter.kind in _POSITIONAL for parameter in parameters)]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        names = {parameter.name for parameter in parameters}
        kwargs = {name: value for name, value in kwargs.items() if name in names}
    return func(*args, **kwargs)


def relaxed_wrap(func: Callable[..., _T]) -> Callable[..., _T]:
    """A function that calls `func` with `relaxed_call`."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> _T:
        return relaxed_call(func, *args, **kwargs)

    return wrapper
