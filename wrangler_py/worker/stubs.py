"""Type stubs of the modules a Worker imports, with an `Env` made for one project.

They are derived from the implementation, so that they cannot say anything else, and stand on their own: an
editor needs no wrangler-py in the environment it looks at.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wrangler_py.worker.imports import PLATFORM, sdk_folder
from wrangler_py.worker.platform.js_module import PLACES

_PLATFORM = Path(__file__).parent / "platform"
_BINDINGS = Path(__file__).parent / "bindings.py"
_SDK_EXTRAS = """
from js import Env
env: Env
def wait_until(awaitable: Awaitable[Any]) -> None: ...
def waitUntil(awaitable: Awaitable[Any]) -> None: ...
"""
"""Names that the SDK makes when they are asked for."""
_RETURNS = {
    ("workers/request.pyi", "headers"): "HTTPMessageMapping",
    ("workers/response.pyi", "headers"): "HTTPMessageMapping",
    ("workers/response.pyi", "redirect"): "js.Response",
}
"""Return types of functions of the SDK that have no annotation."""
_HANDLER = """
from typing import TypeVar
_Handler = TypeVar("_Handler")
def handler(func: _Handler) -> _Handler: ...
"""
_ASSETS = """
from collections.abc import Coroutine
from typing import Any, Unpack
from workers import Request, Response
from workers.types import FetchKwargs

class Assets:
    \"\"\"The binding of static assets.\"\"\"
    def fetch(self, resource: str | Request, **options: Unpack[FetchKwargs]) -> Coroutine[Any, Any, Response]:
        \"\"\"The response for a file: of the URL's path, whatever its host is.\"\"\"
"""
"""The SDK's class for the binding."""
_HEADER = """\
# Written by `wrangler-py types`. Changes are overwritten.
# mypy: ignore-errors
"""


def write_types(
    folder: Path,
    *,
    variables: Mapping[str, Any],
    hyperdrive: Iterable[str],
    unavailable: Iterable[str] = (),
    assets: str | None = None,
) -> list[Path]:
    """Write the stubs into `folder` (pyright looks into `typings` by itself); return the files that changed.

    `variables` are the Worker's, of which only names and types are used; `hyperdrive`, `unavailable` and `assets`
    are names of bindings.
    """
    changed: list[Path] = []
    stubs = make_stubs(variables=variables, hyperdrive=hyperdrive, unavailable=unavailable, assets=assets)
    for name, text in stubs.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def outdated(
    folder: Path,
    *,
    variables: Mapping[str, Any],
    hyperdrive: Iterable[str],
    unavailable: Iterable[str] = (),
    assets: str | None = None,
) -> list[Path]:
    """The files that `write_types` would change."""
    stubs = make_stubs(variables=variables, hyperdrive=hyperdrive, unavailable=unavailable, assets=assets)
    return [
        folder / name
        for name, text in stubs.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def make_stubs(
    *,
    variables: Mapping[str, Any],
    hyperdrive: Iterable[str],
    unavailable: Iterable[str] = (),
    assets: str | None = None,
) -> dict[str, str]:
    """The stubs as text, by their path below the stubs' folder."""
    env = _env_class(variables, hyperdrive, unavailable, assets)
    trees = _sdk_modules() | _platform_modules(env)
    return {
        name: _HEADER + ast.unparse(ast.fix_missing_locations(_Stub().visit(tree))) + "\n"
        for name, tree in sorted(trees.items())
    }


def _sdk_modules() -> dict[str, ast.Module]:
    """The SDK's modules, by the path of their stub."""
    folder = Path(sdk_folder())
    modules = {
        f"workers/{source.relative_to(folder / 'workers').as_posix()}i": _parse(source)
        for source in sorted((folder / "workers").rglob("*.py"))
    }
    for name, module in modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef) and (name, node.name) in _RETURNS:
                node.returns = ast.Name(_RETURNS[name, node.name], ast.Load())
        module.body.insert(0, ast.parse("from .utils import HTTPMessageMapping").body[0])
    entrypoints = modules["workers/entrypoints.pyi"]
    entrypoints.body = [node for node in entrypoints.body if getattr(node, "name", "") != "handler"]
    entrypoints.body += ast.parse(_HANDLER).body
    package = modules["workers/__init__.pyi"]
    package.body = [node for node in package.body if getattr(node, "name", "") != "__getattr__"]
    package.body += ast.parse("from collections.abc import Awaitable\nfrom typing import Any\n" + _SDK_EXTRAS).body
    modules["asgi.pyi"] = ast.parse("from workers.asgi import *")
    return modules


