"""The options every command takes, before or after its name."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wrangler_py.cli import printing

if TYPE_CHECKING:
    from wrangler_py.project.config_file import ConfigFile

HELP = """\
Global options:
  -c, --config PATH    Path to the wrangler.toml, wrangler.json or wrangler.jsonc
      --cwd PATH       Run as if started in this folder
  -e, --env NAME       Environment of the config file to use
      --env-file PATH  File of variables to load; may be given more than once
  -h, --help           Show help
  -v, --version        Show the version"""
"""What `--help` says of them, in every command."""


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The global options of one invocation; every path is absolute.

    `config` is None where the file is to be looked for. `environment` is None for the top level.
    """

    config: Path | None = None
    cwd: Path = field(default_factory=Path.cwd)
    environment: str | None = None
    env_files: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Given:
    """What was typed, as it was typed."""

    config: Path | None = None
    cwd: Path | None = None
    environment: str | None = None
    env_files: list[Path] = field(default_factory=list)


_given = _Given()
_said: set[str] = set()
"""What an invocation was told already."""


def state_folder(root: Path, cwd: Path, persist_to: Path | None) -> Path:
    """Where a project keeps its local state: `--persist-to`, or the default below its folder."""
    return (root / ".wrangler" / "state" if persist_to is None else cwd / persist_to).resolve()


def reset() -> None:
    """Forget what an earlier invocation in this process was given."""
    global _given
    _given = _Given()
    _said.clear()


def record(name: str, value: object) -> None:
    """Keep one option as typed; the last one typed wins, except that `--env-file` adds up."""
    if name == "config":
        _given.config = Path(str(value))
    elif name == "cwd":
        _given.cwd = Path(str(value))
    elif name == "environment":
        _given.environment = str(value)
    elif isinstance(value, (list, tuple)):
        _given.env_files.extend(Path(str(path)) for path in value)


def global_options() -> GlobalOptions:
    """The global options of the running invocation.

    `--config` and `--env-file` are taken from `--cwd`. Without `--env`, `CLOUDFLARE_ENV` names the
    environment; `--env ""` means the top level.

    Raises WranglerError if `--cwd` is no folder.
    """
    cwd = Path.cwd()
    if _given.cwd is not None:
        cwd = cwd / _given.cwd
        if not cwd.is_dir():
            from wrangler_py.errors import WranglerError

            raise WranglerError(f"No such folder: {cwd}", hint="--cwd takes the path of an existing folder.")
    environment = _given.environment
    if environment is None:
        environment = os.environ.get("CLOUDFLARE_ENV")
    return GlobalOptions(
        config=None if _given.config is None else cwd / _given.config,
        cwd=cwd,
        environment=environment or None,
        env_files=tuple(_resolved(cwd / path) for path in _given.env_files),
    )


def _resolved(path: Path) -> Path:
    """`path` as a watcher names it; what is no file, such as the pipe of `<(…)`, has no other path."""
    return path.resolve() if path.is_file() else path


def project_config(options: GlobalOptions | None = None) -> ConfigFile:
    """The config file `options` (those of the running invocation by default) lead to.

    Raises WranglerError if there is none or it cannot be read.
    """
    from wrangler_py.project.config_file import ConfigFile

    options = global_options() if options is None else options
    file = ConfigFile.find(options.cwd, options.config)
    if options.config is None and file.ignored:
        used, *others = (os.path.relpath(path, options.cwd) for path in (file.path, *file.ignored))
        message = f"Using {used}; it takes precedence over {', '.join(others)}."
        if message not in _said:
            _said.add(message)
            printing.info(message)
    return file


def find_project_config(options: GlobalOptions) -> ConfigFile | None:
    """As `project_config`, but None if there is no config file and none was named."""
    from wrangler_py.project.config_file import FILE_NAMES

    folders = (options.cwd, *options.cwd.parents)
    if options.config is None and not any((folder / name).is_file() for folder in folders for name in FILE_NAMES):
        return None
    return project_config(options)
