"""A config of the local store, written to Cloudflare."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wrangler_py.cloudflare.account_certificates import AccountCertificates
from wrangler_py.cloudflare.difference import CertificateMatch
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_store import ConfigStore
from wrangler_py.project.config_file import ConfigFile


def check_reachable(config: HyperdriveConfig) -> None:
    """WranglerError if Cloudflare cannot reach the origin of `config`, or not log in."""
    origin = config.origin
    if origin is None:
        raise WranglerError(
            f"The origin of '{config.name}' is the embedded PostgreSQL, which Cloudflare cannot reach.",
            hint="Give it a database that is on the internet: "
            f"`wrangler-py hyperdrive update {shlex.quote(config.name)} --connection-string=…`",
        )
    if origin.is_unix_socket or _is_loopback(origin.host):
        raise WranglerError(
            f"The origin of '{config.name}' is on this machine ({origin.host}), and Cloudflare cannot reach it.",
            hint="Push a config whose database is on the internet. For development, set its binding's\n"
            "`localConnectionString` to a database on this machine.",
        )
    if not origin.password:
        raise WranglerError(
            f"'{config.name}' has no password here, and Cloudflare needs one.",
            hint=f"`wrangler-py hyperdrive update {shlex.quote(config.name)} --origin-password=-` asks for it.",
        )


def body_of(config: HyperdriveConfig, certificate_ids: Mapping[str, str]) -> dict[str, Any]:
    """The whole of `config` for the API; `certificate_ids` maps the ids of certificates here to the account's."""
    origin = config.origin
    assert origin is not None
    caching: dict[str, Any] = {"disabled": config.caching.disabled}
    if not config.caching.disabled:
        caching["max_age"] = config.caching.max_age
        caching["stale_while_revalidate"] = config.caching.stale_while_revalidate
    tls = config.mtls
    mtls = {
        "sslmode": tls.sslmode,
        "ca_certificate_id": tls.ca_certificate_id and certificate_ids[tls.ca_certificate_id],
        "mtls_certificate_id": tls.mtls_certificate_id and certificate_ids[tls.mtls_certificate_id],
    }
    mtls = {key: value for key, value in mtls.items() if value is not None}
    return {
        "name": config.name,
        "origin": {
            "scheme": origin.scheme,
            "host": origin.host,
            "port": origin.port,
            "database": origin.database,
            "user": origin.user,
            "password": origin.password,
        },
        "caching": caching,
        **({"mtls": mtls} if mtls else {}),
        "origin_connection_limit": config.origin_connection_limit,
    }


def upload_certificates(
    config: HyperdriveConfig, store: CertificateStore, account: AccountCertificates, match: CertificateMatch
) -> dict[str, str]:
    """The account's ids for the certificates of `config`; those that are not there are uploaded.

    One that was uploaded before, by a push that was interrupted for one, is found by its content.
    """
    ids = {}
    for id in (config.mtls.ca_certificate_id, config.mtls.mtls_certificate_id):
        if id is None:
            continue
        certificate = store.get(id)
        found = match.there(certificate)
        if found is None:
            name = certificate.name if match.name_is_free(certificate.name) else None
            if certificate.key is None:
                found = account.upload_authority(name, certificate.certificates)
            else:
                found = account.upload_client(name, certificate.certificates, certificate.key)
        ids[id] = found.id
    return ids


def take_over_id(
    config: HyperdriveConfig, id: str, store: ConfigStore, file: ConfigFile | None
) -> tuple[HyperdriveConfig, tuple[str, ...]]:
    """Give `config` the id it has at Cloudflare, and every binding of the project that has its old one.

    The store comes last: what is interrupted before that is found by the config's name when it is run again.
    Returns the config and the names of the bindings.
    """
    bound = replace_bound_id(file, config.id, id)
    if config.id == id:
        return config, bound
    return store.change_id(config.id, replace(config, id=id)), bound


def replace_bound_id(file: ConfigFile | None, old: str, new: str) -> tuple[str, ...]:
    """Have all bindings of the config `old`, in all environments, be bindings of `new`; returns their names."""
    if file is None or old == new:
        return ()
    bound = file.replace_hyperdrive_id(old, new)
    file.save()
    return bound


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
