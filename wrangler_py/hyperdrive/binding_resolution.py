"""Finds the database of a binding in local development, in wrangler's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import PLAINTEXT, Caching, HyperdriveConfig, Origin, PoolConfig
from wrangler_py.hyperdrive.config_store import ConfigStore
from wrangler_py.hyperdrive.connection_string import parse
from wrangler_py.hyperdrive.tls_policy import config_policy, local_policy

VARIABLE_PREFIXES = (
    "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_",
    "WRANGLER_HYPERDRIVE_LOCAL_CONNECTION_STRING_",  # deprecated by wrangler, still read
)


class LocalString(NamedTuple):
    """A local connection string, and its source: a variable, or the key of the config file."""

    text: str
    source: str


def find_local_string(
    binding: str, local_connection_string: str | None, environ: Mapping[str, str]
) -> LocalString | None:
    """The connection string that replaces the config's origin in local development, if there is one."""
    for variable in (prefix + binding for prefix in VARIABLE_PREFIXES):
        if environ.get(variable):
            return LocalString(environ[variable], variable)
    if local_connection_string:
        return LocalString(local_connection_string, "localConnectionString")
    return None


@dataclass(frozen=True, slots=True)
class EmbeddedDatabase:
    """A database of the embedded PostgreSQL, which has an address only while it runs."""

    name: str

    def pool_config(self, origin: Origin, config: HyperdriveConfig | None) -> PoolConfig:
        """The pool of this database at `origin`, with the caching and the connection limit of `config`."""
        if config is None:
            return PoolConfig(name=self.name, origin=origin, tls=PLAINTEXT, embedded=True)
        return PoolConfig(
            name=config.name,
            origin=origin,
            tls=PLAINTEXT,
            embedded=True,
            caching=config.caching,
            connection_limit=config.origin_connection_limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedBinding:
    """The database of one binding; `id` is the id of the config that the binding names.

    `source` says in a few words where `database` comes from. `config` is the stored config with that id. It gives
    the caching and the connection limit even if a local connection string gives the origin.
    `ignored_parameters` names the parameters of the string that have no effect.
    """

    binding: str
    id: str
    database: PoolConfig | EmbeddedDatabase
    source: str
    config: HyperdriveConfig | None
    ignored_parameters: tuple[str, ...] = ()


def resolve_binding(
    binding: str,
    id: str,
    local_connection_string: str | None,
    environ: Mapping[str, str],
    store: ConfigStore,
    certificates: CertificateStore,
) -> ResolvedBinding:
    """Resolve `binding`. WranglerError if its connection string or a certificate cannot be used."""
    local = find_local_string(binding, local_connection_string, environ)
    return resolve_to(binding, id, local, store.find(id), certificates)


def resolve_to(
    binding: str,
    id: str,
    local: LocalString | None,
    config: HyperdriveConfig | None,
    certificates: CertificateStore,
) -> ResolvedBinding:
    """The database of a local connection string if there is one, of `config` otherwise, or the embedded one.

    Raises WranglerError as `resolve_binding`.
    """
    if local is not None:
        return _from_string(binding, id, local.text, local.source, config)
    if config is None or config.origin is None:
        return ResolvedBinding(
            binding=binding,
            id=id,
            database=EmbeddedDatabase(config.embedded_database if config else limits.EMBEDDED_DATABASE),
            source="embedded" if config else "embedded: the id is not in the local store",
            config=config,
        )
    return ResolvedBinding(
        binding=binding,
        id=id,
        database=PoolConfig(
            name=config.name,
            origin=config.origin,
            tls=config_policy(config, certificates),
            caching=config.caching,
            connection_limit=config.origin_connection_limit,
        ),
        source=f"config {config.name}",
        config=config,
    )


def resolve_string(
    binding: str, text: str, source: str, id: str = "", config: HyperdriveConfig | None = None
) -> ResolvedBinding:
    """The database of a local connection string; the rest is as in `config`.

    Raises WranglerError if it is malformed or names a certificate that cannot be read.
    """
    string = parse(text)
    pool = PoolConfig(
        name=config.name if config else binding,
        origin=string.origin,
        tls=local_policy(string),
        source=source,
        caching=config.caching if config else Caching(),
        connection_limit=config.origin_connection_limit if config else limits.ORIGIN_CONNECTION_LIMIT_DEFAULT,
        options=string.parameters.options,
        connect_timeout_s=string.parameters.connect_timeout_s,
    )
    return ResolvedBinding(
        binding=binding,
        id=id,
        database=pool,
        source=source,
        config=config,
        ignored_parameters=string.parameters.ignored,
    )


def _from_string(binding: str, id: str, text: str, source: str, config: HyperdriveConfig | None) -> ResolvedBinding:
    try:
        return resolve_string(binding, text, source, id, config)
    except WranglerError as error:
        raise WranglerError(f"{source} of the binding {binding}: {error.message}", hint=error.hint) from None
