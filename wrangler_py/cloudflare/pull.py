"""A config at Cloudflare, taken into the local store."""

from __future__ import annotations

import shlex
from dataclasses import replace

from wrangler_py.cloudflare.account_certificates import AccountCertificates
from wrangler_py.cloudflare.difference import CertificateMatch, blocks
from wrangler_py.cloudflare.remote_config import RemoteConfig
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.certificates import Certificate, CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig, Origin, TLSSettings
from wrangler_py.hyperdrive.connection_string import check_host, check_identifier, check_port, check_scheme
from wrangler_py.hyperdrive.tls_policy import check_ssl_mode


def check_emulated(config: RemoteConfig) -> None:
    """WranglerError if its origin cannot be reached from here as Cloudflare reaches it."""
    way = config.origin.not_emulated
    if way is not None:
        what = "is MySQL" if way == "MySQL" else f"is behind {way}"
        raise WranglerError(
            f"The database of '{config.name}' {what}, which is not emulated here.",
            hint="Give its binding a database for development: --local-connection-string writes one into the\n"
            "config file.",
        )


def local_config(config: RemoteConfig, password: str, tls: TLSSettings) -> HyperdriveConfig:
    """The local config that `config` makes with `password` and `tls`."""
    shown = config.origin
    scheme = check_scheme(shown.scheme)
    limit = config.origin_connection_limit
    return HyperdriveConfig(
        id=config.id,
        name=config.name,
        origin=Origin(
            scheme="postgres" if scheme == "postgres" else "postgresql",
            host=check_host((shown.host or "").strip("[]")),
            port=check_port(shown.port or limits.DEFAULT_PORT),
            database=check_identifier(shown.database, "database"),
            user=check_identifier(shown.user, "user"),
            password=password,
        ),
        caching=config.caching,
        mtls=tls,
        origin_connection_limit=limits.ORIGIN_CONNECTION_LIMIT_DEFAULT if limit is None else limit,
    )


def known_password(config: RemoteConfig, local: HyperdriveConfig | None) -> str | None:
    """The password that `local` has for the same login."""
    if local is None or local.origin is None:
        return None
    ours, theirs = local.origin, config.origin
    same = (ours.host.lower(), ours.user) == ((theirs.host or "").lower(), theirs.user)
    return ours.password if same and ours.password else None


def local_tls(
    config: RemoteConfig, store: CertificateStore, account: AccountCertificates
) -> tuple[TLSSettings, str | None]:
    """The TLS settings for here, CA certificates taken into `store`, and what is missing, in a sentence."""
    missing = None
    settings = TLSSettings(sslmode=None if config.sslmode is None else check_ssl_mode(config.sslmode))
    if config.ca_certificate_id is not None:
        settings = replace(settings, ca_certificate_id=_take_authority(config.ca_certificate_id, store, account).id)
    if config.mtls_certificate_id is not None:
        theirs = account.get(config.mtls_certificate_id)
        match = CertificateMatch(store.list(), [theirs])
        ours = next((each for each in store.list() if match.there(each) is not None), None)
        if ours is not None:
            settings = replace(settings, mtls_certificate_id=ours.id)
        else:
            missing = (
                f"Its client certificate {theirs.name or theirs.id} is not in the local store, and Cloudflare "
                "returns no private keys. Complete it with `wrangler-py cert upload mtls-certificate …` and "
                f"`wrangler-py hyperdrive update {shlex.quote(config.name)} --mtls-certificate-id …`."
            )
    return settings, missing


def _take_authority(id: str, store: CertificateStore, account: AccountCertificates) -> Certificate:
    theirs = account.get(id)
    content = blocks(theirs.certificates)
    for each in store.list():
        if blocks(each.certificates) == content:
            return each
    taken = {each.name for each in store.list()}
    return store.add(
        Certificate(
            id=theirs.id,
            name=None if theirs.name in taken else theirs.name,
            kind="certificate-authority",
            certificates=theirs.certificates,
            issuer=theirs.issuer,
            expires_on=theirs.expires_on,
            uploaded_on=theirs.uploaded_on,
        )
    )
