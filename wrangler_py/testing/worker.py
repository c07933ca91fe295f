"""The fixture `worker`: the project's Worker, as an HTTP client."""

from __future__ import annotations

from typing import Any

import httpx

from wrangler_py.testing.channel import Channel
from wrangler_py.testing.queries import Queries

TIMEOUT_S = 60.0

Mark = tuple[int, int]


class Exchange:
    """One request to the Worker that has been answered, or has failed."""

    def __init__(self, channel: Channel, since: Mark) -> None:
        self._channel = channel
        self._since = since
        self._until: Mark | None = None

    def another_begins(self, mark: Mark) -> None:
        """The next request begins at `mark`: later queries belong to it."""
        self._until = mark

    @property
    def queries(self) -> Queries:
        """Its queries; waits until the Worker is done with it, `waitUntil` included."""
        return Queries(self._channel.call("worker_records", self._since, self._until))


class Worker(httpx.Client):
    """`worker.get("/articles")`; `url` is where the Worker listens, for other clients.

    Redirects are not followed, and cookies are kept until the end of the test.
    """

    def __init__(self, channel: Channel, url: str) -> None:
        super().__init__(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        self.url = url
        self._channel = channel
        self._last: Exchange | None = None

    @property
    def last(self) -> Exchange:
        """The request that this client has sent last."""
        __tracebackhide__ = True
        if self._last is None:
            raise AssertionError(
                "this test has not sent a request with `worker` yet; `hyperdrive.queries` has other clients'"
            )
        return self._last

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request; see `httpx.Client.send`."""
        mark = self._channel.call("worker_mark")
        if self._last is not None:
            self._last.another_begins(mark)
        self._last = Exchange(self._channel, mark)
        return super().send(request, **options)

    def begin_test(self) -> None:
        """A test starts without the cookies of another."""
        self.cookies.clear()
        self._last = None
