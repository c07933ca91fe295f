"""From the options of `hyperdrive create` and `update` to what the API is sent: the official command line's rules.

Ranges and combinations that it leaves to the API are left to the API here, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config_options import ConfigOptions

SCHEMES = ("postgres", "postgresql", "mysql")
SSL_MODES = ("require", "verify-ca", "verify-full")
MYSQL_SSL_MODES = ("REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_DEFAULT_PORTS = {"mysql": 3306}
_DEFAULT_PORT = 5432
_PARTS = ("origin_host", "origin_port", "database", "origin_user", "origin_password")
_ACCESS = ("access_client_id", "access_client_secret")
_CONFLICTS = {
    "connection_string": (*_PARTS, "service_id", *_ACCESS),
    "service_id": ("origin_host", "origin_port", *_ACCESS),
    "origin_port": _ACCESS,
}


def create_body(name: str, options: ConfigOptions) -> dict[str, Any]:
    """The body that creates a config. WranglerError names a missing, wrong or conflicting option."""
    return _body(name, _origin(options, partial=False), options)


def change_body(name: str | None, options: ConfigOptions) -> dict[str, Any]:
    """The body that changes a config, with only the given settings. WranglerError as in `create_body`."""
    body = _body(name, _origin(options, partial=True), options)
    if not body:
        raise WranglerError("Nothing to update: give at least one option.")
    return body


def ignored_parameters(connection_string: str) -> tuple[str, ...]:
    """The names of the parameters of `connection_string`, none of which Cloudflare is sent."""
    pairs = connection_string.partition("?")[2].partition("#")[0].split("&")
    return tuple(pair.partition("=")[0] for pair in pairs if pair)


def _body(name: str | None, origin: Mapping[str, Any], options: ConfigOptions) -> dict[str, Any]:
    return _given(
        {
            "name": name,
            "origin": dict(origin) or None,
            "caching": _caching(options) or None,
            "mtls": _mtls(options) or None,
            "origin_connection_limit": options.origin_connection_limit,
        }
    )


def _origin(options: ConfigOptions, *, partial: bool) -> dict[str, Any]:
    if options.embedded:
        raise WranglerError("The embedded PostgreSQL is on this machine: Cloudflare cannot reach it.")
    for option, others in _CONFLICTS.items():
        for other in others:
            if getattr(options, option) is not None and getattr(options, other) is not None:
                raise WranglerError(f"{_flag(option)} and {_flag(other)} are mutually exclusive.", exit_status=2)
    if options.connection_string is not None:
        return _from_string(options.connection_string)
    scheme = options.origin_scheme
    if scheme is None and not partial:
        scheme = "postgresql"
    if scheme is not None and scheme not in SCHEMES:
        raise WranglerError(f"--origin-scheme must be one of {', '.join(SCHEMES)}.", exit_status=2)
    if not partial:
        for option in ("database", "origin_user", "origin_password"):
            if not getattr(options, option):
                raise WranglerError(
                    f"{_flag(option)} is missing.",
                    hint="Or give everything at once: --connection-string=postgres://user:password@host:5432/database",
                    exit_status=2,
                )
    return _given(
        {
            "scheme": scheme,
            "database": options.database,
            "user": options.origin_user,
            "password": options.origin_password,
            **_network(options, partial=partial),
        }
    )


def _network(options: ConfigOptions, *, partial: bool) -> dict[str, Any]:
    if options.service_id:
        return {"service_id": options.service_id}
    if options.access_client_id or options.access_client_secret:
        for option in (*_ACCESS, "origin_host"):
            if not getattr(options, option):
                raise WranglerError(f"An origin behind Access needs {_flag(option)}, too.", exit_status=2)
        return {
            "access_client_id": options.access_client_id,
            "access_client_secret": options.access_client_secret,
            "host": options.origin_host,
        }
    if options.origin_host or options.origin_port:
        if not options.origin_host or options.origin_port is None:
            missing = "--origin-port" if options.origin_host else "--origin-host"
            raise WranglerError(f"{missing} is missing: host and port go together.", exit_status=2)
        return {"host": options.origin_host, "port": options.origin_port}
    if partial:
        return {}
    raise WranglerError(
        "Specify the database.",
        hint="--connection-string, or --origin-host; --service-id for a Workers VPC service.",
        exit_status=2,
    )


def _from_string(text: str) -> dict[str, Any]:
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in SCHEMES:
        raise _malformed(
            "Only PostgreSQL- and MySQL-compatible databases are supported: it starts with postgres://."
        )
    location = rest.partition("?")[0].partition("#")[0]
    authority, _, database = location.partition("/")
    login, _, address = authority.rpartition("@")
    user, _, password = login.partition(":")
    host, port = _split_address(address)
    if not host:
        raise _malformed("It has no host.")
    for value, what in ((database, "database name"), (user, "user name"), (password, "password")):
        if not value:
            raise _malformed(f"It has no {what}.")
    if "@" in database:
        raise _malformed("Percent-encode `/`, `?`, `#` and `@` in user name and password: %2F, %3F, %23, %40.")
    return {
        "scheme": scheme,
        "host": host,
        "port": port or _DEFAULT_PORTS.get(scheme, _DEFAULT_PORT),
        "database": _decode(database),
        "user": _decode(user),
        "password": _decode(password),
    }


def _split_address(address: str) -> tuple[str, int | None]:
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        return address, None
    if not port:
        return host, None
    if not (port.isascii() and port.isdecimal()) or not 1 <= int(port) <= 65535:
        raise _malformed("The port is not a number from 1 to 65535.")
    return host, int(port)


def _decode(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise _malformed("It has a `%` without two hexadecimal digits after it: write a `%` itself as %25.")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _malformed("A percent-encoded part of it is not UTF-8 text.") from None


def _malformed(reason: str) -> WranglerError:
    return WranglerError(
        f"The connection string cannot be used. {reason}",
        hint="A connection string looks like postgres://user:password@host:5432/database",
    )


def _caching(options: ConfigOptions) -> dict[str, Any]:
    return _given(
        {
            "disabled": options.caching_disabled,
            "max_age": options.max_age,
            "stale_while_revalidate": options.swr,
        }
    )


def _mtls(options: ConfigOptions) -> dict[str, Any]:
    mode = options.sslmode
    if mode is not None:
        mode = next((each for each in MYSQL_SSL_MODES if each == mode.upper()), mode)
        if mode not in (*SSL_MODES, *MYSQL_SSL_MODES):
            raise WranglerError(
                f"--sslmode must be one of {', '.join(SSL_MODES)}; for MySQL, of {', '.join(MYSQL_SSL_MODES)}.",
                exit_status=2,
            )
    return _given(
        {
            "ca_certificate_id": options.ca_certificate_id,
            "mtls_certificate_id": options.mtls_certificate_id,
            "sslmode": mode,
        }
    )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
