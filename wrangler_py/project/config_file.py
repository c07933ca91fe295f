"""Finds, reads, edits and atomically writes the Worker's config file."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

from wrangler_py.atomic_file import replace_file
from wrangler_py.errors import WranglerError
from wrangler_py.masking import mask
from wrangler_py.project.document import Document, DocumentSyntaxError, UnsafeEditError
from wrangler_py.project.section import (
    IDENTIFIER_HINT,
    HyperdriveBinding,
    Section,
    environments,
    is_identifier,
    read_section,
)
from wrangler_py.project.section_warnings import section_warnings
from wrangler_py.project.spans import KeyPath

FILE_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
"""In the order wrangler looks for them: up from the current folder for the first, then for the next."""

_BOM = "\ufeff"

__all__ = [
    "FILE_NAMES",
    "BindingNameError",
    "ConfigEditError",
    "ConfigFile",
    "HyperdriveBinding",
    "Section",
    "find_config_files",
    "is_identifier",
]


def find_config_files(folder: Path) -> list[Path]:
    """The config files in `folder` or above it, the nearest of each kind; the first takes precedence."""
    folders = (folder, *folder.parents)
    nearest = (next((each / name for each in folders if (each / name).is_file()), None) for name in FILE_NAMES)
    return [path for path in nearest if path is not None]


class BindingNameError(WranglerError):
    """A binding cannot be added under this name, but can be under another one."""


class ConfigEditError(WranglerError):
    """The file's layout does not allow the edit; the hint shows the lines to add by hand."""


