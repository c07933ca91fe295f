"""From what a config or a connection string says about TLS to a policy with its certificates at hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificates import Certificate, CertificateStore, read_roots, refuse_encrypted
from wrangler_py.hyperdrive.config import (
    PLAINTEXT,
    HyperdriveConfig,
    SSLMode,
    TLSPolicy,
    TLSSettings,
)
from wrangler_py.hyperdrive.connection_string import ConnectionString
from wrangler_py.hyperdrive.mysql import is_mysql_mode, mysql_refusal

CONFIG_SSL_MODES: tuple[SSLMode, ...] = ("require", "verify-ca", "verify-full")

PLAINTEXT_IS_REFUSED = "Hyperdrive always uses TLS to the origin: use 'require', 'verify-ca' or 'verify-full'."
LOCAL_PLAINTEXT = (
    "A database on your own machine needs no config and no TLS: set the binding's `localConnectionString` in\n"
    "the config file, or the variable CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>.\n"
    "`wrangler-py hyperdrive create NAME --embedded` needs no database server at all."
)


def check_ssl_mode(mode: str) -> SSLMode:
    """`mode` if a config can have it. WranglerError, with the reason, if not."""
    for known in CONFIG_SSL_MODES:
        if mode == known:
            return known
    if mode in ("none", "disable", "allow", "prefer"):
        raise WranglerError(f"sslmode '{mode}' is refused. {PLAINTEXT_IS_REFUSED}", hint=LOCAL_PLAINTEXT)
    if is_mysql_mode(mode):
        raise mysql_refusal(f"The sslmode '{mode}' is MySQL's.")
    raise WranglerError(f"There is no sslmode '{mode}': use require, verify-ca or verify-full.")


def check_settings(settings: TLSSettings) -> TLSSettings:
    """`settings` if Hyperdrive accepts this mode with this CA."""
    if settings.sslmode == "require" and settings.ca_certificate_id:
        raise WranglerError(
            "CA not allowed when sslmode = 'require' is set",
            hint="`require` trusts public authorities. With a CA of your own, use verify-ca or verify-full.",
        )
    if settings.sslmode in ("verify-ca", "verify-full") and not settings.ca_certificate_id:
        raise WranglerError(
            "CA required when sslmode = 'verify-ca' or 'verify-full' is set",
            hint="`wrangler-py cert upload certificate-authority --ca-cert FILE --name NAME`, then "
            "`--ca-certificate-id NAME`.",
        )
    return settings


def config_policy(config: HyperdriveConfig, certificates: CertificateStore) -> TLSPolicy:
    """The policy of a stored config that has an origin of its own; a Unix socket carries no TLS and needs none.

    WranglerError if a certificate of it is gone.
    """
    assert config.origin is not None
    if config.origin.is_unix_socket:
        return PLAINTEXT
    settings = config.mtls
    roots = client_certificate = client_key = None
    if settings.ca_certificate_id:
        roots = _certificate(config, settings.ca_certificate_id, "--ca-certificate-id", certificates).certificates
    if settings.mtls_certificate_id:
        client = _certificate(config, settings.mtls_certificate_id, "--mtls-certificate-id", certificates)
        client_certificate, client_key = client.certificates, client.key
    return TLSPolicy(
        verify="full" if settings.sslmode == "verify-full" else "ca",
        roots=roots,
        client_certificate=client_certificate,
        client_key=client_key,
    )


def local_policy(string: ConnectionString) -> TLSPolicy:
    """The policy of a local connection string, which unlike a config may be plaintext.

    As in wrangler: no sslmode means plaintext, `prefer` takes TLS if the server has it, `require` encrypts
    without validating, the others validate. A root certificate makes `require` validate, as in libpq.
    """
    given, mode = string.parameters, string.ssl_mode
    if string.origin.is_unix_socket or mode in (None, "disable", "allow"):
        return PLAINTEXT
    roots = _roots(given.ssl_root_certificate)
    certificate = _read(given.ssl_certificate, "sslcert")
    key = _read(given.ssl_key, "sslkey")
    if (certificate is None) != (key is None):
        raise WranglerError(
            "Of the connection string's parameters `sslcert` and `sslkey`, one is missing.",
            hint="Give both: the client certificate and its private key. They may be in the same PEM file.",
        )
    if key is not None and given.ssl_key is not None:
        refuse_encrypted(key, Path(given.ssl_key))
    unverified = mode == "prefer" or (mode == "require" and given.ssl_root_certificate is None)
    verified: Literal["ca", "full"] = "full" if mode == "verify-full" else "ca"
    return TLSPolicy(
        verify="none" if unverified else verified,
        optional=mode == "prefer",
        roots=None if unverified else roots,
        client_certificate=certificate,
        client_key=key,
        require_channel_binding=given.require_channel_binding,
        require_tls_1_3=given.require_tls_1_3,
    )


def _certificate(config: HyperdriveConfig, id: str, option: str, certificates: CertificateStore) -> Certificate:
    certificate = certificates.find(id)
    if certificate is None:
        raise WranglerError(
            f"The config '{config.name}' uses a certificate that is no longer in the local store: {id}",
            hint=f"Give it another: `wrangler-py hyperdrive update {shlex.quote(config.name)} {option} ID|NAME`.\n"
            "`wrangler-py cert list` lists the certificates.",
        )
    return certificate


def _roots(path: str | None) -> str | None:
    if path is None or path == "system":
        return None
    try:
        return read_roots(Path(path).expanduser())
    except WranglerError as error:
        raise WranglerError(
            f"The connection string's sslrootcert names a file that cannot be used: {error.message}",
            hint="It takes the path of a PEM file, or `system`.",
        ) from None


def _read(path: str | None, parameter: str) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise WranglerError(
            f"The connection string's {parameter} names a file that cannot be read: {path}",
            hint="It takes the path of a PEM file.",
        ) from None
