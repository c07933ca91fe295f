"""The connection of a binding as a URL and as environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from wrangler_py.devserver.listening_socket import LOOPBACK
from wrangler_py.hyperdrive.binding_resolution import VARIABLE_PREFIXES

MISLEADING = ("PGHOSTADDR", "PGSERVICE", "PGCHANNELBINDING", "PGSSLNEGOTIATION")
"""Variables that would make libpq ignore the other ones, or require TLS."""


def connection_string(binding: str, port: int, password: str, database: str) -> str:
    """The connection string for clients of `binding`. Its password is the proxy's, not the origin's."""
    login = f"{quote(binding, safe='')}:{quote(password, safe='')}"
    return f"postgresql://{login}@{LOOPBACK}:{port}/{quote(database, safe='')}?sslmode=disable"


def wrangler_variables(strings: Mapping[str, str]) -> dict[str, str]:
    """The variables by which `wrangler dev` finds local databases, including the deprecated ones.

    `strings` are connection strings by binding.
    """
    return {prefix + binding: string for binding, string in strings.items() for prefix in VARIABLE_PREFIXES}


def connection_variables(databases: Mapping[str, str], port: int, password: str) -> dict[str, str]:
    """All variables: the connection of the first binding, and wrangler's variables for each.

    `databases` are their names by binding.
    """
    strings = {
        binding: connection_string(binding, port, password, database) for binding, database in databases.items()
    }
    first = next(iter(databases))
    return {
        **wrangler_variables(strings),
        "HYPERDRIVE_CONNECTION_STRING": strings[first],
        "DATABASE_URL": strings[first],
        "PGHOST": LOOPBACK,
        "PGPORT": str(port),
        "PGUSER": first,
        "PGPASSWORD": password,
        "PGDATABASE": databases[first],
        "PGSSLMODE": "disable",
    }


def with_connection(inherited: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """`inherited` with `variables`, and without variables that would override them."""
    return {**without(inherited, MISLEADING), **variables}


def without(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """`environment` without the variables of those names."""
    return {name: value for name, value in environment.items() if name not in names}