class ConfigFile:
    """A `wrangler.toml`, `wrangler.json` or `wrangler.jsonc`.

    Edits change the text in memory and keep everything else byte for byte; `save` writes it. Everywhere,
    `environment` is the name of an `[env.NAME]`, or None for the top level.
    """

    def __init__(self, path: Path, original: bytes, document: Document, bom: str) -> None:
        self.path = path
        self._original = original
        self._document = document
        self._bom = bom
        self.ignored: tuple[Path, ...] = ()
        """Config files of the other kinds, in this folder or nearer, that this one took precedence over."""

    @classmethod
    def find(cls, cwd: Path, explicit: Path | None = None) -> ConfigFile:
        """The config file `explicit`, or the one wrangler would use in the folder `cwd`.

        Raises WranglerError if there is none or it cannot be read.
        """
        if explicit is not None:
            return cls.load(explicit)
        found = find_config_files(cwd)
        if not found:
            raise WranglerError(
                f"No wrangler.toml, wrangler.json or wrangler.jsonc in {cwd} or above it.",
                hint="`wrangler-py init` creates a project; --config names a file elsewhere.",
            )
        file = cls.load(found[0])
        file.ignored = tuple(found[1:])
        return file

    @classmethod
    def load(cls, path: Path) -> ConfigFile:
        """Read the file at `path`; its name says which kind it is.

        Raises WranglerError if it is missing or not text, and with line and column for a syntax error.
        """
        try:
            original = path.read_bytes()
        except FileNotFoundError:
            there = [name for name in FILE_NAMES if (path.parent / name).is_file()]
            hint = f"{path.parent} has {' and '.join(there)}." if there else None
            raise WranglerError(f"No such config file: {path}", hint=hint) from None
        except OSError as error:
            raise WranglerError(f"Cannot read {path}: {error.strerror}.") from error
        try:
            text = original.decode()
        except UnicodeDecodeError as error:
            line = original.count(b"\n", 0, error.start) + 1
            raise WranglerError(f"{path}:{line}: This is not UTF-8 text.") from error
        bom = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        try:
            return cls(path, original, _parse(path, text), bom)
        except DocumentSyntaxError as error:
            raise _syntax_error(path, text, error) from error

    @property
    def root(self) -> Path:
        """The folder of the file."""
        return self.path.parent

    @property
    def text(self) -> str:
        """The text as edited so far."""
        return self._bom + self._document.text

    def line_of(self, key: str, value: str) -> int | None:
        """The line that sets `key` to the text `value`, if it can be found."""
        found = re.search(rf"""\b{re.escape(key)}["']?\s*[=:]\s*["']{re.escape(value)}["']""", self.text)
        return None if found is None else self.text.count("\n", 0, found.start()) + 1

    @property
    def data(self) -> dict[str, Any]:
        """The parsed document as edited so far; not to be changed."""
        return self._document.data

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the environments, in the file's order."""
        return tuple(environments(self.data))

    def section(self, environment: str | None = None) -> Section:
        """The effective config of `environment`.

        Raises WranglerError if it is unknown, or a key has a value of the wrong type.
        """
        return read_section(self.data, environment, self.path.name)

    def warnings(self, environment: str | None = None) -> tuple[str, ...]:
        """Settings of `environment`, which has to exist, that are probably mistakes."""
        return section_warnings(self.data, environment, self.path.name)

    def add_hyperdrive(
        self, binding: str, id: str, environment: str | None = None, *, replace: bool = False
    ) -> None:
        """Bind the Hyperdrive config `id` as `binding`; with `replace`, it may replace a Hyperdrive binding.

        A binding whose id is a placeholder is always replaced. Raises BindingNameError for a name that is not an
        identifier, or is taken.
        """
        if not is_identifier(binding):
            raise BindingNameError(f"{binding!r} is not a valid binding name.", hint=IDENTIFIER_HINT)
        section = self.section(environment)
        kind = section.kind_of(binding)
        path = (*_base(environment), "hyperdrive")
        index = [entry.binding for entry in section.hyperdrive].index(binding) if kind == "hyperdrive" else None
        if kind is None:
            self._edit("append", path, {"binding": binding, "id": id})
        elif index is not None and section.hyperdrive[index].id == id:
            return
        elif index is not None and (replace or section.hyperdrive[index].has_placeholder):
            self._edit("set", (*path, index, "id"), id)
        else:
            remedy = "remove that entry first."
            if index is not None:
                option = "" if environment is None else f" --env {environment}"
                remedy = (
                    f"remove the binding first: `wrangler-py hyperdrive unbind {binding}{option}`. For a config "
                    "that exists already, `wrangler-py hyperdrive bind CONFIG --replace` does both."
                )
            raise BindingNameError(
                f"The name {binding} is taken in {self.place(environment)}, by an entry of `{kind}`.",
                hint=f"Choose another name with --binding, or {remedy}",
            )

    def remove_hyperdrive(self, binding: str, environment: str | None = None) -> None:
        """Remove the Hyperdrive binding `binding`. Raises WranglerError if there is none."""
        names = [entry.binding for entry in self.section(environment).hyperdrive]
        if binding not in names:
            known = ", ".join(names)
            raise WranglerError(
                f"There is no Hyperdrive binding {binding} in {self.place(environment)}.",
                hint=f"It has: {known}." if known else None,
            )
        path = (*_base(environment), "hyperdrive")
        if len(names) == 1 and self._remove_array(path):
            return
        self._edit("remove", (*path, names.index(binding)))

    def replace_hyperdrive_id(self, old: str, new: str) -> tuple[str, ...]:
        """Change the id of every binding of the Hyperdrive config `old`, in all environments, to `new`.

        Returns their names.
        """
        changed = []
        for environment in (None, *self.environments):
            for index, entry in enumerate(self.section(environment).hyperdrive):
                if entry.id == old:
                    self._edit("set", (*_base(environment), "hyperdrive", index, "id"), new)
                    changed.append(entry.binding)
        return tuple(dict.fromkeys(changed))

    def set_local_connection_string(self, binding: str, string: str, environment: str | None = None) -> None:
        """Set the `localConnectionString` of the existing Hyperdrive binding `binding`."""
        names = [entry.binding for entry in self.section(environment).hyperdrive]
        path: KeyPath = (*_base(environment), "hyperdrive", names.index(binding), "localConnectionString")
        self._edit("set", path, string, after="id")

    def set_compatibility_flag(self, flag: str, environment: str | None = None) -> None:
        """Add `flag` to the compatibility flags; an environment that inherits them gets its own copy."""
        flags = self.section(environment).compatibility_flags
        if flag in flags:
            return
        path = (*_base(environment), "compatibility_flags")
        if self._has(path):
            self._edit("append", path, flag)
        else:
            self._edit("set", path, [*flags, flag], after="compatibility_date")

    def remove_compatibility_flag(self, flag: str, environment: str | None = None) -> None:
        """Remove `flag` from the compatibility flags, including inherited ones."""
        flags = self.section(environment).compatibility_flags
        path = (*_base(environment), "compatibility_flags")
        if not self._has(path):
            if flag in flags:
                rest = [other for other in flags if other != flag]
                self._edit("set", path, rest, after="compatibility_date")
            return
        says_nothing = environment is None or not self.section().compatibility_flags
        if set(flags) == {flag} and says_nothing and self._remove_array(path):
            return
        for index in reversed(range(len(flags))):
            if flags[index] == flag:
                self._edit("remove", (*path, index))

    def set_node_compat(self, environment: str | None = None) -> None:
        """Set wrangler 3's `node_compat = true`."""
        if not self.section(environment).node_compat:
            self._edit("set", (*_base(environment), "node_compat"), True, after="compatibility_date")

    def remove_node_compat(self, environment: str | None = None) -> None:
        """Remove `node_compat`; in an environment that inherits it, set it to false."""
        path = (*_base(environment), "node_compat")
        if self._has(path):
            self._edit("remove", path)
        if self.section(environment).node_compat:
            self._edit("set", path, False, after="compatibility_date")

    def save(self) -> None:
        """Write the file if it was edited: atomically, keeping its mode; a symbolic link stays one.

        Raises WranglerError, without writing, if it changed on disk meanwhile or cannot be written.
        """
        edited = self.text.encode()
        if edited == self._original:
            return
        try:
            if self.path.read_bytes() != self._original:
                raise WranglerError(
                    f"{self.path.name} was changed by another program meanwhile; nothing was written.",
                    hint="Run the command again.",
                )
            replace_file(Path(os.path.realpath(self.path)), edited)
        except OSError as error:
            raise WranglerError(f"Cannot write {self.path}: {error.strerror}.") from error
        self._original = edited

    def _remove_array(self, path: KeyPath) -> bool:
        """Remove a whole array, unless its environment exists only by it; returns whether it was removed."""
        with contextlib.suppress(UnsafeEditError):
            self._document.remove(path)
            return True
        return False

    def _edit(self, operation: str, path: KeyPath, *arguments: Any, **options: Any) -> None:
        try:
            getattr(self._document, operation)(path, *arguments, **options)
        except UnsafeEditError as error:
            raise ConfigEditError(
                f"`{_dotted(path)}` cannot be edited in place the way {self.path.name} is written: {error}.",
                hint=self._by_hand(operation, path, *arguments),
            ) from error

    def _by_hand(self, operation: str, path: KeyPath, value: Any = None) -> str:
        """Instructions for an edit by hand."""
        if operation == "remove":
            return f"Nothing was written. Remove `{_dotted(path)}` by hand."
        if not all(isinstance(key, str) for key in path):
            return f"Nothing was written. Set `{_dotted(path)}` by hand: {json.dumps(value, ensure_ascii=False)}"
        lines = self._document.lines(path, [value] if operation == "append" else value)
        return f"Nothing was written. Add this by hand:\n{lines.rstrip()}"

    def _has(self, path: KeyPath) -> bool:
        data: Any = self.data
        for key in path:
            if key not in data:
                return False
            data = data[key]
        return True

    def place(self, environment: str | None) -> str:
        """The file's name, with the environment in it."""
        return self.path.name if environment is None else f"{self.path.name} (environment {environment})"


def _base(environment: str | None) -> tuple[str, ...]:
    return () if environment is None else ("env", environment)


def _dotted(path: KeyPath) -> str:
    """`path` in readable form."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _parse(path: Path, text: str) -> Document:
    if path.suffix in (".json", ".jsonc"):
        from wrangler_py.project.jsonc_document import JSONCDocument

        return JSONCDocument(text)
    if path.suffix == ".toml":
        from wrangler_py.project.toml_document import TOMLDocument

        return TOMLDocument(text)
    raise WranglerError(f"{path} is not a config file: its name must end in .toml, .json or .jsonc.")


def _syntax_error(path: Path, text: str, error: DocumentSyntaxError) -> WranglerError:
    """The error with its position, and its line with a mark below."""
    lines = text.replace("\r\n", "\n").split("\n")
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    gutter = f"{error.line} | "
    indent = re.sub(r"[^\t]", " ", line[: error.column - 1])
    mark = " " * (len(gutter) - 2) + "| " + indent + "^"
    message = f"{path}:{error.line}:{error.column}: {error.message}."
    return WranglerError(message, hint=f"{gutter}{mask(line)}\n{mark}")
