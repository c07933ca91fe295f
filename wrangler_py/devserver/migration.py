"""Runs the user's migration tool with a connection to the embedded PostgreSQL.

It connects by TCP, since many tools don't support Unix sockets, through a separate proxy that caches nothing and
allows what Hyperdrive does not support, such as the advisory locks of migration tools.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wrangler_py.devserver.connection_environment import connection_variables, with_connection
from wrangler_py.devserver.listening_socket import LOOPBACK
from wrangler_py.devserver.shell_command import run_in_shell
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import Caching, PoolConfig
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.server import Proxy

RUNNING = "WRANGLER_PY_MIGRATING"
"""Set for the command, so that a wrangler-py that it starts does not run it again."""


def is_migrating() -> bool:
    """Whether the migration command has started this process."""
    return RUNNING in os.environ


class MigrationError(WranglerError):
    """The command failed; `exit_status` is its own."""


async def migrate(
    command: str, pools: Mapping[str, PoolConfig], root: Path, *, databases: Mapping[str, str] | None = None
) -> None:
    """Run `command` by the shell in the folder `root`, its output shown on standard error.

    It finds the databases of `pools`, or those of the same server that `databases` puts in their place, under the
    names in `pools`. Raises MigrationError if it fails.
    """
    if is_migrating() or not pools:
        return
    password = secrets.token_urlsafe(24)
    options = ProxyOptions(serves_tools=True, allow_unsupported=True)
    proxy = Proxy(password=password, password_is_random=True, options=options)
    await proxy.start(LOOPBACK)
    try:
        for binding, pool in pools.items():
            quiet = replace(pool, caching=Caching(disabled=True))
            proxy.add_pool(binding, quiet)
            if databases is not None and (other := databases.get(pool.origin.database)) is not None:
                proxy.update_pool(binding, replace(quiet, origin=replace(pool.origin, database=other)))
        names = {binding: pool.origin.database for binding, pool in pools.items()}
        variables = {**connection_variables(names, proxy.port, password), RUNNING: "1"}
        status = await run_in_shell(command, root, with_connection(os.environ, variables))
    finally:
        await proxy.close()
    if status != 0:
        raise MigrationError(
            f"The migration command failed with exit status {status}: {command}",
            hint="Its output is above. It is set by --migrate, or by [tool.wrangler-py] in pyproject.toml.",
            exit_status=status,
        )
