"""The fixture `database`: a database of a test's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wrangler_py.testing.channel import Channel
from wrangler_py.testing.hyperdrive import Hyperdrive
from wrangler_py.testing.messages import Rows


class Database:
    """A copy of the template, which the bindings lead to while the test runs.

    `execute` goes straight to it, past the local Hyperdrive: it is never answered from the cache, and is not among
    the test's queries.
    """

    def __init__(self, channel: Channel, hyperdrive: Hyperdrive, name: str) -> None:
        self._channel = channel
        self._hyperdrive = hyperdrive
        self.name = name

    def connection_string(self, binding: str | None = None) -> str:
        """What a client connects with, through the local Hyperdrive."""
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
