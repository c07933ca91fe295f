"""A project that one of the official tools runs: which tool, with which arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wrangler_py.devserver.official_tools import (
    Command,
    find_pywrangler,
    find_vite,
    find_wrangler,
    python_tools_path,
)
from wrangler_py.devserver.wrangler_command import (
    QUIET,
    WranglerOptions,
    dev_arguments,
    node_environment,
    pages_arguments,
    vite_arguments,
    wrangler_version,
)
from wrangler_py.devserver.wrangler_remote import Tool
from wrangler_py.errors import WranglerError
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.section import Section
from wrangler_py.project.vite import vite_folder

LEGACY_NODE_COMPAT_HINT = (
    "`wrangler-py node-compat enable` replaces it with the compatibility flag nodejs_compat.\n"
    "`wrangler-py dev --fix` does that, then starts."
)


@dataclass(frozen=True, slots=True)
class WranglerProject:
    """What runs the project, as its files say; `command` has been found to be there.

    `folder` is the folder to run it in; None for the current one.
    """

    root: Path
    config_path: Path
    section: Section
    tool: Tool
    command: Command
    folder: Path | None = None

    def arguments(self, options: WranglerOptions) -> list[str]:
        """The arguments of the command. Raises `WranglerError` for an option that it does not have."""
        match self.tool:
            case "pages":
                return pages_arguments(options)
            case "vite":
                return vite_arguments(options)
            case "pywrangler":
                return dev_arguments(_absolute(options))
        return dev_arguments(options)

    def environment(self, inherited: Mapping[str, str], options: WranglerOptions) -> dict[str, str]:
        """The variables the command gets, the databases aside."""
        variables = {**QUIET, **node_environment(inherited)}
        if self.tool == "vite" and options.environment is not None:
            variables["CLOUDFLARE_ENV"] = options.environment
        if self.tool == "pywrangler":
            variables["PATH"] = python_tools_path(self.root)
        return variables

    def node_compat_refusal(self) -> WranglerError | None:
        """The error, with its fix, if `node_compat` keeps this project from running; otherwise None."""
        if not self.section.node_compat:
            return None
        if self.tool == "pages":
            message = "Pages does not support `node_compat`, the setting that node-postgres once needed."
        elif wrangler_version(self.root) >= 4:
            message = "The config file sets `node_compat`, which wrangler 4 refuses."
        else:
            return None
        return WranglerError(message, hint=LEGACY_NODE_COMPAT_HINT)


def find_project(config: ConfigFile, environment: str | None, script: Path | None) -> WranglerProject:
    """The project of `config`, with what runs it. Raises `WranglerError` if that is not installed."""
    root = config.root.resolve()
    section = config.section(environment)
    main = script or Path(section.main or "")
    path = config.path.resolve()
    if main.suffix == ".py":
        return WranglerProject(root, path, section, "pywrangler", find_pywrangler(root), root)
    if script is None and (vite := vite_folder(root)) is not None:
        return WranglerProject(root, path, section, "vite", find_vite(vite), vite)
    is_pages = section.pages_build_output_dir is not None and section.main is None
    return WranglerProject(root, path, section, "pages" if is_pages else "wrangler", find_wrangler(root))


def _absolute(options: WranglerOptions) -> WranglerOptions:
    """`options` for a command that runs in another folder than the current one."""
    return replace(
        options,
        script=_resolved(options.script),
        config=_resolved(options.config),
        persist_to=_resolved(options.persist_to),
        env_files=tuple(path.resolve() for path in options.env_files),
    )


def _resolved(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()
