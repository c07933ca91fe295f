"""A Hyperdrive config: its origin, caching and TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from wrangler_py.hyperdrive import limits

SSLMode = Literal["require", "verify-ca", "verify-full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The database behind a config.

    `host` is a name, an address, or, starting with `/`, the folder of a Unix socket.
    """

    host: str
    database: str
    user: str
    password: str = field(repr=False)
    port: int = limits.DEFAULT_PORT
    scheme: Literal["postgres", "postgresql"] = "postgresql"

    @property
    def is_unix_socket(self) -> bool:
        return self.host.startswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caching:
    """Query caching of a config; ages in seconds."""

    disabled: bool = False
    max_age: int = limits.CACHE_MAX_AGE_DEFAULT_S
    stale_while_revalidate: int = limits.CACHE_STALE_WHILE_REVALIDATE_DEFAULT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSPolicy:
    """TLS of the proxy's connection to the origin, with its certificates.

    `verify` is what is checked: nothing, the chain, or the chain and the host name. `roots` is the PEM
    text of the trusted certificates, or None for the system's public roots. `optional` (libpq's `prefer`)
    allows plaintext with a server that has no TLS. `require_channel_binding` is libpq's
    `channel_binding=require`.
    """

    encrypt: bool = True
    optional: bool = False
    verify: Literal["none", "ca", "full"] = "ca"
    roots: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)
    require_channel_binding: bool = False
    require_tls_1_3: bool = False


PLAINTEXT = TLSPolicy(encrypt=False, verify="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSSettings:
    """The stored TLS part of a config (`mtls` in the product's JSON)."""

    sslmode: SSLMode | None = None
    ca_certificate_id: str | None = None
    mtls_certificate_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperdriveConfig:
    """A stored config.

    `embedded` configs have the embedded PostgreSQL as their origin: `origin` is None, and
    `embedded_database` the name of the database in it.
    """

    id: str
    name: str
    origin: Origin | None
    embedded_database: str = limits.EMBEDDED_DATABASE
    caching: Caching = Caching()
    mtls: TLSSettings = TLSSettings()
    origin_connection_limit: int = limits.ORIGIN_CONNECTION_LIMIT_DEFAULT

    @property
    def embedded(self) -> bool:
        return self.origin is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """Everything that the proxy needs to serve one binding: a config whose origin and TLS are resolved.

    `source` says where the connection string is that gives them instead of a stored config: the name of a key,
    a variable or an option. `embedded`: the origin is the embedded PostgreSQL. `options` are the session settings
    of every origin connection, in the form of libpq's parameter of that name; a client's own come on top.
    `connect_timeout_s` is None for Hyperdrive's own.
    """

    name: str
    origin: Origin
    tls: TLSPolicy
    source: str | None = None
    embedded: bool = False
    caching: Caching = Caching()
    connection_limit: int = limits.ORIGIN_CONNECTION_LIMIT_DEFAULT
    options: str = ""
    connect_timeout_s: float | None = None
    cache_scope: str = ""
    """Distinguishes successive databases of the same name. Empty for the config's own database."""
    cache_key: str = field(init=False, repr=False)
    """Pools with the same key share cached answers. With a local connection string, a binding has its own key."""

    def __post_init__(self) -> None:
        origin = self.origin
        place = (origin.host, str(origin.port), origin.database, origin.user)
        parts = (self.name, *place, self.options, self.cache_scope)
        object.__setattr__(self, "cache_key", "\0".join(parts))
