"""Which databases are meant: by a project's bindings, by what a person types, by a connection string."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING
from wrangler_py.hyperdrive.local import VARIABLE_PREFIXES, ResolvedBinding, resolve_binding
from wrangler_py.hyperdrive.store import ConfigStore
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.section import Section
from wrangler_py.project.section_warnings import probably_meant
from wrangler_py.project.variables import environment_variables


def resolve_bindings(
    section: Section, environ: Mapping[str, str], *, only: str | None = None
) -> tuple[ResolvedBinding, ...]:
    """The database of each binding of `section`, or of the one named `only`.

    `environ` may hold local connection strings. Raises `WranglerError` if a database cannot be used.
    """
    store, certificates = ConfigStore(), CertificateStore()
    return tuple(
        resolve_binding(each.binding, each.id, each.local_connection_string, environ, store, certificates)
        for each in section.hyperdrive
        if only in (None, each.binding)
    )


def misnamed_variables(section: Section, environ: Mapping[str, str]) -> Iterator[str]:
    """A warning for each local connection string whose variable nearly has the name of a binding without one."""
    names = frozenset(each.binding for each in section.hyperdrive)
    for variable in environ:
        for prefix in VARIABLE_PREFIXES:
            meant = probably_meant(variable.removeprefix(prefix), names) if variable.startswith(prefix) else None
            if meant is not None and not any(environ.get(other + meant) for other in VARIABLE_PREFIXES):
                yield f"{variable} is for no binding of this Worker. Probably {prefix}{meant} is meant."


def resolve_target(
    target: str | None, config: ConfigFile | None, environment: str | None, env_files: Sequence[Path] = ()
) -> tuple[ResolvedBinding, ...]:
    """The databases `target` means: a binding of the project, else a stored config by id or name.

    None means every binding of the project. Raises `WranglerError` if there is no such thing.
    """
    bindings: tuple[str, ...] = ()
    if config is not None:
        section = config.section(environment)
        bindings = tuple(each.binding for each in section.hyperdrive)
        if target in bindings or (target is None and bindings):
            environ = environment_variables(config.root, environment, env_files=env_files)
            return resolve_bindings(section, environ, only=target)
    if target is None:
        raise WranglerError(
            "The project has no Hyperdrive binding.",
            hint="Name a config, or add a binding: wrangler-py hyperdrive bind CONFIG",
        )
    store = ConfigStore()
    try:
        stored = store.get(target)
    except WranglerError as unknown:
        if config is None or not bindings:
            raise
        hint = f"Bindings of {config.path.name}: {', '.join(bindings)}\n{unknown.hint}"
        raise WranglerError(unknown.message, hint=hint) from None
    return (resolve_binding(DEFAULT_BINDING, stored.id, None, {}, store, CertificateStore()),)
