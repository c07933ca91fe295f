"""The project's own wrangler, for Workers in JavaScript and TypeScript: its path and its arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.project.node_drivers import installed_package, parse_version

QUIET = {
    "WRANGLER_SEND_METRICS": "false",
    "WRANGLER_SEND_ERROR_REPORTS": "false",
    # The banner is what looks for a new version.
    "WRANGLER_HIDE_BANNER": "true",
    # It asks where this machine is, for `request.cf`, which has an example's values instead.
    "CLOUDFLARE_CF_FETCH_ENABLED": "false",
}
"""Variables that keep wrangler from calling home."""

_LOADED = tuple(map(Path(__file__).with_name, ("hyperdrive_sockets.cjs", "parent_watch.cjs")))
"""Scripts that wrangler loads before it starts; each says what for."""


_VITE_LOG_LEVELS = {"none": "silent", "error": "error", "warn": "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WranglerOptions:
    """The options for `wrangler dev`. None leaves a choice to wrangler; `others` are passed on unchanged."""

    script: Path | None = None
    config: Path | None = None
    environment: str | None = None
    env_files: tuple[Path, ...] = ()
    ip: str | None = None
    port: int | None = None
    inspector_port: int | None = None
    persist_to: Path | None = None
    log_level: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    test_scheduled: bool = False
    others: tuple[str, ...] = ()


def wrangler_version(root: Path) -> int:
    """The major version of the project's wrangler; 4 where it cannot be seen."""
    version = installed_package(root, "wrangler")
    return 4 if version is None else parse_version(version)[0]


def node_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """`inherited` with what makes wrangler load our scripts."""
    # Node.js reads the value as words, and backslashes within quotes as escapes.
    quoted = (str(path).replace("\\", "\\\\").replace('"', '\\"') for path in _LOADED)
    options = (inherited.get("NODE_OPTIONS"), *(f'--require "{path}"' for path in quoted))
    return {**inherited, "NODE_OPTIONS": " ".join(filter(None, options)), "WRANGLER_PY_PID": str(os.getpid())}


def dev_arguments(options: WranglerOptions) -> list[str]:
    """The arguments of `wrangler dev`."""
    arguments = ["dev"]
    if options.script is not None:
        arguments.append(str(options.script))
    arguments += _common(options)
    if options.config is not None:
        arguments += ["--config", str(options.config)]
    if options.environment is not None:
        arguments += ["--env", options.environment]
    if options.test_scheduled:
        arguments.append("--test-scheduled")
    for name, value in options.variables.items():
        arguments += ["--var", f"{name}:{value}"]
    return [*arguments, *options.others]


def pages_arguments(options: WranglerOptions) -> list[str]:
    """The arguments of `wrangler pages dev`, which finds its folder in the config file.

    Raises `WranglerError` for an option it has not.
    """
    refused = {
        "a script": options.script,
        "--config": options.config,
        "--env": options.environment,
        "--test-scheduled": options.test_scheduled,
    }
    _refuse(refused, "`wrangler pages dev`, which runs a Pages project,")
    arguments = ["pages", "dev", *_common(options)]
    for name, value in options.variables.items():
        arguments += ["--binding", f"{name}={value}"]
    return [*arguments, *options.others]


def vite_arguments(options: WranglerOptions) -> list[str]:
    """The arguments of Vite's dev server, which finds the rest in its own config file.

    Raises `WranglerError` for an option it has not.
    """
    refused = {
        "--config": options.config,
        "--env-file": options.env_files,
        "--debugger": options.inspector_port,
        "--persist-to": options.persist_to,
        "--var": options.variables,
        "--test-scheduled": options.test_scheduled,
    }
    _refuse(
        refused,
        "Vite, which runs this Worker,",
        hint="The plugin @cloudflare/vite-plugin has settings of its own in Vite's config file.",
    )
    level = None if options.log_level is None else _VITE_LOG_LEVELS.get(options.log_level, "info")
    values = (("--host", options.ip), ("--port", options.port), ("--logLevel", level))
    given = [part for name, value in values if value is not None for part in (name, str(value))]
    return [*given, *options.others]


def _refuse(options: Mapping[str, object], program: str, hint: str | None = None) -> None:
    """Raise `WranglerError` for the first of `options` that was given: `program` does not take it."""
    for name, value in options.items():
        if value:
            raise WranglerError(f"{program} does not take {name}.", hint=hint)


def _common(options: WranglerOptions) -> list[str]:
    values: Sequence[tuple[str, object]] = (
        ("--ip", options.ip),
        ("--port", options.port),
        ("--inspector-port", options.inspector_port),
        ("--persist-to", options.persist_to),
        ("--log-level", options.log_level),
        *(("--env-file", path) for path in options.env_files),
    )
    return [part for name, value in values if value is not None for part in (name, str(value))]