def _platform_modules(env: ast.stmt) -> dict[str, ast.Module]:
    """`js` and `pyodide`, by the path of their stub. What `js` is made of is in modules with an underscore."""
    modules = {f"js/_{source.name}i": _parse(source) for source in sorted(_PLATFORM.glob("*.py"))}
    for unused in ("__init__", "blocking", "current", "js_module", "not_emulated"):
        modules.pop(f"js/_{unused}.pyi", None)
    runtime = _PLATFORM / "modules"
    for source in sorted((runtime / "pyodide").rglob("*.py")):
        modules[f"{source.relative_to(runtime).as_posix()}i"] = _parse(source)
    bindings = _parse(_BINDINGS)
    bindings.body = [env if getattr(node, "name", "") == "Env" else node for node in bindings.body]
    bindings.body += ast.parse(_ASSETS).body
    modules["js/_bindings.pyi"] = bindings
    names = [f"from js._{place} import {real} as {name}" for name, (place, real) in sorted(PLACES.items())]
    names += ["from typing import Any", "DurableObjectState = Any"]
    names += ["from js._bindings import Env as Env, Hyperdrive as Hyperdrive"]
    names += ["from js._execution_context import ExecutionContext as ExecutionContext"]
    exported = [*PLACES, "DurableObjectState", "Env", "ExecutionContext", "Hyperdrive"]
    names.append(f"__all__ = {sorted(exported)!r}")
    modules["js/__init__.pyi"] = ast.parse("\n".join(names))
    return modules


