"""A build hook of hatchling: compiles the hot parts of the package with mypyc when WRANGLER_PY_COMPILE is set.

`scripts/build` sets it. Without it the wheel is pure Python, from the same source. The hook works on a copy, so no
compiled module ever lies beside the source, where Python would prefer it to a changed one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "WRANGLER_PY_COMPILE"
REQUIREMENTS = ["mypy>=2.4", "setuptools>=68"]
PACKAGE = "wrangler_py"

_SETUP = """
import os
import sys
from mypyc.build import mypycify
from setuptools import setup

arguments = ["--config-file", "mypy.ini", *sys.argv[2:]]
modules = mypycify(arguments, opt_level="3", debug_level="0", group_name="{group}")
options = ["--build-lib", sys.argv[1], "--parallel", str(os.cpu_count() or 1)]
setup(name="{group}", packages=[], ext_modules=modules, script_args=["build_ext", *options])
"""
_MYPY_INI = """
[mypy]
ignore_missing_imports = True

[mypy-postgast.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""The types are checked by `scripts/lint`; here it doesn't matter which dependencies are installed."""


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """Its options: `compile` are folders of the package, `except` modules in them that stay as they are."""

    PLUGIN_NAME = "custom"
    _folder: Path | None = None

    def dependencies(self) -> list[str]:
        return REQUIREMENTS if os.environ.get(VARIABLE) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not os.environ.get(VARIABLE):
            return
        self._folder = Path(tempfile.mkdtemp(prefix="wrangler-py-build-"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for library in self._compile(self._folder):
            build_data["force_include"][str(library)] = str(library.relative_to(self._folder / "compiled"))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _compile(self, folder: Path) -> list[Path]:
        """The compiled modules, in `folder`/compiled as they lie in the wheel."""
        source_only = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
        shutil.copytree(Path(self.root) / PACKAGE, folder / PACKAGE, ignore=source_only)
        (folder / "compile.py").write_text(_SETUP.format(group=PACKAGE))
        (folder / "mypy.ini").write_text(_MYPY_INI)
        target = folder / "compiled"
        subprocess.run(
            [sys.executable, "compile.py", str(target), *self._modules(folder)],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            check=True,
        )
        return [path for path in target.rglob("*") if path.suffix in (".so", ".pyd")]

    def _modules(self, folder: Path) -> list[str]:
        package = folder / PACKAGE
        left_alone = {package / name for name in self.config.get("except", [])}
        found = {path for name in self.config["compile"] for path in (package / name).rglob("*.py")}
        paths = sorted(path for path in found - left_alone if path.name != "__init__.py")
        return [str(path.relative_to(folder)) for path in paths]
