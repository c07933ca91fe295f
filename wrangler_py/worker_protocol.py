"""The messages between a dev session and a Worker process, each a line of JSON with the name of its type.

Both sides import this module, the Worker process at its start: it needs the standard library only. Most messages
are named tuples, since a frozen dataclass takes eight times as long to define. Those without fields are not: an
empty tuple is false.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

LogLevel = Literal["debug", "info", "warning", "error", "critical"]
"""The names of the levels of `logging`."""


# What the dev session tells a Worker process


@dataclass(frozen=True, slots=True)
class HyperdriveEndpoint:
    """Where the local Hyperdrive of one binding listens."""

    host: str
    port: int
    database: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssetSettings:
    """Which folder is served, and how. `base_path`, before all paths, begins and ends with a slash.

    `run_worker_first` says whether every request goes to the Worker, or gives the patterns that decide.
    `navigation_prefers_assets` says whether a browser's navigation gets what `not_found_handling` says.
    """

    directory: Path
    binding: str | None = None
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"
    base_path: str = "/"
    run_worker_first: bool | tuple[str, ...] = False
    navigation_prefers_assets: bool = True


class Preload(NamedTuple):
    """Import `libraries`, module names with their files, before the launch."""

    root: Path
    main: Path
    libraries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Launch:
    """One generation of a Worker: its code, its bindings, and how clients reach it.

    `vars` may hold secrets and `hyperdrive` does: `repr` shows neither. Without a Worker (`has_worker` is false)
    there are only static assets, and `main` is the config file.
    """

    main: Path
    root: Path
    has_worker: bool = True
    generation: int = 1
    vars: Mapping[str, Any] = field(default_factory=dict, repr=False)
    hyperdrive: Mapping[str, HyperdriveEndpoint] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """The bindings that are not emulated, by name, with their kind (`kv_namespaces`, `d1_databases`, …)."""
    assets: AssetSettings | None = None
    flags: tuple[str, ...] = ()
    compatibility_date: str | None = None
    url: str = "http://127.0.0.1:8787"
    """The dev server's own."""
    allowed_hosts: tuple[str, ...] = ()
    """Further host names that requests may have."""
    allow_global_clients: bool = False
    test_scheduled: bool = False
    strict: bool = False
    """Whether it is an error to use what Pyodide lacks, as it is in production."""
    color: bool = False


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept no more connections, answer the requests in flight, then exit."""


Command = Preload | Launch | Drain


# What a Worker process reports


@dataclass(frozen=True, slots=True)
class Ready:
    """The Worker is loaded and accepts connections."""


class LoadError(NamedTuple):
    """The Worker's code cannot be loaded; its process answers every request with a page that says so."""

    summary: str
    traceback: str
    hint: str | None


class Libraries(NamedTuple):
    """The modules of installed packages that the Worker imported, with their files."""

    files: Mapping[str, str]


class RequestStarted(NamedTuple):
    """A request's handler is about to run."""

    id: str
    method: str
    path: str


class RequestDone(NamedTuple):
    """A request is answered and its `waitUntil` work is done."""

    id: str
    method: str
    path: str
    status: int
    ms: float


class HandlerException(NamedTuple):
    """A handler raised. `id` is the request's."""

    id: str
    summary: str
    where: str
    traceback: str
    hint: str | None


class Log(NamedTuple):
    """A message of the worker host to the person."""

    level: LogLevel
    message: str


Event = Ready | LoadError | Libraries | RequestStarted | RequestDone | HandlerException | Log
Message = Command | Event

_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


def to_line(message: Message) -> bytes:
    """`message` as a line, with its end."""
    if isinstance(message, tuple):
        values = message._asdict()
    else:
        values = {each.name: getattr(message, each.name) for each in fields(message)}
    return _encode({"type": type(message).__name__, **values}).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """The message of a line. Raises `ValueError` if the line is not a whole message."""
    try:
        values = json.loads(line)
        kind = _TYPES[values.pop("type")]
        if kind is Launch:
            values.update(_decoded_launch(**values))
        elif kind is Preload:
            values.update(root=Path(values["root"]), main=Path(values["main"]))
        return kind(**values)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a message: {error!r}") from None


def _decoded_launch(
    main: str,
    root: str,
    flags: list[str],
    allowed_hosts: list[str],
    hyperdrive: dict[str, dict[str, Any]],
    assets: dict[str, Any] | None,
    **_: Any,
) -> dict[str, Any]:
    """The fields of a `Launch` that JSON has no type for."""
    return {
        "main": Path(main),
        "root": Path(root),
        "flags": tuple(flags),
        "allowed_hosts": tuple(allowed_hosts),
        "hyperdrive": {binding: HyperdriveEndpoint(**endpoint) for binding, endpoint in hyperdrive.items()},
        "assets": None if assets is None else _decoded_assets(**assets),
    }


def _decoded_assets(directory: str, run_worker_first: bool | list[str], **others: Any) -> AssetSettings:
    first = tuple(run_worker_first) if isinstance(run_worker_first, list) else run_worker_first
    return AssetSettings(directory=Path(directory), run_worker_first=first, **others)


def _encode_other(value: object) -> object:
    match value:
        case Path():
            return str(value)
        case Mapping():
            return dict(value)
        case HyperdriveEndpoint() | AssetSettings():
            return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"a {type(value).__name__} cannot be sent")


_encode = json.JSONEncoder(separators=(",", ":"), default=_encode_other).encode
