"""The fixture `hyperdrive`: the local Hyperdrive of a test run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from wrangler_py.testing.channel import Channel, HyperdriveError
from wrangler_py.testing.messages import BindingFields, Started
from wrangler_py.testing.queries import Queries

DEFAULT_BINDING = "HYPERDRIVE"


class WorkerBinding:
    """The Worker's `env.HYPERDRIVE`: the connection string, and its parts."""

    def __init__(self, fields: BindingFields) -> None:
        self.connectionString = fields.connection_string  # the product's name for it
        self.host = fields.host
        self.port = fields.port
        self.user = fields.user
        self.password = fields.password
        self.database = fields.database

    def __repr__(self) -> str:
        return f"<binding {self.user}>"


class Hyperdrive:
    """Serves the project's bindings, as `wrangler-py dev` does, with databases of the test run."""

    def __init__(self, channel: Channel, started: Started) -> None:
        self._channel = channel
        self._started = started
        self._since = 0

    @property
    def bindings(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._started.bindings)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables set in this process, as by `hyperdrive exec`: `DATABASE_URL` and others."""
        return dict(self._started.environment)

    @property
    def env(self) -> Any:
        """The `env` of a Worker: `env.HYPERDRIVE.connectionString`, and the variables."""
        bindings = {name: WorkerBinding(fields) for name, fields in self._started.bindings.items()}
        return SimpleNamespace(**{**self._started.vars, **bindings})

    def connection_string(self, binding: str | None = None) -> str:
        """The connection string for clients of a binding; by default HYPERDRIVE, or the first binding.

        It stays the same in the whole run, whichever database a test has.
        """
        __tracebackhide__ = True
        return self._fields(binding).connection_string

    @property
    def queries(self) -> Queries:
        """The queries that this test has run so far, including the Worker's."""
        return Queries(self._channel.call("records", self._since))

    def assert_cached(self, sql: str) -> None:
        """Fail unless the query ran in this test, and each time was answered from the cache or stored there.

        `sql` is its text, or a part of it.
        """
        __tracebackhide__ = True
        self.queries.assert_cached(sql)

    def assert_query_count(self, count: int) -> None:
        """Fail unless exactly so many queries ran in this test; BEGIN and COMMIT don't count."""
        __tracebackhide__ = True
        self.queries.assert_query_count(count)

    def assert_no_repeated_statements(self, at_least: int = 5) -> None:
        """Fail if one statement ran so often in this test, as in an N+1 query."""
        __tracebackhide__ = True
        self.queries.assert_no_repeated_statements(at_least)

    def clear_cache(self) -> int:
        """Remove all cached answers; returns their number."""
        return int(self._channel.call("clear_cache"))

    @contextlib.contextmanager
    def latency(self, time: str, *, binding: str | None = None, seed: int | None = None) -> Iterator[None]:
        """Make each round trip to the origin take longer in the block: `25ms`, `20-40ms`."""
        __tracebackhide__ = True
        text = time if binding is None else f"{self._known(binding)}={time}"
        before = self._channel.call("add_latency", text, seed)
        try:
            yield
        finally:
            self._channel.call("set_latencies", before)

    @contextlib.contextmanager
    def fault(self, fault: str, *, seed: int | None = None) -> Iterator[None]:
        """Make queries in the block fail: `pool-exhausted`, `connection-lost:5%:/articles/`."""
        __tracebackhide__ = True
        before = self._channel.call("add_fault", fault, seed)
        try:
            yield
        finally:
            self._channel.call("set_faults", before)

    def begin_test(self) -> None:
        """The next test starts: `queries` leaves out all that ran before."""
        self._since = self._channel.call("last_number")

    @property
    def test_began_after(self) -> int:
        """The number of the last query before this test."""
        return self._since

    def _fields(self, binding: str | None) -> BindingFields:
        __tracebackhide__ = True
        names = self._started.bindings
        if binding is None:
            binding = DEFAULT_BINDING if DEFAULT_BINDING in names else next(iter(names))
        return names[self._known(binding)]

    def _known(self, binding: str) -> str:
        __tracebackhide__ = True
        if binding not in self._started.bindings:
            raise HyperdriveError(f"There is no binding {binding}. Bindings: {', '.join(self.bindings)}")
        return binding
