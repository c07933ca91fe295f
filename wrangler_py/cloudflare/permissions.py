"""The permissions that requests need, by the names that Cloudflare's dashboard gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permission:
    """`name` is that of the dashboard; `allows` completes "The API token cannot …".

    `scopes` are the OAuth scopes that include it.
    """

    name: str
    allows: str
    scopes: tuple[str, ...] = ()


HYPERDRIVE_READ = Permission("Hyperdrive Read", "read Hyperdrive", ("workers:write", "workers_scripts:write"))
HYPERDRIVE_WRITE = Permission("Hyperdrive Write", "edit Hyperdrive", ("workers:write", "workers_scripts:write"))
CERTIFICATES_READ = Permission("SSL and Certificates Read", "read certificates", ("ssl_certs:write",))
CERTIFICATES_WRITE = Permission("SSL and Certificates Write", "edit certificates", ("ssl_certs:write",))
ACCOUNT_READ = Permission("Account Settings Read", "list accounts", ("account:read",))
ANALYTICS_READ = Permission("Account Analytics Read", "read metrics", ("account:read",))
WORKERS_WRITE = Permission("Workers Scripts Write", "deploy Workers", ("workers:write", "workers_scripts:write"))
USER_READ = Permission("User Details Read", "read the user", ("user:read",))

NEEDED = (
    HYPERDRIVE_READ,
    HYPERDRIVE_WRITE,
    CERTIFICATES_READ,
    CERTIFICATES_WRITE,
    ANALYTICS_READ,
    WORKERS_WRITE,
)
"""What the commands of wrangler-py need, with the deployment by the official command line."""
