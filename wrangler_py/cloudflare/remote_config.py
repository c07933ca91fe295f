"""A Hyperdrive config as the API returns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wrangler_py.hyperdrive.config import Caching

_WRITE_ONLY = ("password", "access_client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOrigin:
    """An origin: `host` and `port`, a host behind Access, or a Workers VPC service."""

    scheme: str
    database: str
    user: str
    host: str | None = None
    port: int | None = None
    access_client_id: str | None = None
    service_id: str | None = None

    @property
    def not_emulated(self) -> str | None:
        """What about it wrangler-py cannot reach from this machine; None if it can."""
        if self.service_id is not None:
            return "a Workers VPC service"
        if self.access_client_id is not None:
            return "Cloudflare Access"
        return "MySQL" if self.scheme == "mysql" else None

    @property
    def place(self) -> str:
        """`app at db.example.com:5432`."""
        if self.service_id is not None:
            return f"{self.database} at the Workers VPC service {self.service_id}"
        host = f"[{self.host}]" if self.host and ":" in self.host and not self.host.startswith("[") else self.host
        if self.access_client_id is not None:
            return f"{self.database} at {host}, through Access"
        return f"{self.database} at {host}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteConfig:
    """A config at Cloudflare. `document` is the API's object, without secrets, for showing it as it is."""

    id: str
    name: str
    origin: RemoteOrigin
    caching: Caching
    sslmode: str | None = None
    ca_certificate_id: str | None = None
    mtls_certificate_id: str | None = None
    origin_connection_limit: int | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_config(document: Mapping[str, Any]) -> RemoteConfig:
    """The config of the API's object. KeyError, TypeError or ValueError if it is not one."""
    origin, mtls = dict(document["origin"]), document.get("mtls") or {}
    for key in _WRITE_ONLY:
        origin.pop(key, None)
    port = origin.get("port")
    return RemoteConfig(
        id=str(document["id"]),
        name=str(document["name"]),
        origin=RemoteOrigin(
            scheme=str(origin.get("scheme") or "postgresql"),
            database=str(origin["database"]),
            user=str(origin["user"]),
            host=_text(origin.get("host")),
            port=None if port is None else int(port),
            access_client_id=_text(origin.get("access_client_id")),
            service_id=_text(origin.get("service_id")),
        ),
        caching=_caching(document.get("caching") or {}),
        sslmode=_text(mtls.get("sslmode")),
        ca_certificate_id=_text(mtls.get("ca_certificate_id")),
        mtls_certificate_id=_text(mtls.get("mtls_certificate_id")),
        origin_connection_limit=document.get("origin_connection_limit"),
        document={**document, "origin": origin},
    )


def _caching(shown: Mapping[str, Any]) -> Caching:
    if shown.get("disabled"):
        return Caching(disabled=True)
    default = Caching()
    return Caching(
        max_age=int(shown.get("max_age", default.max_age)),
        stale_while_revalidate=int(shown.get("stale_while_revalidate", default.stale_while_revalidate)),
    )


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None
