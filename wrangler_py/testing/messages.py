"""The messages between pytest's process and the server process of a test run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Isolation = Literal["copy", "truncate"]
"""How each test gets its database: a copy of the template, or one for all whose tables are emptied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to serve. `config` is the Worker's config file, None if there is none in the project `root`.

    `run` is the id that all workers of pytest-xdist share, `worker` the name of this one.
    """

    root: Path
    config: Path | None
    environment: str | None
    isolation: Isolation
    run: str
    worker: str


@dataclass(frozen=True, slots=True)
class BindingFields:
    """The Worker's `env.BINDING`."""

    connection_string: str = field(repr=False)
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The local Hyperdrive serves. `environment` are variables of the process, `vars` those of the Worker."""

    bindings: Mapping[str, BindingFields]
    environment: Mapping[str, str] = field(repr=False)
    vars: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of SQL that ran directly at the origin."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command failed: a message for users, or a `traceback` for maintainers."""

    message: str
    hint: str | None = None
    traceback: str | None = None
