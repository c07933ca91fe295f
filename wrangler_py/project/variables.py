"""The Worker's variables in local development, by wrangler's rules.

Source: Workers documentation, Environment variables and secrets, under Local development.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.project import dotenv
from wrangler_py.project.section import Section
from wrangler_py.project.spans import JSON


def variable_files(
    root: Path,
    environment: str | None,
    *,
    env_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[Path, ...]:
    """The files that count, later ones overriding earlier ones; all but `env_files` exist.

    Without `env_files`, `.dev.vars.ENVIRONMENT` if it exists, else `.dev.vars`. If there is neither, `env_files` or
    else `.env`, `.env.local`, `.env.ENVIRONMENT` and `.env.ENVIRONMENT.local`; none of these if
    `CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV` is `false`. Raises WranglerError if that is no boolean.
    """
    environ = os.environ if environ is None else environ
    suffixes = [""] if environment is None else [f".{environment}", ""]
    for suffix in () if env_files else suffixes:
        if (root / f".dev.vars{suffix}").is_file():
            return (root / f".dev.vars{suffix}",)
    if not _loads_env_files(environ):
        return ()
    if env_files:
        return tuple(env_files)
    return _dotenv_files(root, environment)


def load_variables(
    root: Path,
    section: Section,
    *,
    env_files: Sequence[Path] = (),
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, JSON]:
    """The variables of a Worker in the folder `root`: of the config file, then of files, then `overrides`.

    With `CLOUDFLARE_INCLUDE_PROCESS_ENV` being `true`, and no `.dev.vars`, the variables of the process count
    too; among them are those of the `.env` files. Where the config file declares `secrets`, they always count, but
    only those declared there or as `vars` are taken from files and the process.

    Raises WranglerError if one of `env_files` is missing, or a file cannot be read.
    """
    environ = environment_variables(root, section.name, env_files=env_files, environ=environ)
    files = variable_files(root, section.name, env_files=env_files, environ=environ)
    loaded: dict[str, str] = {}
    for file in files:
        loaded.update(dotenv.parse(_read(file)))
    if not any(file.name.startswith(".dev.vars") for file in files):
        included = section.required_secrets is not None or _boolean(
            environ, "CLOUDFLARE_INCLUDE_PROCESS_ENV", False
        )
        process = environ if included and _loads_env_files(environ) else {}
        loaded = {**process, **dotenv.expand(loaded, process)}
    if section.required_secrets is not None:
        declared = {*section.required_secrets, *section.vars}
        loaded = {name: value for name, value in loaded.items() if name in declared}
    return {**section.vars, **loaded, **(overrides or {})}


def environment_variables(
    root: Path,
    environment: str | None,
    *,
    env_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of this process, over the `.env` files that wrangler reads its own settings from.

    Raises WranglerError if a file cannot be read.
    """
    environ = os.environ if environ is None else environ
    loaded: dict[str, str] = {}
    for file in env_files or _dotenv_files(root, environment):
        loaded.update(dotenv.parse(_read(file)))
    return {**environ, **dotenv.expand(loaded, environ)}


def _loads_env_files(environ: Mapping[str, str]) -> bool:
    return _boolean(environ, "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV", True)


def _boolean(environ: Mapping[str, str], name: str, default: bool) -> bool:
    value = environ.get(name)
    if value is None:
        return default
    if value.lower() not in ("true", "false"):
        raise WranglerError(f"The variable {name} is neither `true` nor `false`.")
    return value.lower() == "true"


def _dotenv_files(root: Path, environment: str | None) -> tuple[Path, ...]:
    names = [".env", ".env.local"]
    if environment is not None:
        names += [f".env.{environment}", f".env.{environment}.local"]
    return tuple(root / name for name in names if (root / name).is_file())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WranglerError(f"No such env file: {file}") from None
    except UnicodeDecodeError:
        raise WranglerError(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise WranglerError(f"Cannot read {file}: {error.strerror}.") from error
