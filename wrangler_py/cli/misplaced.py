"""Refuses a connection string where something else is expected, without repeating its password."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from wrangler_py.errors import WranglerError
from wrangler_py.masking import is_connection_string, is_connection_string_and_no_sql

MAY_BE_ANYTHING = frozenset(
    {
        *("connection_string", "local_connection_string", "origin_password", "password", "access_client_secret"),
        *("var", "fault"),
    }
)
"""Names of parameters that take a connection string, a secret, or a text that may look like one."""
_SQL = frozenset({"sql", "command"})


def check_place(parameter: Any, context: Any, value: Any) -> None:
    """Raise `WranglerError` if `parameter` gets a connection string but doesn't take one."""
    if parameter.name in MAY_BE_ANYTHING:
        return
    is_wrong = is_connection_string_and_no_sql if parameter.name in _SQL else is_connection_string
    if not any(is_wrong(text) for text in _texts(value)):
        return
    option = next((name for name in parameter.opts if name.startswith("-")), None)
    place = parameter.metavar or parameter.name.upper() if option is None else option
    hint = f"`{context.command_path} --help` shows what is expected."
    if all(re.match(r"(?i)https?://", text) for text in _texts(value)):
        raise WranglerError(f"{place} must not be a URL.", hint=hint, exit_status=2)
    if " hyperdrive " in f" {context.command_path} ":
        hint = "To create a config: wrangler-py hyperdrive create NAME --connection-string=…"
        if any("--connection-string" in other.opts for other in context.command.params):
            hint = f"Use --connection-string for it. {hint}"
    raise WranglerError(f"{place} must not be a connection string.", hint=hint, exit_status=2)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)):
        return (text for text in value if isinstance(text, str))
    return ()
