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

_SDK = Path(__file__).parent / "sdk"
_PACKAGE = "wrangler_py.worker.sdk."
_HEADER = """\
# Written by `wrangler-py types`. Changes are overwritten.
# mypy: disable-error-code="override, misc"
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
    stubs: dict[str, str] = {}
    for source in sorted(_SDK.rglob("*.py")):
        name = source.relative_to(_SDK).as_posix()
        if name == "__init__.py":
            continue
        tree = ast.parse(source.read_text(encoding="utf-8"))
        if name == "workers/_env.py":
            _replace_env(tree, _env_class(variables, hyperdrive, unavailable, assets))
        stub = _Stub().visit(tree)
        stubs[f"{name}i"] = _HEADER + ast.unparse(ast.fix_missing_locations(stub)) + "\n"
    return stubs


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


def _replace_env(tree: ast.Module, env: ast.stmt) -> None:
    tree.body[:] = [env if isinstance(node, ast.ClassDef) and node.name == "Env" else node for node in tree.body]
    tree.body.insert(2, ast.parse(f"from {_PACKAGE}js._values import JsArray, JsObject").body[0])


class _Stub(ast.NodeTransformer):
    """Makes a stub of a module: signatures, annotations and docstrings stay, the rest goes."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = list(self._statements(node.body, of_class=False))
        return node

    def _statements(self, body: Iterable[ast.stmt], *, of_class: bool) -> Iterable[ast.stmt]:
        overloaded: set[str] = set()
        for statement in body:
            if isinstance(statement, ast.ImportFrom):
                if (statement.module or "").startswith("wrangler_py.") and not (statement.module or "").startswith(
                    _PACKAGE
                ):
                    continue  # of the host, which no signature names
                statement.module = (statement.module or "").removeprefix(_PACKAGE)
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
        if not isinstance(target, ast.Name):
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


def _tests_type_checking(statement: ast.If) -> bool:
    return isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
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
