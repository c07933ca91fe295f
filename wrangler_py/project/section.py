"""The config file's settings for one environment.

`main` and the `compatibility_*` keys are inherited by an environment that does not have its own; variables
and bindings are not: each environment repeats them. Source: Wrangler documentation, Configuration.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wrangler_py.errors import WranglerError
from wrangler_py.project.assets import binding_of
from wrangler_py.project.spans import JSON

JAVASCRIPT = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"})
"""Suffixes of a `main` that wrangler builds and runs."""

_PLACEHOLDER = re.compile(r"0{32}|<.*>")
"""Ids that no config has: the templates' zeros, and `<YOUR_ID>` as documentation writes it."""
_ALWAYS_REMOTE = frozenset(
    """
    agent_memory ai ai_search ai_search_namespaces artifacts flagship media vpc_networks vpc_services websearch
    """.split()  # noqa: SIM905
)
"""Kinds of bindings that have no local stand-in in wrangler."""
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
IDENTIFIER_HINT = "Use letters, digits and underscores, such as HYPERDRIVE; the first must not be a digit."


def is_placeholder(id: str) -> bool:
    """Whether `id` is a placeholder for a config's id, as in a new project."""
    return _PLACEHOLDER.fullmatch(id) is not None


def is_identifier(name: str) -> bool:
    """Whether `name` may be the name of a binding."""
    return _IDENTIFIER.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class HyperdriveBinding:
    """One `hyperdrive` entry. The connection string holds a password: it is kept out of `repr`."""

    binding: str
    id: str
    local_connection_string: str | None = None
    remote: bool = False
    """Whether wrangler would connect to the config at Cloudflare instead of a local database."""

    @property
    def has_placeholder(self) -> bool:
        """Whether the id is a placeholder, to be filled in."""
        return is_placeholder(self.id)

    def __repr__(self) -> str:
        return f"HyperdriveBinding(binding={self.binding!r}, id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Build:
    """The build command. Paths are relative to the config file's folder."""

    command: str
    cwd: str
    watch_dirs: tuple[str, ...]
    """Folders or files whose changes run the command again."""


@dataclass(frozen=True, slots=True)
class Section:
    """The effective config of the environment `name`, or of the top level if that is None.

    `other_bindings` maps the name of each binding that is not emulated to its kind, the key it stands under.
    `assets` is the table of static assets as it stands there, unchecked, or None.
    `required_secrets` is None where the file does not declare secrets.
    """

    name: str | None
    main: str | None
    compatibility_date: str | None
    compatibility_flags: tuple[str, ...]
    node_compat: bool
    vars: dict[str, JSON]
    hyperdrive: tuple[HyperdriveBinding, ...]
    pages_build_output_dir: str | None
    other_bindings: dict[str, str]
    assets: Any = None
    build: Build | None = None
    required_secrets: tuple[str, ...] | None = None
    remote_bindings: tuple[str, ...] = ()
    """The names of the bindings, other than Hyperdrive's, that wrangler connects to resources at Cloudflare."""

    def kind_of(self, name: str) -> str | None:
        """The kind of `name` in `env`: `vars`, `hyperdrive`, another kind of binding, or None if it is free."""
        if name in self.vars:
            return "vars"
        if any(binding.binding == name for binding in self.hyperdrive):
            return "hyperdrive"
        if name == self.assets_binding:
            return "assets"
        return self.other_bindings.get(name)

    @property
    def assets_binding(self) -> str | None:
        """The name under which `env` has the static assets."""
        return binding_of(self.assets)


