"""The proxy's own limits, each with its unit."""

from __future__ import annotations

from dataclasses import dataclass

from wrangler_py.cache.store import DEFAULT_MAX_BYTES
from wrangler_py.hyperdrive import limits
from wrangler_py.proxy.conditions import Fault, Latency
from wrangler_py.querylog.log import DEFAULT_MAX_BYTES as LOG_MAX_BYTES
from wrangler_py.querylog.log import DEFAULT_MAX_RECORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """`abandoned_grace_s` is how long the query of a client that has gone may go on before it is cancelled, and
    `cancelled_grace_s` how long a cancelled one may, before its connection is closed."""

    connect_timeout_s: float = limits.CONNECT_TIMEOUT_S
    idle_timeout_s: float = limits.IDLE_TIMEOUT_S
    statement_timeout_s: float = limits.STATEMENT_TIMEOUT_S
    pool_wait_timeout_s: float = 15.0
    startup_timeout_s: float = 60.0
    abandoned_grace_s: float = 1.0
    cancelled_grace_s: float = 5.0
    cache_max_bytes: int = DEFAULT_MAX_BYTES
    latencies: tuple[Latency, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Latencies that are on when the proxy starts, see `proxy.conditions`."""
    seed: int | None = None
    query_log_records: int = DEFAULT_MAX_RECORDS
    """Maximum number of queries in the query log."""
    query_log_bytes: int = LOG_MAX_BYTES
    """Maximum bytes of their texts and values."""
    fail_on_stale_read: bool = False
    serves_tools: bool = False
    """Whether clients are programs that people run, such as test runners and tools for migrations, and not Workers:
    messages name what helps those."""
    allow_unsupported: bool = False
    any_database: bool = False
    """Whether clients may ask for any database of the origin's server, and not the config's only."""
    allow_global_clients: bool = False
    """Whether a client may go on after the request it belongs to; its queries are nobody's then."""
    max_prepared_statements: int = 200
    """Kept prepared on each origin connection, the least recently used closed first."""
