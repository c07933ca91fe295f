"""Configs as JSON: Cloudflare's format, and that of the local store, which includes the password."""

from __future__ import annotations

from typing import Any

from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Caching, HyperdriveConfig, Origin, TLSSettings


def to_public(config: HyperdriveConfig) -> dict[str, Any]:
    """The output of `get` and `list`: Cloudflare's format, in which passwords are write-only."""
    origin = config.origin
    shown: dict[str, Any]
    if origin is None:
        shown = {"embedded": True, "database": config.embedded_database}
    else:
        shown = {
            "scheme": origin.scheme,
            "host": origin.host,
            "port": origin.port,
            "database": origin.database,
            "user": origin.user,
        }
    document: dict[str, Any] = {"id": config.id, "name": config.name, "origin": shown}
    if config.caching.disabled:
        document["caching"] = {"disabled": True}
    else:
        document["caching"] = {
            "disabled": False,
            "max_age": config.caching.max_age,
            "stale_while_revalidate": config.caching.stale_while_revalidate,
        }
    tls = {
        "ca_certificate_id": config.mtls.ca_certificate_id,
        "mtls_certificate_id": config.mtls.mtls_certificate_id,
        "sslmode": config.mtls.sslmode,
    }
    if any(tls.values()):
        document["mtls"] = {name: value for name, value in tls.items() if value is not None}
    document["origin_connection_limit"] = config.origin_connection_limit
    return document


def to_stored(config: HyperdriveConfig) -> dict[str, Any]:
    """The format of the local store."""
    document = to_public(config)
    if config.origin is not None:
        document["origin"]["password"] = config.origin.password
    return document


def from_stored(document: dict[str, Any]) -> HyperdriveConfig:
    """The config in the format of `to_stored`. KeyError or TypeError if it is malformed."""
    shown = document["origin"]
    embedded = shown.get("embedded", False)
    return HyperdriveConfig(
        id=document["id"],
        name=document["name"],
        origin=None if embedded else Origin(**shown),
        embedded_database=shown["database"] if embedded else limits.EMBEDDED_DATABASE,
        caching=Caching(**document["caching"]),
        mtls=TLSSettings(**document.get("mtls", {})),
        origin_connection_limit=document["origin_connection_limit"],
    )
