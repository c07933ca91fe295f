"""Creates projects from the templates that are part of the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wrangler_py.errors import WranglerError

DEFAULT_TEMPLATE = "python-psycopg"
DEFAULT_NAME = "my-worker"
"""The project name in the templates' files, which a new project's name replaces."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME_MAX_LENGTH = 63
"""A Worker's name is a DNS label on workers.dev."""
_IGNORED = frozenset(
    {
        *("__pycache__", ".venv", ".venv-workers", "python_modules"),
        *("node_modules", "package-lock.json"),
        *(".wrangler", ".DS_Store"),
    }
)
"""Files that tools create in a template that is run in place."""


@dataclass(frozen=True, slots=True)
class Template:
    """A folder to start a project from.

    `dependencies` are the Python packages its code needs on this machine; one in TypeScript has its own in
    package.json.
    """

    name: str
    summary: str
    dependencies: tuple[str, ...]
    folder: Path

    @property
    def uses_npm(self) -> bool:
        return (self.folder / "package.json").is_file()


def templates() -> list[Template]:
    """The templates, by name, the default one first and those for Python before the others."""
    found = [_read(folder) for folder in _folder().iterdir() if (folder / "wrangler.toml").is_file()]
    return sorted(found, key=lambda each: (each.name != DEFAULT_TEMPLATE, each.uses_npm, each.name))


def template(name: str) -> Template:
    """The template `name`. Raises WranglerError if there is none."""
    known = templates()
    for candidate in known:
        if candidate.name == name:
            return candidate
    names = ", ".join(candidate.name for candidate in known)
    raise WranglerError(f"There is no template {name!r}.", hint=f"Known templates: {names}.")


def check_name(name: str) -> None:
    """Raise WranglerError unless `name` can be the name of a Worker."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_MAX_LENGTH:
        raise WranglerError(
            f"{name!r} is not a valid Worker name.",
            hint=f"Use lower-case letters, digits and dashes, such as {suggest_name(name)!r}; "
            f"at most {_NAME_MAX_LENGTH}, the first and the last not a dash.",
        )


def suggest_name(text: str) -> str:
    """A valid project name as close to `text` as possible."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_NAME_MAX_LENGTH].strip("-")
    return name or DEFAULT_NAME


def check_folder(folder: Path) -> None:
    """Raise WranglerError unless `folder` is empty, or not there yet; a `.git` folder does not count."""
    if folder.exists() and not folder.is_dir():
        raise WranglerError(f"{folder} is a file.", hint="Choose another name.")
    if folder.is_dir() and any(entry.name != ".git" for entry in folder.iterdir()):
        raise WranglerError(
            f"The folder {folder} is not empty; nothing was written.",
            hint="Choose another name, or empty the folder.",
        )


def scaffold(source: Template, folder: Path, name: str) -> list[Path]:
    """Copy `source` to `folder` for a project called `name`; returns the files made, relative to `folder`.

    Raises WranglerError if the name is invalid, or the folder is not empty or cannot be written.
    """
    check_name(name)
    check_folder(folder)
    made = []
    try:
        for path in _files(source.folder):
            relative = path.relative_to(source.folder)
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes().replace(DEFAULT_NAME.encode(), name.encode()))
            made.append(relative)
    except OSError as error:
        raise WranglerError(f"Cannot write to {folder}: {error.strerror}.") from error
    return made


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _IGNORED:
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _folder() -> Path:
    """The folder of the templates: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise WranglerError(
        "The templates are missing from this installation of wrangler-py.",
        hint="Install it again: `pip install --force-reinstall wrangler-py`.",
    )


def _read(folder: Path) -> Template:
    if (folder / "package.json").is_file():
        import json

        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        return Template(folder.name, package["description"], (), folder)

    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    here = (
        text for text in project["dependencies"] if "emscripten" not in text
    )  # the rest is for Cloudflare's Python
    names = (re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in here)
    return Template(folder.name, project["description"], tuple(names), folder)
