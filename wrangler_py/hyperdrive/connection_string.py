"""Parses connection strings.

The format is Cloudflare's: `postgres://user:password@host:port/database`, each part percent-encoded, with
the parameters that `connection_parameters` knows. No error contains the password, or text that may be one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Origin
from wrangler_py.hyperdrive.connection_parameters import Parameters, plain, read_parameters
from wrangler_py.hyperdrive.mysql import mysql_refusal

EXAMPLE = "postgres://user:password@host:5432/database"
SCHEMES = ("postgres", "postgresql")
_PARTS = ("host", "port", "dbname", "user", "password")
"""Parts of the address that may also be parameters."""
_HOST_LISTS = re.compile(r"(?:^|[\s;])(?:host|hostaddr|server|data source)\s*=\s*[^\s;]*,", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionString:
    """A parsed connection string. `origin.password` is empty when there is none.

    Paths in `parameters` are as written (`ssl_root_certificate` may be `system`).
    """

    origin: Origin
    parameters: Parameters

    @property
    def ssl_mode(self) -> str | None:
        """One of libpq's modes, None when the string doesn't say."""
        return self.parameters.ssl_mode

    @property
    def ignored(self) -> tuple[str, ...]:
        """The parameters that a stored config cannot have."""
        return (*self.parameters.not_in_config, *self.parameters.ignored)


def parse(text: str) -> ConnectionString:
    """Parse `text`. WranglerError names the malformed part and never quotes it."""
    try:
        return _parse(text)
    except WranglerError as error:
        raise WranglerError(error.message, hint=error.hint or f"A connection string looks like {EXAMPLE}") from None


def _parse(text: str) -> ConnectionString:
    scheme, rest = _split_scheme(text.strip())
    location, pairs = _split_parameters(rest)
    authority, slash, database = location.partition("/")
    if "@" in database or ("@" in "".join(value for _, value in pairs) and "@" not in authority):
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
    if len([name for name, _ in pairs if name == "host"]) > 1 or any("," in v for n, v in pairs if n == "port"):
        raise _several_hosts()
    decoded |= {name: value for name, value in pairs if name in _PARTS}
    if not decoded["host"]:
        decoded["host"] = next((value for name, value in pairs if name == "hostaddr"), "")
        pairs = [pair for pair in pairs if pair[0] != "hostaddr"]
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
    return ConnectionString(
        origin=origin, parameters=read_parameters([pair for pair in pairs if pair[0] not in _PARTS])
    )


def check_scheme(scheme: str) -> str:
    """`scheme` in lower case; WranglerError if it is not PostgreSQL's."""
    scheme = scheme.lower()
    if scheme == "mysql":
        raise mysql_refusal()
    if scheme not in SCHEMES:
        raise WranglerError("Only PostgreSQL-compatible databases are supported: the scheme is `postgres`.")
    return scheme


def check_host(host: str) -> str:
    """`host` if it is one name, one address or the folder of a Unix socket."""
    if "," in host:
        raise _several_hosts()
    if host.startswith("/"):
        return host
    if not host or re.search(r"[\s/\\@?#%\x00-\x1f\x7f]", host):
        raise WranglerError("The host is not a name or an address.")
    return host


def _several_hosts() -> WranglerError:
    return WranglerError("A config has one origin, so one host.", hint="Leave out all hosts but the primary.")


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
    wrapped = re.match(r"(jdbc|r2dbc(?:s)?):[A-Za-z]", text, re.IGNORECASE)
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?", text)
    if wrapped is not None:
        raise WranglerError(
            f"`{wrapped[1].lower()}:` URLs are for Java drivers.",
            hint="Write it as a URL that begins with `postgres://`, and user and password before the host:\n"
            f"{EXAMPLE}",
        )
    if match is None or match[2] is None:
        if _HOST_LISTS.search(text):
            raise _several_hosts()
        raise WranglerError(
            "You must specify the database protocol in your connection string, such as `postgres://`."
        )
    dialect, plus, _ = match[1].lower().partition("+")
    if plus and dialect in SCHEMES:
        raise WranglerError(
            f"The `+` in the scheme names a driver, as in SQLAlchemy; Hyperdrive takes only `{dialect}://`.",
            hint="Leave out the `+` and what follows it, up to the `://`.",
        )
    return check_scheme(match[1]), text[match.end() :]


def _split_parameters(text: str) -> tuple[str, list[tuple[str, str]]]:
    if "#" in text:
        raise WranglerError(
            "The connection string has a `#`.", hint="If it belongs to the password, write it as %23."
        )
    location, _, query = text.partition("?")
    pairs = []
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        name = _decode(name.replace("+", " "), "name of a parameter")
        is_flag = not equals and plain(name) == "ssl"  # JDBC
        if not (equals or is_flag) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_. \[\]-]*", name):
            raise WranglerError(
                "A parameter after the `?` is not `name=value`.",
                hint="If the `?` belongs to the password, write it as %3F.",
            )
        pairs.append((name, _decode(value, "value of a parameter")))
    return location, pairs


def _split_address(address: str) -> tuple[str, str]:
    if "," in address or "%2c" in address.lower():
        raise _several_hosts()
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise WranglerError("The host is not a valid address in brackets.")
        return host, port[1:]
    host, _, port = address.partition(":")
    if ":" in port:
        raise WranglerError("The host has several `:`.", hint="Write an IPv6 address in brackets: [::1].")
    return host, port


def _decode(text: str, part: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise WranglerError(
            f"The {part} has a `%` without two hexadecimal digits after it.", hint="Write a `%` itself as %25."
        )
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise WranglerError(f"The {part}, percent-decoded, is not UTF-8.") from None
    if "\0" in decoded:
        raise WranglerError(f"The {part} has a zero byte.")
    return decoded
