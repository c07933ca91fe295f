"""Detects MySQL options. MySQL is not emulated."""

from __future__ import annotations

from wrangler_py.errors import WranglerError

_SSL_MODES = frozenset({"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"})


def mysql_refusal(reason: str = "") -> WranglerError:
    """The error for a MySQL option; `reason` is a sentence that explains why it is one."""
    return WranglerError(
        f"{reason} MySQL is not emulated: wrangler-py works with PostgreSQL.".lstrip(),
        hint="`wrangler-py hyperdrive create NAME --remote …` creates a config for a MySQL database at Cloudflare.",
    )


def is_mysql_mode(mode: str) -> bool:
    """Whether `mode` is MySQL's spelling of an sslmode, in any case."""
    return mode.upper() in _SSL_MODES
