"""Pools in a few words: where they lead, how, and what has changed."""

from __future__ import annotations

import ipaddress

from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.hyperdrive.config import Caching, Origin, PoolConfig, TLSPolicy
from wrangler_py.project.section import is_placeholder


def describe_origin(origin: Origin) -> str:
    """The origin as a person knows it, without its password."""
    place = origin.host if origin.is_unix_socket else f"{origin.host}:{origin.port}"
    separator = ":" if origin.is_unix_socket else "/"
    return f"{origin.user}@{place}{separator}{origin.database}"


def describe_embedded(database: str) -> str:
    """A database of the embedded PostgreSQL, whose address means nothing to a person."""
    return f"embedded PostgreSQL, database {database}"


def describe_default(binding: ResolvedBinding) -> str | None:
    """Why `binding` leads to the embedded PostgreSQL although nobody said so; None if somebody did."""
    if isinstance(binding.database, PoolConfig) or binding.config is not None:
        return None
    id = "its id" if is_placeholder(binding.id) else f"the id {binding.id}"
    return f"env.{binding.binding}: no config has {id}, so it gets the embedded PostgreSQL."


def describe_place(pool: PoolConfig) -> str:
    """Where `pool` leads."""
    return describe_embedded(pool.origin.database) if pool.embedded else describe_origin(pool.origin)


def describe_tls(tls: TLSPolicy) -> str:
    if not tls.encrypt:
        return "off"
    return {"none": "on, unverified", "ca": "certificate verified", "full": "certificate and name verified"}[
        tls.verify
    ]


def describe_caching(caching: Caching) -> str:
    """Ages in seconds: fresh for, then stale for."""
    return "off" if caching.disabled else f"{caching.max_age} s + {caching.stale_while_revalidate} s stale"


def describe_limit(pool: PoolConfig) -> str:
    return f"{pool.connection_limit} connections"


def describe_changes(before: PoolConfig, now: PoolConfig) -> list[str]:
    """What is different `now`, a few words each: `caching off`, `another password`."""
    changes = []
    if describe_place(before) != describe_place(now):
        changes.append(f"origin {describe_place(now)}")
    elif before.origin.password != now.origin.password:
        changes.append("another password")
    if before.embedded and now.embedded and before.origin.host != now.origin.host:
        changes.append("its server was started again")
    if before.tls != now.tls:
        tls = describe_tls(now.tls)
        changes.append("other certificates" if tls == describe_tls(before.tls) else f"TLS {tls}")
    if before.options != now.options:
        changes.append("other session settings")
    if before.connection_limit != now.connection_limit:
        changes.append(f"at most {describe_limit(now)}")
    if before.caching != now.caching:
        changes.append(f"caching {describe_caching(now.caching)}")
    return changes


def is_this_machine(origin: Origin) -> bool:
    if origin.is_unix_socket or origin.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        return False
