"""Connection strings, read.

The form is the product's: `postgres://user:password@host:port/database`, each part percent-encoded, with
libpq's query parameters where they mean something here. The password, or what might be one, is in no error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Origin

EXAMPLE = "postgres://user:password@host:5432/database"
SCHEMES = ("postgres", "postgresql")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's, the weakest first. `none` is the product's name for `disable`."""
_MYSQL_SSL_MODES = frozenset({"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"})

_PARAMETERS_FOR_FILES = ("sslrootcert", "sslcert", "sslkey")
_PARAMETERS_FOR_PARTS = ("host", "port", "dbname", "user", "password")
_PARAMETERS_WITHOUT_EFFECT = frozenset(
    {
        *("application_name", "channel_binding", "client_encoding", "connect_timeout", "gssencmode"),
        *("fallback_application_name", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "load_balance_hosts", "pgbouncer", "ssl_min_protocol_version"),
        *("sslcertmode", "sslcompression", "sslnegotiation", "sslsni", "target_session_attrs"),
        "tcp_user_timeout",
    }
)
"""Given by providers, and either Hyperdrive's own business or without meaning for a pooled connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionString:
    """A parsed connection string. `origin.password` is empty when there is none.

    `ssl_mode` is None when the string doesn't say; paths are as written (`ssl_root_certificate` may be
    `system`); `ignored` names the parameters that were understood by nobody.
    """

    origin: Origin
    ssl_mode: str | None = None
    ssl_root_certificate: str | None = None
    ssl_certificate: str | None = None
    ssl_key: str | None = field(default=None)
    ignored: tuple[str, ...] = ()


def parse(text: str) -> ConnectionString:
    """Parse `text`. WranglerError names the malformed part and never quotes it."""
    try:
        return _parse(text)
    except WranglerError as error:
        raise WranglerError(error.message, hint=error.hint or f"A connection string looks like {EXAMPLE}") from None


def _parse(text: str) -> ConnectionString:
    scheme, rest = _split_scheme(text.strip())
    location, parameters = _split_parameters(rest)
    authority, slash, database = location.partition("/")
    if "@" in database or ("@" in "".join(parameters.values()) and "@" not in authority):
        raise WranglerError(
            "The connection string has an `@` after the host.",
            hint="Percent-encode `/`, `?`, `#` and `@` in the user name and password: %2F, %3F, %23, %40.",
        )
    credentials, _, address = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _split_address(address)

    decoded = {
        "user": _decode(user, "user name"),
        "password": _decode(password, "password"),
        "host": _decode(host, "host"),
        "port": port,
        "dbname": _decode(database, "database name"),
    }
    decoded |= {name: parameters.pop(name) for name in _PARAMETERS_FOR_PARTS if name in parameters}
    if not decoded["host"]:
        raise WranglerError("You must provide a hostname or IP address in your connection string.")
    if not decoded["dbname"]:
        what = "after the `/`" if slash else "as the path component, after host and port"
        raise WranglerError(f"You must provide a database name {what} in your connection string.")
    if not decoded["user"]:
        raise WranglerError("You must provide a username in your connection string.")
    origin = Origin(
        scheme=cast(Literal["postgres", "postgresql"], scheme),
        host=check_host(decoded["host"]),
        port=check_port(decoded["port"] or str(limits.DEFAULT_PORT)),
        database=check_identifier(decoded["dbname"], "database"),
        user=check_identifier(decoded["user"], "user"),
        password=decoded["password"],
    )
    ssl_mode = _take_ssl_mode(parameters)
    files = {name: parameters.pop(name, None) for name in _PARAMETERS_FOR_FILES}
    return ConnectionString(
        origin=origin,
        ssl_mode=ssl_mode,
        ssl_root_certificate=files["sslrootcert"],
        ssl_certificate=files["sslcert"],
        ssl_key=files["sslkey"],
        ignored=tuple(name for name in parameters if name not in _PARAMETERS_WITHOUT_EFFECT),
    )


def check_scheme(scheme: str) -> str:
    """`scheme` in lower case; WranglerError if it is not PostgreSQL's."""
    scheme = scheme.lower()
    if scheme == "mysql":
        raise mysql_refusal()
    if scheme not in SCHEMES:
        raise WranglerError("Only PostgreSQL-compatible databases are supported: the scheme is `postgres`.")
    return scheme