def environments(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The `[env.NAME]` tables of a config."""
    tables = data.get("env", {})
    if not isinstance(tables, dict):
        return {}
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def read_section(data: Mapping[str, Any], environment: str | None, file: str) -> Section:
    """The section for `environment` of the parsed config `data`; `file` names it in messages.

    Raises WranglerError for an unknown environment, for a key whose value has the wrong type or is no date,
    and where a Hyperdrive binding shares its name with something else or has one that none can have.
    """
    own: Mapping[str, Any] = data
    if environment is not None:
        known = environments(data)
        if environment not in known:
            names = ", ".join(known)
            raise WranglerError(
                f"{file} has no environment {environment!r}.",
                hint=f"It has: {names}." if names else "It has no environments.",
            )
        own = known[environment]
    reader = _Reader(own, data, environment, file)
    section = Section(
        name=environment,
        main=reader.inherited("main", str),
        compatibility_date=reader.date("compatibility_date"),
        compatibility_flags=reader.strings("compatibility_flags"),
        node_compat=bool(reader.inherited("node_compat", bool)),
        vars={name: _as_json(value) for name, value in reader.own("vars", dict, {}).items()},
        hyperdrive=tuple(reader.hyperdrive()),
        pages_build_output_dir=reader.inherited("pages_build_output_dir", str),
        other_bindings=dict(_other_bindings(own)),
        # The binding of static assets is the only one that is inherited, with the whole table.
        assets=own.get("assets", data.get("assets")),
        build=reader.build(),
        required_secrets=reader.required_secrets(),
        remote_bindings=tuple(_remote_bindings(own)),
    )
    taken = {**dict.fromkeys(section.vars, "vars"), **section.other_bindings}
    if section.assets_binding is not None:
        taken[section.assets_binding] = "assets"
    for binding in section.hyperdrive:
        if (kind := taken.get(binding.binding)) is not None:
            raise WranglerError(
                f"{file}: two bindings have the name {binding.binding}: one in `hyperdrive`, one in `{kind}`.",
                hint="Remove one of them, or give it another name.",
            )
        taken[binding.binding] = "hyperdrive"
    return section


class _Reader:
    def __init__(self, own: Mapping[str, Any], top: Mapping[str, Any], environment: str | None, file: str) -> None:
        self._own = own
        self._top = top
        self._prefix = "" if environment is None else f"env.{environment}."
        self._file = file

    def own(self, key: str, kind: type, default: Any) -> Any:
        return self._check(key, self._own.get(key, default), kind)

    def inherited(self, key: str, kind: type) -> Any:
        value = self._own.get(key, self._top.get(key))
        return None if value is None else self._check(key, value, kind)

    def date(self, key: str) -> str | None:
        value = self._own.get(key, self._top.get(key))
        if value is None:
            return None
        text = str(value)
        try:
            valid = datetime.date.fromisoformat(text).isoformat() == text
        except ValueError:
            valid = False
        if not valid:
            raise WranglerError(
                f"{self._file}: `{key}` must be a date, not {text!r}.",
                hint="Write year, month and day, as in 2026-09-08.",
            )
        return text

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.inherited(key, list) or []
        for element in value:
            self._check(key, element, str, "an array of strings")
        return tuple(value)

    def required_secrets(self) -> tuple[str, ...] | None:
        secrets = self.own("secrets", dict, {})
        required = secrets.get("required", [] if "secrets" in self._own else None)
        return None if required is None else tuple(map(str, self._check("secrets.required", required, list)))

    def build(self) -> Build | None:
        table = self.inherited("build", dict) or {}
        command = self._check("build.command", table.get("command", ""), str)
        watched = table.get("watch_dir", "./src")
        for each in watched if isinstance(watched, list) else [watched]:
            self._check("build.watch_dir", each, str)
        if not command.strip():
            return None
        cwd = self._check("build.cwd", table.get("cwd", "."), str)
        return Build(command, cwd, tuple(watched) if isinstance(watched, list) else (watched,))

    def hyperdrive(self) -> Iterator[HyperdriveBinding]:
        for index, entry in enumerate(self.own("hyperdrive", list, [])):
            key = f"hyperdrive[{index}]"
            self._check(key, entry, dict)
            for field in ("binding", "id"):
                if field not in entry:
                    raise WranglerError(
                        f"{self._file}: {self._prefix}{key} has no `{field}`.",
                        hint="`wrangler-py hyperdrive bind` writes a complete binding.",
                    )
                self._check(f"{key}.{field}", entry[field], str)
            if not is_identifier(entry["binding"]):
                raise WranglerError(
                    f"{self._file}: {self._prefix}{key} has the name {entry['binding']!r}, which is not valid.",
                    hint=IDENTIFIER_HINT,
                )
            local = entry.get("localConnectionString")
            if local is not None:
                self._check(f"{key}.localConnectionString", local, str)
            remote = self._check(f"{key}.remote", entry.get("remote", False), bool)
            yield HyperdriveBinding(entry["binding"], entry["id"], local, remote)

    def _check(self, key: str, value: Any, kind: type, wanted: str | None = None) -> Any:
        if not isinstance(value, kind):
            is_toml = self._file.endswith(".toml")
            table = "a table" if is_toml else "an object"
            names = {str: "a string", bool: "true or false", list: "an array", dict: table}
            hint = None
            if kind is list and isinstance(value, dict) and is_toml:
                hint = f"An array of tables has two brackets on each side: [[{self._prefix}{key}]]"
            raise WranglerError(f"{self._file}: `{self._prefix}{key}` must be {wanted or names[kind]}.", hint=hint)
        return value


def _other_bindings(own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and kinds of all bindings but `vars`, `hyperdrive` and `assets`."""
    return ((name, kind) for name, kind, _ in _other_entries(own))


def _remote_bindings(own: Mapping[str, Any]) -> Iterator[str]:
    """Names of the bindings that wrangler connects to Cloudflare, without being told or by `remote = true`."""
    for name, kind, entry in _other_entries(own):
        if kind in _ALWAYS_REMOTE or (isinstance(entry, dict) and entry.get("remote") is True):
            yield name


def _other_entries(own: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Name, kind and entry of all bindings but `vars`, `hyperdrive` and `assets`.

    They come as `KIND = [{ binding = NAME }]`, as `KIND = { binding = NAME }`, as `KIND = [{ name = NAME }]`,
    inside of a table (`queues.producers`, `durable_objects.bindings`), or, the oldest ones, as
    `KIND = { NAME = ... }`.
    """
    for kind, value in own.items():
        if kind in ("assets", "hyperdrive", "vars", "env"):
            continue
        if kind in ("wasm_modules", "text_blobs", "data_blobs") and isinstance(value, dict):
            yield from ((name, kind, entry) for name, entry in value.items())
            continue
        entries = [value]
        if isinstance(value, list):
            entries = value
        elif isinstance(value, dict):
            for inner in ("producers", "bindings"):
                if isinstance(value.get(inner), list):
                    entries = [*entries, *value[inner]]
        for entry in entries:
            name = _binding_name(kind, entry)
            if name is not None:
                yield name, kind, entry


def _binding_name(kind: str, entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("binding")
    if name is None and kind in ("durable_objects", "send_email", "unsafe", "logfwdr", "ratelimits"):
        name = entry.get("name")
    return name if isinstance(name, str) else None


def _as_json(value: Any) -> JSON:
    """A TOML value as the Worker gets it: dates and times become text."""
    if isinstance(value, dict):
        return {key: _as_json(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_as_json(element) for element in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value.isoformat())
