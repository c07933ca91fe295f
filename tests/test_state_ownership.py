"""State objects are changed by their own methods only.

No code assigns to an attribute of another object: it asks the object, or tells it. The exceptions are names of the
same function's own, whose objects it has made itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wrangler_py"
FOLDERS = ["cache", "pgwire", "proxy", "querylog", "session"]


def assignments_to_others(source: str) -> Iterator[tuple[int, str]]:
    """The line and the text of each assignment to an attribute of an object that the code doesn't own."""
    for function in _functions(ast.parse(source)):
        made_here = _objects_made_in(function)
        for node in _own_nodes(function):
            for target in _targets(node):
                owner = target.value
                owned = isinstance(owner, ast.Name) and owner.id in {"self", "cls", *made_here}
                if not owned:
                    yield target.lineno, ast.unparse(target)


def _functions(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside of it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def _targets(node: ast.AST) -> Iterator[ast.Attribute]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Delete):
        targets = node.targets
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store | ast.Del):
                yield part


def _objects_made_in(function: ast.AST) -> set[str]:
    """The names that are bound to what a call of a class has just made: `text = cls(…)`, `capture = Capture(…)`."""
    made = set()
    for node in _own_nodes(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name == "cls" or name[:1].isupper():
                made |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return made


@pytest.mark.parametrize("folder", FOLDERS)
def test_only_an_object_itself_assigns_to_its_attributes(folder: str) -> None:
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(PACKAGE)}:{line}: {target}"
        for file in files
        for line, target in assignments_to_others(file.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class A:\n    def f(self): self.x = 1", []),
        ("def f(a): a.x = 1", ["a.x"]),
        ("def f(a): a.x += 1", ["a.x"]),
        ("def f(a): a.b.x: int = 1", ["a.b.x"]),
        ("def f(a): del a.x", ["a.x"]),
        ("def f(a): y, a.x = 1, 2", ["a.x"]),
        ("class A:\n    def f(self): self.b.x = 1", ["self.b.x"]),
        ("def f():\n    a = A()\n    a.x = 1", []),
        ("def f(a):\n    b = a.get()\n    b.x = 1", ["b.x"]),
        ("class A:\n    @classmethod\n    def f(cls):\n        a = cls()\n        a._x = 1", []),
        ("def f(a):\n    def g():\n        a.x = 1", ["a.x"]),
        ("class A:\n    def f(self): self.items['x'] = 1", []),
    ],
)
def test_assignments_are_found(source: str, found: list[str]) -> None:
    assert [target for _, target in assignments_to_others(source)] == found
