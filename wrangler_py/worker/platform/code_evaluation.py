"""Python code that is run from a text: what `pyodide.code` has for it."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from types import CodeType
from typing import Any, Self


def should_quiet(source: str, /) -> bool:
    """Whether the code ends with a semicolon, so that its value is not wanted."""
    last = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in {tokenize.COMMENT, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.DEDENT}:
            last = token.string
    return last == ";"


def find_imports(source: str) -> list[str]:
    """The modules that the code imports, each with the packages that it is in, sorted."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found: set[str] = set()
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            parts = name.split(".")
            found.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return sorted(found)


class CodeRunner:
    """Compiles code, and runs it as often as one likes. The value is that of its last expression."""

    def __init__(
        self,
        source: str,
        *,
        return_mode: str = "last_expr",
        mode: str = "exec",
        quiet_trailing_semicolon: bool = True,
        filename: str = "<exec>",
        flags: int = 0,
    ) -> None:
        self._filename = filename
        self._flags = flags
        self._codes: list[CodeType] | None = None
        self.ast: Any = ast.parse(source, filename, mode)
        self._last: ast.expr | None = None
        if return_mode in {"last_expr", "last_expr_or_assign"} and not (
            quiet_trailing_semicolon and should_quiet(source)
        ):
            self._take_last(assignments=return_mode == "last_expr_or_assign")

    def _take_last(self, *, assignments: bool) -> None:
        body = getattr(self.ast, "body", None)
        last = body[-1] if isinstance(body, list) and body else None
        if isinstance(last, ast.Expr) and isinstance(body, list):
            self._last = last.value
            body.pop()
        elif assignments and isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
            self._last = ast.copy_location(ast.Name(last.targets[0].id, ast.Load()), last)

    def compile(self) -> Self:
        self._codes = [compile(self.ast, self._filename, "exec", flags=self._flags)]
        if self._last is not None:
            expression = ast.fix_missing_locations(ast.Expression(self._last))
            self._codes.append(compile(expression, self._filename, "eval", flags=self._flags))
        return self

    def run(self, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None) -> Any:
        """Run the code. Raises RuntimeError before `compile()`; code that awaits gives a coroutine."""
        if self._codes is None:
            raise RuntimeError("Not yet compiled")
        scope = {} if globals is None else globals
        value: Any = None
        for code in self._codes:
            value = eval(code, scope, locals)  # noqa: S307
        return value if len(self._codes) == 2 else None

    async def run_async(self, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None) -> Any:
        if self._codes is None:
            raise RuntimeError("Not yet compiled")
        scope = {} if globals is None else globals
        value: Any = None
        for code in self._codes:
            value = eval(code, scope, locals)  # noqa: S307
            if code.co_flags & inspect.CO_COROUTINE:
                value = await value
        return value if len(self._codes) == 2 else None


def eval_code(
    source: str, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Run code. Returns the value of its last expression."""
    return CodeRunner(source, **options).compile().run(globals, locals)


async def eval_code_async(
    source: str, globals: dict[str, Any] | None = None, locals: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Run code that may await. Returns the value of its last expression."""
    options["flags"] = options.get("flags", 0) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return await CodeRunner(source, **options).compile().run_async(globals, locals)