def _parse(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"))


def _env_class(
    variables: Mapping[str, Any], hyperdrive: Iterable[str], unavailable: Iterable[str], assets: str | None
) -> ast.stmt:
    fields = {name: _type_of(value) for name, value in variables.items()}
    fields |= dict.fromkeys(unavailable, "Unavailable")
    fields |= dict.fromkeys(hyperdrive, "Hyperdrive")
    if assets is not None:
        fields[assets] = "Assets"
    lines = [
        f"    {name}: {annotation}"
        for name, annotation in sorted(fields.items())
        if name.isidentifier() and not keyword.iskeyword(name)
    ]
    text = "\n".join(["class Env:", '    """The bindings and variables of this project."""', *lines])
    return ast.parse(text).body[0]


def _type_of(value: Any) -> str:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    if isinstance(value, dict):
        return "JsObject"
    return "JsArray" if isinstance(value, list) else "Any"


class _Stub(ast.NodeTransformer):
    """Makes a stub of a module: signatures, annotations and docstrings stay, the rest goes."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = list(self._statements(node.body, of_class=False))
        place = next((i for i, each in enumerate(node.body) if not _is_future_import(each)), 0)
        node.body.insert(place, ast.parse("from typing import Any").body[0])
        return node

    def _statements(self, body: Iterable[ast.stmt], *, of_class: bool) -> Iterable[ast.stmt]:
        overloaded: set[str] = set()
        for statement in body:
            if isinstance(statement, ast.ImportFrom):
                statement.names = [name for name in statement.names if not _is_private(name.name)]
                statement.module = _public_name(statement.module)
                # No signature names the host's other classes.
                if statement.names and not (statement.module or "").startswith("wrangler_py."):
                    yield statement
            elif isinstance(statement, ast.Import):
                yield statement
            elif isinstance(statement, ast.If) and _tests_type_checking(statement):
                yield from self._statements(statement.body, of_class=of_class)
            elif isinstance(statement, ast.ClassDef):
                yield self._class(statement)
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                if any(ast.unparse(decorator) == "overload" for decorator in statement.decorator_list):
                    overloaded.add(statement.name)
                elif statement.name in overloaded:
                    continue  # the implementation: a stub has the overloads alone
                if not _is_private(statement.name):
                    yield _signature(statement)
            elif isinstance(statement, ast.AnnAssign):
                if not (of_class and isinstance(statement.target, ast.Name) and _is_private(statement.target.id)):
                    yield _without_value(statement)
            elif isinstance(statement, ast.Assign):
                yield from self._assignment(statement)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement

    def _assignment(self, statement: ast.Assign) -> Iterable[ast.stmt]:
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or (target.id.startswith("__") and target.id != "__all__"):
            return
        is_type_variable = isinstance(statement.value, ast.Call) and ast.unparse(statement.value).startswith(
            "TypeVar("
        )
        if target.id == "__all__" or is_type_variable or isinstance(statement.value, ast.Name):
            yield statement
        elif _is_private(target.id) or target.id == "__slots__":
            return
        elif (
            isinstance(statement.value, ast.Call)
            and isinstance(statement.value.func, ast.Name)
            and statement.value.func.id.strip("_")[0].isupper()
        ):
            # An instance of a class: `console = Console()`, or a descriptor.
            yield ast.AnnAssign(target=target, annotation=statement.value.func, value=None, simple=1)
        elif isinstance(statement.value, ast.Constant):
            annotation = ast.Name(type(statement.value.value).__name__, ast.Load())
            if statement.value.value is None:
                annotation = ast.Name("None", ast.Load())
            yield ast.AnnAssign(target=target, annotation=annotation, value=None, simple=1)

    def _class(self, node: ast.ClassDef) -> ast.ClassDef:
        declared = {
            statement.target.id
            for statement in node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        } | {
            statement.name
            for statement in node.body
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        attributes = [
            ast.AnnAssign(target=ast.Name(name, ast.Store()), annotation=annotation, value=None, simple=1)
            for name, annotation in _attributes_set(node).items()
            if name not in declared and not _is_private(name)
        ]
        node.decorator_list = [each for each in node.decorator_list if not _is_private(ast.unparse(each))]
        enumeration = any(ast.unparse(base).endswith("Enum") for base in node.bases)
        body = list(node.body) if enumeration else list(self._statements(node.body, of_class=True))
        node.body = [*body, *attributes] or [ast.Expr(ast.Constant(...))]
        return node


def _attributes_set(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Attributes that `__init__` gives an instance, with the type they are declared to have there."""
    found: dict[str, ast.expr] = {}
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for statement in ast.walk(method):
                target: ast.expr | None = None
                annotation: ast.expr = ast.Name("Any", ast.Load())
                if isinstance(statement, ast.Assign):
                    target = statement.targets[0]
                elif isinstance(statement, ast.AnnAssign):
                    target, annotation = statement.target, statement.annotation
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    found.setdefault(target.attr, annotation)
    return found


def _is_future_import(statement: ast.stmt) -> bool:
    return (isinstance(statement, ast.ImportFrom) and statement.module == "__future__") or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _public_name(module: str | None) -> str | None:
    """The name under which a Worker, or its stubs, have a module of the platform."""
    if module is None or not module.startswith(f"{PLATFORM}."):
        return module
    name = module.removeprefix(f"{PLATFORM}.")
    return name.removeprefix("modules.") if name.startswith("modules.") else f"js._{name}"


def _tests_type_checking(statement: ast.If) -> bool:
    return isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _annotate(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Have it take and return Any where it does not say what."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for argument in every:
        if argument is not None and argument.annotation is None and argument.arg not in ("self", "cls"):
            argument.annotation = _ANY
    if function.returns is None:
        function.returns = ast.Constant(None) if function.name == "__init__" else _ANY
    function.decorator_list = [
        decorator for decorator in function.decorator_list if not _is_private(ast.unparse(decorator))
    ]


_ANY = ast.Name("Any", ast.Load())


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    _annotate(function)
    docstring = ast.get_docstring(function, clean=False)
    body: list[ast.stmt] = [] if docstring is None else [ast.Expr(ast.Constant(docstring))]
    generator = isinstance(function, ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function)
    )
    function.body = [*body, ast.Expr(ast.Constant(...))]
    if generator:
        # Without its yields an asynchronous generator would look like a coroutine.
        plain = ast.parse(f"def {function.name}(): ...").body[0]
        assert isinstance(plain, ast.FunctionDef)
        plain.args, plain.body, plain.returns = function.args, function.body, function.returns
        plain.decorator_list = function.decorator_list
        return plain
    return function


def _without_value(statement: ast.AnnAssign) -> ast.AnnAssign:
    if ast.unparse(statement.annotation) != "TypeAlias":
        statement.value = None
    return statement
