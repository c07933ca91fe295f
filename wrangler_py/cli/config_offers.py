"""Offers of `dev` to change the config file if it could not run the Worker otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrangler_py.cli import printing
from wrangler_py.project.python_compatibility import PYTHON_FLAG, flag_refusal

if TYPE_CHECKING:
    from pathlib import Path

    from wrangler_py.errors import WranglerError
    from wrangler_py.project.config_file import ConfigFile


def offer_node_compat(config: ConfigFile, environment: str | None, refusal: WranglerError, *, fix: bool) -> None:
    """Replace `node_compat` in `config`, if `fix` asks for it or the user agrees; raise `refusal` otherwise."""
    if not fix:
        _ask(refusal, f"Replace it with the compatibility flag nodejs_compat in {config.path.name}?")
    config.remove_node_compat(environment)
    config.set_compatibility_flag("nodejs_compat", environment)
    config.save()
    printing.success(f"Replaced node_compat with the compatibility flag nodejs_compat in {config.path.name}.")


def offer_python_flag(config: ConfigFile, environment: str | None, script: Path | None, *, fix: bool) -> None:
    """Add the flag that Python needs, if it is missing and `fix` asks for it or the user agrees.

    Raises `WranglerError` otherwise.
    """
    section = config.section(environment)
    refusal = flag_refusal(section)
    if refusal is None or not str(script or section.main).endswith(".py"):
        return
    if not fix:
        _ask(refusal, f"Add it to {config.path.name}?")
    config.set_compatibility_flag(PYTHON_FLAG, environment)
    config.save()
    printing.success(f"Added the compatibility flag {PYTHON_FLAG} in {config.path.name}.")


def _ask(refusal: WranglerError, question: str) -> None:
    if not printing.is_interactive():
        raise refusal
    printing.warn(refusal.message)
    if not printing.confirm(question, True):
        raise refusal
