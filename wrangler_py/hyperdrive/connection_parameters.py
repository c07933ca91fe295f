"""Interprets the parameters of a connection string: libpq's, and those of drivers with other names.

No connection becomes weaker than its author intended: of several TLS parameters the strongest counts,
and an unknown one is an error. Values may hold anything, so no error quotes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.mysql import is_mysql_mode, mysql_refusal

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's, the weakest first."""

_MODES = {
    **{mode.replace("-", ""): mode for mode in SSL_MODES},
    "none": "disable",  # the product's name
    "noverify": "require",  # node-postgres
}
_YES, _NO = frozenset({"", "1", "on", "t", "true", "y", "yes"}), frozenset({"0", "f", "false", "n", "no", "off"})
_FACTORIES = {  # JDBC
    "org.postgresql.ssl.NonValidatingFactory": "require",
    "org.postgresql.ssl.DefaultJavaSSLFactory": "verify-full",
    "org.postgresql.ssl.LibPQFactory": "verify-full",
    "org.postgresql.ssl.jdbc4.LibPQFactory": "verify-full",
}
_ACCEPT = {"strict": "verify-full", "acceptinvalidcerts": "require"}  # Prisma
_VERIFYING = ("verify-ca", "verify-full")
_TLS = frozenset({"requiressl", "ssl", "sslaccept", "sslcontext", "sslfactory", "sslinline", "sslmode"})
_FILES = {
    "sslrootcert": "sslrootcert",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "rootcertificate": "sslrootcert",  # Npgsql
    "sslcertificate": "sslcert",
    "sslca": "sslrootcert",  # SQLx
}
_SETTINGS = {
    name.replace("_", ""): name
    for name in (
        *("bytea_output", "client_min_messages", "datestyle", "default_transaction_deferrable"),
        *("default_transaction_isolation", "default_transaction_read_only", "extra_float_digits"),
        *("idle_in_transaction_session_timeout", "idle_session_timeout", "intervalstyle", "jit", "lock_timeout"),
        *("plan_cache_mode", "role", "row_security", "search_path", "statement_timeout", "timezone"),
        *("transaction_timeout", "work_mem"),
    )
} | {"currentschema": "search_path"}  # JDBC
"""Session settings that asyncpg, pgx, lib/pq and others take as parameters, without underscores."""
_WITHOUT_EFFECT = frozenset(
    {
        *("gssencmode", "keepalives", "keepalivescount", "keepalivesidle", "keepalivesinterval"),
        *("loadbalancehosts", "pgbouncer", "sslcertmode", "sslcompression", "sslsni", "tcpkeepalive"),
        *("tcpusertimeout", "uselibpqcompat"),
    }
)
"""Parameters that providers add, and those that have no effect for one host behind one proxy."""
_HARMLESS_VALUES = {
    "channelbinding": {"disable", "prefer", "require"},
    "clientencoding": {"utf8", "unicode"},
    "gssencmode": {"disable", "prefer"},
    "loadbalancehosts": {"disable", "random", "false", "true"},
    "sslcertmode": {"allow", "disable"},
    "sslnegotiation": {"direct", "postgres"},
    "targetsessionattrs": {"any"},
    "targetservertype": {"any"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of a local connection string, without the parts of the address.

    `ssl_mode` is one of SSL_MODES, None where nothing is said about TLS. `options` is in the form of libpq's
    parameter: the session settings of each connection. `ignored` names what has no effect; `not_in_config`
    what a stored config has no place for, so that it has effect in a local connection string only.
    """

    ssl_mode: str | None = None
    ssl_root_certificate: str | None = None
    ssl_certificate: str | None = None
    ssl_key: str | None = None
    require_channel_binding: bool = False
    require_tls_1_3: bool = False
    options: str = ""
    connect_timeout_s: float | None = None
    ignored: tuple[str, ...] = ()
    not_in_config: tuple[str, ...] = ()


def plain(name: str) -> str:
    """`name` for comparison: drivers write `sslmode`, `sslMode`, `ssl-mode` and `SSL Mode`."""
    return re.sub(r"[ _-]", "", name).lower()


def read_parameters(pairs: Sequence[tuple[str, str]]) -> Parameters:
    """Interpret `pairs` of names and values. Raises WranglerError for an ambiguous value."""
    files: dict[str, str] = {}
    options: list[str] = []
    ignored: list[str] = []
    not_in_config: list[str] = []
    connect_timeout_s, require_tls_1_3 = None, False
    given = {plain(name): value for name, value in pairs}
    ssl_mode = _ssl_mode(pairs)
    for name, value in pairs:
        key = plain(name)
        if key == "trustservercertificate":
            if ssl_mode in _VERIFYING and plain(value) in _YES:
                ignored.append(name)
        elif key in _FILES:
            if ssl_mode in ("disable", "allow"):
                ignored.append(name)
            elif _FILES[key] != "sslrootcert" or ssl_mode == "require":  # otherwise a config requires its own CA
                not_in_config.append(name)
            # Prisma's `sslcert` is the root certificate.
            is_root = key == "sslcert" and "sslaccept" in given and "sslkey" not in given
            files["sslrootcert" if is_root else _FILES[key]] = value
        elif (setting := _setting(name, key, value)) is not None:
            options.append(setting)
            not_in_config.append(name)
        elif key == "sslminprotocolversion":
            require_tls_1_3 = _requires_tls_1_3(value)
            if require_tls_1_3:
                not_in_config.append(name)
        elif key == "connecttimeout":
            connect_timeout_s = _timeout(name, value)
            (not_in_config if connect_timeout_s else ignored).append(name)
        elif key not in _TLS and not _is_harmless(key, value):
            ignored.append(name)
    if "sslinline" in given and given["sslinline"].lower() not in _NO:
        raise WranglerError(
            "The parameter `sslinline` is not supported.",
            hint="Put the certificates into files, and their paths into `sslrootcert`, `sslcert` and `sslkey`.",
        )
    return Parameters(
        ssl_mode=ssl_mode,
        ssl_root_certificate=files.get("sslrootcert"),
        ssl_certificate=files.get("sslcert"),
        ssl_key=files.get("sslkey"),
        require_channel_binding=given.get("channelbinding") == "require",
        require_tls_1_3=require_tls_1_3,
        options=" ".join(options),
        connect_timeout_s=connect_timeout_s,
        ignored=tuple(dict.fromkeys(ignored)),
        not_in_config=tuple(dict.fromkeys(not_in_config)),
    )


def _requires_tls_1_3(least: str) -> bool:
    """Whether `ssl_min_protocol_version` rules out TLS 1.2; no older one is used in any case."""
    if plain(least) not in ("", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"):
        raise WranglerError(
            "The parameter `ssl_min_protocol_version` has an unknown value.",
            hint="Set it to TLSv1.2 or TLSv1.3, or leave it out: TLS 1.2 is the oldest that is used.",
        )
    return plain(least) == "tlsv1.3"


def strongest(modes: Iterable[str]) -> str | None:
    """The strictest of the SSL modes."""
    return max(modes, key=SSL_MODES.index, default=None)


def _ssl_mode(pairs: Sequence[tuple[str, str]]) -> str | None:
    modes: list[str] = []
    wants_tls = has_to_encrypt = False
    for name, value in pairs:
        match plain(name):
            case "sslmode":
                if name == "sslmode" and is_mysql_mode(value):  # `sslMode` is R2DBC's, which writes VERIFY_CA
                    raise mysql_refusal(f"The sslmode `{value}` is MySQL's.")
                modes.append(_look_up(_MODES, plain(value), "sslmode"))
            case "ssl" | "sslcontext" if plain(value) in _YES:
                wants_tls = True
            case "ssl" | "sslcontext" if plain(value) in _NO:
                modes.append("disable")
            case "ssl" | "sslcontext":
                modes.append(_look_up(_MODES, plain(value), name))
            case "sslfactory":
                modes.append(_look_up(_FACTORIES, value, "sslfactory"))
            case "sslaccept":
                modes.append(_look_up(_ACCEPT, plain(value), "sslaccept"))
            case "requiressl":
                has_to_encrypt |= value not in _NO
            case "sslnegotiation":
                has_to_encrypt |= value == "direct"
            case "channelbinding" | "gssencmode":
                has_to_encrypt |= value == "require"
            case "sslrootcert" if value == "system":
                modes.append("verify-full")  # libpq takes it with no other
    mode = strongest(modes)
    if mode is None and any(plain(name) in _FILES for name, _ in pairs):
        mode = "require"
    encrypts = mode is not None and SSL_MODES.index(mode) >= SSL_MODES.index("require")
    if wants_tls and not encrypts:
        return "verify-full"  # as JDBC, node-postgres, Postgres.js, asyncpg and pg8000 take a mere "yes"
    return "require" if has_to_encrypt and not encrypts else mode


def _look_up(known: dict[str, str], value: str, name: str) -> str:
    mode = known.get(value)
    if mode is None:
        modes = ", ".join(SSL_MODES)
        raise WranglerError(
            f"The parameter `{name}` has an unknown value.",
            hint=f"Specify the TLS mode with `sslmode`: one of {modes}.",
        )
    return mode


def _setting(name: str, key: str, value: str) -> str | None:
    """The part of `options` that the parameter `name` stands for, if it stands for a session setting."""
    if key == "options":
        # Most URL libraries write a space as `+`; libpq reads it as it is, so only where no `+` can stand.
        return re.sub(r"\+(?=-)|(?<=-c)\+", " ", value)
    bracketed = re.fullmatch(r"options\[(.+)\]", name)
    if bracketed is not None:
        return _assignment(bracketed[1], value)
    if key in _SETTINGS:
        return _assignment(_SETTINGS[key], value)
    if key == "schema":  # Prisma
        return _assignment("search_path", '"' + value.replace('"', '""') + '"')
    if key == "clientencoding" and value.lower() != "auto" and not _is_harmless(key, value):
        return _assignment("client_encoding", value)
    if re.fullmatch(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", name):
        return _assignment(name, value)
    return None


def _assignment(name: str, value: str) -> str:
    return "-c " + re.sub(r"([\\\s])", r"\\\1", f"{name}={value}")


def _timeout(name: str, value: str) -> float | None:
    """Seconds, as in libpq at least two; None for what goes beyond Hyperdrive's own limit, "no limit" included."""
    if not re.fullmatch(r"\s*-?[0-9]{1,6}\s*", value):
        raise WranglerError(f"The parameter `{name}` is not a number of seconds.")
    return max(2.0, float(value)) if 0 < int(value) <= limits.CONNECT_TIMEOUT_S else None


def _is_harmless(key: str, value: str) -> bool:
    if key in _HARMLESS_VALUES:
        return plain(value) in _HARMLESS_VALUES[key]
    return key in _WITHOUT_EFFECT