def mysql_refusal(reason: str = "") -> WranglerError:
    """The error for what belongs to MySQL; `reason` is the sentence that says how it is known to."""
    return WranglerError(
        f"{reason} MySQL is not emulated: wrangler-py works with PostgreSQL.".lstrip(),
        hint="Use Cloudflare's own `wrangler hyperdrive create` for a MySQL database.",
    )


def is_mysql_mode(mode: str) -> bool:
    """Whether `mode` is MySQL's spelling of an sslmode, in any case."""
    return mode.upper() in _MYSQL_SSL_MODES


def check_host(host: str) -> str:
    """`host` if it is one name, one address or the folder of a Unix socket."""
    if "," in host:
        raise WranglerError("A config has one origin, so one host.", hint="Leave out all hosts but the primary.")
    if host.startswith("/"):
        return host
    if not host or re.search(r"[\s/\\@?#%\x00-\x1f\x7f]", host):
        raise WranglerError("The host is not a name or an address.")
    return host


def check_port(port: str | int) -> int:
    """`port` as a number from 1 to 65535."""
    if not re.fullmatch(r"[0-9]{1,5}", str(port)) or not 1 <= int(port) <= 65535:
        raise WranglerError("The port is not a number from 1 to 65535.")
    return int(port)


def check_identifier(name: str, what: str) -> str:
    """`name` of a user or database, at most 63 bytes long in UTF-8, as the product allows."""
    size = len(check_text(name, f"{what} name"))
    if size == 0:
        raise WranglerError(f"The {what} name is empty.")
    if size > limits.IDENTIFIER_MAX_BYTES:
        raise WranglerError(
            f"The {what} name is {size} bytes long; Hyperdrive takes at most {limits.IDENTIFIER_MAX_BYTES}."
        )
    return name


def check_text(text: str, what: str) -> bytes:
    """`text` in UTF-8; WranglerError if it was typed in other bytes, which Python keeps as surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise WranglerError(f"The {what} is not UTF-8 text.") from None


def _split_scheme(text: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?", text)
    if match is None or match[2] is None:
        raise WranglerError(
            "You must specify the database protocol in your connection string, such as `postgres://`."
        )
    return check_scheme(match[1]), text[match.end() :]


def _split_parameters(text: str) -> tuple[str, dict[str, str]]:
    if "#" in text:
        raise WranglerError(
            "The connection string has a `#`.", hint="If it belongs to the password, write it as %23."
        )
    location, _, query = text.partition("?")
    parameters = {}
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
            raise WranglerError(
                "A parameter after the `?` is not `name=value`.",
                hint="If the `?` belongs to the password, write it as %3F.",
            )
        parameters[name] = _decode(value, "value of a parameter")
    return location, parameters


def _split_address(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise WranglerError("The host is not a valid address in brackets.")
        return host, port[1:]
    host, _, port = address.partition(":")
    if ":" in port:
        raise WranglerError("The host has several `:`.", hint="Write an IPv6 address in brackets: [::1].")
    return host, port


def _take_ssl_mode(parameters: dict[str, str]) -> str | None:
    mode = parameters.pop("sslmode", None)
    if parameters.get("ssl") in ("true", "1"):  # how JDBC and Node's drivers say it
        del parameters["ssl"]
        mode = mode or "require"
    if mode == "none":
        mode = "disable"
    if mode is not None and is_mysql_mode(mode):
        raise mysql_refusal(f"The sslmode `{mode}` is MySQL's.")
    if mode is not None and mode not in SSL_MODES:
        raise WranglerError(f"The parameter `sslmode` is not one of {', '.join(SSL_MODES)}.")
    return mode


def _decode(text: str, part: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise WranglerError(
            f"The {part} has a `%` that two hexadecimal digits don't follow.", hint="Write a `%` itself as %25."
        )
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise WranglerError(f"The {part}, percent-decoded, is not UTF-8.") from None
    if "\0" in decoded:
        raise WranglerError(f"The {part} has a zero byte.")
    return decoded
