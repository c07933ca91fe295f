"""Describes the pools of bindings: why they use their database, and what has changed."""

from __future__ import annotations

from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.hyperdrive.pool_description import describe_caching, describe_limit, describe_place, describe_tls
from wrangler_py.project.section import is_placeholder


def describe_default(binding: ResolvedBinding) -> str | None:
    """Why `binding` uses the embedded PostgreSQL by default; None if its config says so."""
    if isinstance(binding.database, PoolConfig) or binding.config is not None:
        return None
    id = "its id" if is_placeholder(binding.id) else f"the id {binding.id}"
    return f"env.{binding.binding}: no config has {id}, so it uses the embedded PostgreSQL."


def describe_changes(before: PoolConfig, now: PoolConfig) -> list[str]:
    """The differences between `before` and `now`, a few words each: `caching off`, `another password`."""
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
