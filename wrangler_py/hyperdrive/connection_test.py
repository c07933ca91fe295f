"""The test connection of `create` and `update`, and Cloudflare's codes for its failures.

Source: Hyperdrive documentation, Troubleshoot and debug. Code 2009 (not a public address) is not ours: a
private address is what a local emulator is for.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Literal, NamedTuple

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Origin, TLSPolicy
from wrangler_py.hyperdrive.tls_policy import LOCAL_PLAINTEXT

if TYPE_CHECKING:
    import psycopg

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Code = Literal[2008, 2010, 2011, 2012, 2013, 2014, 2015, 2016]


class ConnectionCheckError(WranglerError):
    """The test connection failed; `code` is Cloudflare's."""

    def __init__(self, code: Code, message: str, hint: str) -> None:
        super().__init__(f"{message} [code: {code}]", hint=hint)
        self.code = code


def check_connection(origin: Origin, tls: TLSPolicy, *, timeout_s: float = limits.CONNECT_TIMEOUT_S) -> None:
    """Connect to `origin` and send the empty query. ConnectionCheckError if either fails."""
    import psycopg

    from wrangler_py.hyperdrive.psycopg_connection import connect

    check_name_resolves(origin)
    try:
        with connect(origin, tls, timeout_s=timeout_s) as connection:
            try:
                connection.execute(";")
            except psycopg.Error as error:
                raise ConnectionCheckError(
                    2016,
                    f"The test query failed: {_last_line(error)}",
                    f"Confirm that the user '{origin.user}' may run queries in '{origin.database}'.",
                ) from None
    except psycopg.Error as error:
        raise explain(error, origin) from None


def check_name_resolves(origin: Origin) -> None:
    """ConnectionCheckError if the host of `origin` has no address."""
    if origin.is_unix_socket:
        return
    try:
        socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label of the name is too long
        raise ConnectionCheckError(
            2008,
            f"Bad hostname: '{origin.host}' does not resolve to an address.",
            "Check the spelling of the host name, and that this machine's DNS knows it.",
        ) from None


def explain(error: psycopg.Error, origin: Origin, source: str | None = None) -> ConnectionCheckError:
    """Explain psycopg's failure to connect to `origin`, with a fix.

    `source` names the connection string, if it replaces a config's origin (see `PoolConfig`).

    psycopg keeps no SQLSTATE of a refused connection, so this matches messages. A host name may have
    several addresses that fail in different ways: the failure that got furthest is reported.
    """
    text = str(error)
    for failure in _FAILURES:
        if re.search(failure.pattern, text):
            hint = failure.hint_for_string if source and failure.hint_for_string else failure.hint
            place = {
                "source": source,
                "host": origin.host,
                "where": _where(origin),
                "user": origin.user,
                "database": origin.database,
                "detail": _last_line(error),
            }
            hint = hint.format(**place)
            if "{where} is not trusted" in failure.message and origin.host in _LOOPBACK and source is None:
                hint += f"\n{LOCAL_PLAINTEXT}"
            return ConnectionCheckError(failure.code, failure.message.format(**place), hint)
    return ConnectionCheckError(
        2015,
        f"Could not connect to {_where(origin)}: {_last_line(error)}",
        "Check that a PostgreSQL server listens there and accepts connections from this machine.",
    )


class _Failure(NamedTuple):
    """A kind of failure, recognised by psycopg's message; the texts are templates."""

    pattern: str
    code: Code
    message: str
    hint: str
    hint_for_string: str | None = None
    """Whether to correct a connection string rather than a config."""


_FAILURES = (
    # Messages of the server, after the connection was made.
    _Failure(
        r'database ".*" does not exist',
        2014,
        "The database '{database}' does not exist on {where}.",
        "Check the name of the database (not of a table), or create it: createdb {database}",
    ),
    _Failure(
        r"password authentication failed|role \".*\" does not exist|no password supplied"
        r"|peer authentication failed|certificate authentication failed|not permitted to log in"
        r"|empty password returned|requires a valid client certificate",
        2013,
        "Invalid database credentials: {where} refused the user '{user}' ({detail}).",
        "Check that the user exists and that the password is right, upper and lower case included. In a\n"
        "connection string, percent-encode special characters: `@` is %40, `/` is %2F, `#` is %23.",
        "Check user and password in {source}, upper and lower case included. Special characters are\n"
        "percent-encoded there: `@` is %40, `/` is %2F, `#` is %23.",
    ),
    _Failure(
        r"permission denied for database",
        2013,
        "The user '{user}' may not connect to the database '{database}' on {where}.",
        "Grant it: GRANT CONNECT ON DATABASE {database} TO {user}",
    ),
    _Failure(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        2015,
        "The server's access rules refuse this connection to {where}: {detail}",
        "Allow this user, database and address in the server's pg_hba.conf.",
    ),
    # TLS.
    _Failure(
        r"server does not support SSL",
        2012,
        "TLS (SSL) is not supported by the database at {where}.",
        "Hyperdrive requires TLS: configure it on the database (`ssl = on`).\n" + LOCAL_PLAINTEXT,
        "Configure it on the database (`ssl = on`), or remove `sslmode` from {source}.",
    ),
    _Failure(
        r"does not match host name",
        2015,
        "The certificate of {where} is for another host name: {detail}",
        "Connect by a name that the certificate has, or use --sslmode verify-ca.",
        "Connect by a name that the certificate has, or use `sslmode=verify-ca` in {source}.",
    ),
    _Failure(
        r"certificate verify failed",
        2015,
        "The certificate of {where} is not trusted: {detail}",
        "`require` trusts public authorities. For a CA of your own:\n"
        "`wrangler-py cert upload certificate-authority --ca-cert FILE --name NAME`, then\n"
        "`--sslmode verify-ca --ca-certificate-id NAME`.",
        "Name the CA that issued it in {source}: `sslrootcert=FILE`. `sslmode=require` encrypts unchecked.",
    ),
    # The network.
    _Failure(
        r"(?i)connection refused",
        2011,
        "Connection refused by {where}.",
        "Check that PostgreSQL is running and listens there, and that no firewall rejects the connection.",
    ),
    _Failure(
        r"(?i)timeout|timed out|no route to host|network is (unreachable|down)|host is (unreachable|down)"
        r"|No such file or directory|cannot assign requested address",
        2010,
        "Cannot connect to {where}: {detail}",
        "Check that host and port are right and that this machine can reach them.",
    ),
)


def _where(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}/.s.PGSQL.{origin.port}" if origin.is_unix_socket else f"{host}:{origin.port}"


def _last_line(error: psycopg.Error) -> str:
    """The reason in libpq's message, without the address that precedes it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    point = lines[-1] if lines else type(error).__name__
    return re.sub(r"^(?:connection failed: )?(?:connection .*? failed: )?(?:(?:FATAL|ERROR): +)?", "", point)
