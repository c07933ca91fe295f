"""The table [tool.wrangler-py] of the project's pyproject.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from wrangler_py.errors import WranglerError

FILE = "pyproject.toml"
TABLE = "tool.wrangler-py"
_KEYS = ("migrate",)


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """`migrate` is the command that brings a database up to date, run by the shell; None if there is none."""

    migrate: str | None = None


def read_tool_settings(root: Path) -> ToolSettings:
    """The settings in the folder `root`. Raises WranglerError for invalid ones."""
    path = root / FILE
    if not path.is_file():
        return ToolSettings()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WranglerError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise WranglerError(f"{path} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise WranglerError(f"{path} is not valid TOML: {error}.") from None
    tool = document.get("tool")
    table = tool.get("wrangler-py", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise WranglerError(f"{path}: [{TABLE}] is not a table.")
    for key in table:
        if key not in _KEYS:
            raise WranglerError(f"{path}: [{TABLE}] has no key {key!r}.", hint=f"Known keys: {', '.join(_KEYS)}")
    migrate = table.get("migrate")
    if migrate is not None and (not isinstance(migrate, str) or not migrate.strip()):
        raise WranglerError(
            f"{path}: `migrate` of [{TABLE}] takes a command.", hint='For example: migrate = "alembic upgrade head"'
        )
    return ToolSettings(migrate)
