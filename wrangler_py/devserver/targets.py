"""Resolves a project's bindings, command-line arguments and connection strings to databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import (
    VARIABLE_PREFIXES,
    LocalString,
    ResolvedBinding,
    find_local_string,
    resolve_binding,
    resolve_to,
)
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_store import ConfigStore, UnknownConfigError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.section import HyperdriveBinding, Section
from wrangler_py.project.section_warnings import probably_meant
from wrangler_py.project.variables import environment_variables


def resolve_bindings(section: Section, environ: Mapping[str, str]) -> tuple[ResolvedBinding, ...]:
    """The database of each binding of `section`.

    `environ` may hold local connection strings. Raises `WranglerError` if a database cannot be used.
    """
    store, certificates = ConfigStore(), CertificateStore()
    return tuple(
        resolve_binding(each.binding, each.id, each.local_connection_string, environ, store, certificates)
        for each in section.hyperdrive
    )


def misnamed_variables(section: Section, environ: Mapping[str, str]) -> Iterator[str]:
    """A warning for each local connection string whose variable name nearly matches a binding without one."""
    names = frozenset(each.binding for each in section.hyperdrive)
    for variable in environ:
        for prefix in VARIABLE_PREFIXES:
            meant = probably_meant(variable.removeprefix(prefix), names) if variable.startswith(prefix) else None
            if meant is not None and not any(environ.get(other + meant) for other in VARIABLE_PREFIXES):
                yield f"{variable} does not match any binding of this Worker. Did you mean {prefix}{meant}?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The meaning of `CONFIG|BINDING`: a binding of the project, or a config of the local store.

    `binding` is None for a config. `config` is the config itself or that of the binding, None where the store has
    none with the binding's id. `local` is the connection string that replaces the config's origin in local
    development. `note` says what else the name could mean.
    """

    binding: str | None
    id: str
    config: HyperdriveConfig | None
    local: LocalString | None = field(default=None, repr=False)
    note: str | None = None

    def resolve(self) -> ResolvedBinding:
        """The database. Raises `WranglerError` if it cannot be used."""
        return resolve_to(self.binding or DEFAULT_BINDING, self.id, self.local, self.config, CertificateStore())

    def stored(self) -> HyperdriveConfig:
        """The config. Raises `WranglerError` if the store has none with the binding's id."""
        if self.config is None:
            known = ", ".join(config.name for config in ConfigStore().list())
            raise WranglerError(
                f"No config in the local store has the id of the binding {self.binding}: '{self.id}'.",
                hint=(f"Known configs: {known}\n" if known else "")
                + f"`wrangler-py hyperdrive bind CONFIG --binding {self.binding} --replace` binds another one.",
            )
        return self.config


def find_targets(
    name: str | None, project: ConfigFile | None, environment: str | None, env_files: Sequence[Path] = ()
) -> tuple[Target, ...]:
    """The targets that `name` means; None means every binding of the project.

    A binding of the project's config file comes before a config with that id or name. Raises `WranglerError` if
    there is neither.
    """
    store = ConfigStore()
    bindings: tuple[HyperdriveBinding, ...] = ()
    if project is not None:
        bindings = project.section(environment).hyperdrive
        meant = [each for each in bindings if name in (None, each.binding)]
        if meant:
            environ = environment_variables(project.root, environment, env_files=env_files)
            return tuple(_binding_target(each, environ, store, project) for each in meant)
    if name is None:
        raise WranglerError(
            "The project has no Hyperdrive binding.",
            hint="Name a config, or add a binding: wrangler-py hyperdrive bind CONFIG",
        )
    try:
        config = store.get(name)
    except UnknownConfigError as unknown:
        if project is None or not bindings:
            raise
        names = ", ".join(each.binding for each in bindings)
        raise UnknownConfigError(
            unknown.message, hint=f"Bindings of {project.path.name}: {names}\n{unknown.hint}"
        ) from None
    return (Target(binding=None, id=config.id, config=config),)


def _binding_target(
    binding: HyperdriveBinding, environ: Mapping[str, str], store: ConfigStore, project: ConfigFile
) -> Target:
    config, namesake = store.find(binding.id), store.find(binding.binding)
    note = None
    if namesake is not None and namesake != config:
        note = (
            f"{binding.binding} is a binding of {project.path.name} and also the name of another config. "
            f"The binding is used; for that config, give its id: {namesake.id}"
        )
    return Target(
        binding=binding.binding,
        id=binding.id,
        config=config,
        local=find_local_string(binding.binding, binding.local_connection_string, environ),
        note=note,
    )
