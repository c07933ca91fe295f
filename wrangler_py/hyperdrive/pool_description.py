"""Short descriptions of pools: origin, TLS, caching, limit."""

from __future__ import annotations

import ipaddress

from wrangler_py.hyperdrive.config import Caching, Origin, PoolConfig, TLSPolicy


def describe_origin(origin: Origin) -> str:
    """The origin in readable form, without its password."""
    place = origin.host if origin.is_unix_socket else f"{origin.host}:{origin.port}"
    separator = ":" if origin.is_unix_socket else "/"
    return f"{origin.user}@{place}{separator}{origin.database}"


def describe_embedded(database: str) -> str:
    """A database of the embedded PostgreSQL, without its address, which means nothing to users."""
    return f"embedded PostgreSQL, database {database}"


def describe_place(pool: PoolConfig) -> str:
    """The origin of `pool`."""
    return describe_embedded(pool.origin.database) if pool.embedded else describe_origin(pool.origin)


def describe_tls(tls: TLSPolicy) -> str:
    if not tls.encrypt:
        return "off"
    return {"none": "on, unverified", "ca": "certificate verified", "full": "certificate and name verified"}[
        tls.verify
    ]


def describe_caching(caching: Caching) -> str:
    """How long answers are fresh and stale, in seconds."""
    return "off" if caching.disabled else f"{caching.max_age} s + {caching.stale_while_revalidate} s stale"


def describe_limit(pool: PoolConfig) -> str:
    return f"{pool.connection_limit} connections"


def is_this_machine(origin: Origin) -> bool:
    if origin.is_unix_socket or origin.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        return False
