"""The fixture `database`: a fresh database for a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wrangler_py.testing.channel import Channel
from wrangler_py.testing.hyperdrive import Hyperdrive
from wrangler_py.testing.messages import Rows


class Database:
    """A copy of the template, which the bindings use while the test runs.

    `execute` connects to it directly, not through the local Hyperdrive: it is never cached, and not among
    the test's queries.
    """

    def __init__(self, channel: Channel, hyperdrive: Hyperdrive, name: str) -> None:
        self._channel = channel
        self._hyperdrive = hyperdrive
        self.name = name

    def connection_string(self, binding: str | None = None) -> str:
        """The connection string for clients, through the local Hyperdrive."""
        return self._hyperdrive.connection_string(binding)

    def execute(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        binding: str | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run SQL at the origin and return its rows. Parameters are psycopg's: `%s`, or `%(name)s`."""
        __tracebackhide__ = True
        name = binding or self._hyperdrive.bindings[0]
        rows = self._channel.call("execute", name, sql, parameters)
        assert isinstance(rows, Rows)
        return rows.rows
