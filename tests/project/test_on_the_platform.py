"""What examples and templates use exists on Cloudflare: packages, the SDK's names, handlers, pyproject.toml."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.python_flags import NO_GLOBAL_HANDLERS, enabled_flags, python_version
from wrangler_py.worker.pyodide_limits.packages import MODULES

ROOT = Path(__file__).parents[2]
PROJECTS = {
    f"{folder.parent.name}/{folder.name}": folder
    for folder in sorted((*(ROOT / "examples").iterdir(), *(ROOT / "templates").iterdir()))
    if (folder / "wrangler.toml").is_file() and not (folder / "package.json").is_file()
}
PLATFORM = frozenset({"_pyodide", "js", "pyodide", "pyodide_js", "workers"})
"""Modules that the runtime and the SDK bring."""
MODULES_OF = {"psycopg-c": "psycopg_c", "psycopg": "psycopg"}
SDK = "workers-runtime-sdk"


@pytest.fixture(params=PROJECTS)
def project(request: pytest.FixtureRequest) -> Path:
    return PROJECTS[request.param]


def sources(project: Path) -> list[Path]:
    return sorted((project / "src").rglob("*.py"))


def imports(project: Path) -> Iterator[tuple[str, str | None]]:
    """Modules with what is imported from them, None for the module itself."""
    for file in sources(project):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from ((node.module, alias.name) for alias in node.names)


def python_of(project: Path) -> str:
    section = ConfigFile.find(project).section()
    return python_version(enabled_flags(section.compatibility_date, section.compatibility_flags))


def dependencies(project: Path) -> set[str]:
    listed = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    return {re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower() for requirement in listed}


def is_pure(distribution: str) -> bool:
    """Whether the installed distribution has no binary parts."""
    files = metadata.distribution(distribution).files or []
    return not any(file.suffix in (".so", ".pyd", ".dylib") for file in files)


def test_pywrangler_can_use_its_pyproject(project: Path) -> None:
    content = tomllib.loads((project / "pyproject.toml").read_text())
    assert {"workers-py", SDK} <= set(content["dependency-groups"]["dev"])
    minimum = content["project"]["requires-python"].removeprefix(">=")
    assert tuple(map(int, minimum.split("."))) <= tuple(map(int, python_of(project).split(".")))
    # A project that depends on a package of its own name cannot be resolved.
    assert content["project"]["name"].lower() not in dependencies(project)
    assert not (project / "requirements.txt").exists()  # pywrangler refuses to go on


def test_what_it_imports_is_there(project: Path) -> None:
    own = {path.name.removesuffix(".py") for path in (project / "src").iterdir()}
    wanted = {module.partition(".")[0] for module, _ in imports(project)}
    wanted -= own | PLATFORM | set(sys.stdlib_module_names)
    named = dependencies(project)
    provided = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & (named | needed_by(named))
    }
    assert wanted <= provided, "pyproject.toml lacks a dependency"


def needed_by(names: set[str]) -> set[str]:
    """What the installed distributions of `names` require, directly: FastAPI brings pydantic."""
    found: set[str] = set()
    for name in names:
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found |= {
            re.split(r"[^A-Za-z0-9_.-]", each, maxsplit=1)[0].lower() for each in required if "extra" not in each
        }
    return found


def test_its_packages_exist_on_pyodide(project: Path) -> None:
    available = MODULES[python_of(project)]
    for name in dependencies(project):
        module = MODULES_OF.get(name, name.replace("-", "_"))
        assert module in available or is_pure(name), f"{name} is neither in Pyodide nor in pure Python"


def test_what_it_imports_from_the_sdk_is_there(project: Path) -> None:
    if importlib.util.find_spec("workers") is None:
        pytest.skip(f"needs {SDK}")
    folder = Path(str(importlib.util.find_spec("workers").submodule_search_locations[0]))  # type: ignore[union-attr, index]
    tree = ast.parse((folder / "__init__.py").read_text())
    public = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    submodules = {path.name.removesuffix(".py") for path in folder.iterdir()}
    for module, name in imports(project):
        if module == "workers" and name is not None:
            assert name in public or name in submodules, f"workers has no {name}"
        elif module.startswith("workers."):
            assert module.split(".")[1] in submodules, f"there is no module {module}"


def test_its_handlers_are_registered(project: Path) -> None:
    section = ConfigFile.find(project).section()
    assert "python_workers" in section.compatibility_flags
    assert section.main is not None
    tree = ast.parse((project / section.main).read_text())
    functions = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("on_")
    }
    if functions:
        assert NO_GLOBAL_HANDLERS not in enabled_flags(section.compatibility_date, section.compatibility_flags)
        return
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assigned = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}  # type: ignore[attr-defined]
    assert "Default" in classes | assigned


def test_hyperdrive_is_reachable_from_its_compatibility_date(project: Path) -> None:
    section = ConfigFile.find(project).section()
    if section.hyperdrive:
        assert python_of(project) == "3.14"
