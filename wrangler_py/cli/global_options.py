"""The options that every command takes, before or after its name."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from wrangler_py.errors import WranglerError

HELP = """\
Global options:
  -c, --config PATH    Path of the wrangler.toml, wrangler.json or wrangler.jsonc
      --cwd PATH       Run as if started in this folder
  -e, --env NAME       Environment of the config file to use
      --env-file PATH  File of variables to load; may be repeated
  -h, --help           Show help
  -v, --version        Show the version"""
"""Their section in the help of every command."""


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The global options of one invocation; every path is absolute.

    If `config` is None, the file has to be found. `environment` is None for the top level.
    """

    config: Path | None = None
    cwd: Path = field(default_factory=Path.cwd)
    environment: str | None = None
    env_files: tuple[Path, ...] = ()


@dataclass(slots=True)
class GivenOptions:
    """The global options as typed so far, anywhere in the command line."""

    config: Path | None = None
    cwd: Path | None = None
    environment: str | None = None
    env_files: list[Path] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    def is_news(self, message: str) -> bool:
        """Whether this is the first call with `message`: several parts of a command may find the same."""
        is_new = message not in self._said
        self._said.add(message)
        return is_new

    def record(self, name: str, value: object) -> None:
        """Keep one option. The last value wins, except that `--env-file` values add up.

        Raises WranglerError if `--cwd` is no folder.
        """
        if name == "config":
            self.config = Path(str(value))
        elif name == "cwd":
            # Resolved, because the config file is searched in the folders above, and `a` is not above `a/..`.
            self.cwd = Path(str(value)).resolve()
            if not self.cwd.is_dir():
                raise WranglerError(
                    f"No such folder: {self.cwd}", hint="--cwd takes the path of an existing folder."
                )
        elif name == "environment":
            self.environment = str(value)
        elif isinstance(value, (list, tuple)):
            self.env_files.extend(Path(str(path)) for path in value)

    def resolve(self) -> GlobalOptions:
        """The options with their defaults resolved.

        `--config` and `--env-file` are taken from `--cwd`. Without `--env`, `CLOUDFLARE_ENV` names the
        environment; `--env ""` means the top level.
        """
        cwd = self.cwd or Path.cwd()
        environment = self.environment
        if environment is None:
            environment = os.environ.get("CLOUDFLARE_ENV")
        return GlobalOptions(
            config=None if self.config is None else cwd / self.config,
            cwd=cwd,
            environment=environment or None,
            env_files=tuple(_resolved(cwd / path) for path in self.env_files),
        )


def _resolved(path: Path) -> Path:
    """`path` as a watcher names it; what is no file, such as the pipe of `<(…)`, has no other path."""
    return path.resolve() if path.is_file() else path
