"""Hyperdrive's limits, each with its unit (Hyperdrive documentation: Limits, Connection pooling)."""

from __future__ import annotations

ORIGIN_CONNECTION_LIMIT_DEFAULT = 20
"""The default limit of origin connections, as on the free plan; the paid plan's default is 60."""
ORIGIN_CONNECTION_LIMIT_MIN = 5
ORIGIN_CONNECTION_LIMIT_MAX = 1500
"""The highest limit of a config (paid plan; 20 on the free plan)."""

CONNECT_TIMEOUT_S = 15.0
"""Time limit of opening an origin connection."""
IDLE_TIMEOUT_S = 600.0
"""An origin connection unused for this long is closed."""
STATEMENT_TIMEOUT_S = 60.0
"""Time limit of a statement."""

IDENTIFIER_MAX_BYTES = 63
"""Length limit of the name of a user or a database."""

CACHE_MAX_AGE_DEFAULT_S = 60
CACHE_MAX_AGE_MIN_S = 1
CACHE_MAX_AGE_MAX_S = 3600
CACHE_STALE_WHILE_REVALIDATE_DEFAULT_S = 15
CACHE_RESULT_MAX_BYTES = 50 * 1024 * 1024
"""A larger result is returned but not kept (`oversizedresult`)."""

DEFAULT_PORT = 5432
EMBEDDED_DATABASE = "app"
"""Database of the embedded PostgreSQL that bindings share unless a config names another."""
DEFAULT_BINDING = "HYPERDRIVE"
"""The default name of a binding."""
