"""A connection of the dashboard's own to the origin of a config."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PoolConfig

if TYPE_CHECKING:
    import psycopg


@contextlib.contextmanager
def connect_to_origin(pool: PoolConfig, failure: str = "") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that is closed when the block ends. Any psycopg.Error becomes a WranglerError.

    `failure` comes before PostgreSQL's message if the server refuses a query.
    """
    import psycopg

    from wrangler_py.hyperdrive.connection_test import explain
    from wrangler_py.hyperdrive.psycopg_connection import connect

    try:
        with connect(pool.origin, pool.tls, options=pool.options) as connection:
            yield connection
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise explain(error, pool.origin, pool.source) from None
        raise refused(error, failure) from None


def refused(error: psycopg.Error, failure: str = "") -> WranglerError:
    """PostgreSQL's message with its SQLSTATE, and its detail and hint, after `failure`."""
    message = error.diag.message_primary or str(error).strip()
    sqlstate = f" ({error.sqlstate})" if error.sqlstate else ""
    hint = "\n".join(filter(None, (error.diag.message_detail, error.diag.message_hint)))
    return WranglerError(failure + message + sqlstate, hint=hint or None)
