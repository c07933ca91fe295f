"""The common part of the controllers of both kinds of readable streams."""

from __future__ import annotations

import asyncio
from typing import Any

from wrangler_py.worker.platform.promise import as_exception
from wrangler_py.worker.platform.stream_sources import (
    Callback,
    after,
    fail,
    fulfil,
    invoke,
    new_future,
    number,
    type_error,
)
from wrangler_py.worker.platform.values import JsProxy, jsnull


class Controller(JsProxy):
    """Base class of both kinds: decides when to ask the source for more, and ends the stream."""

    illegal_constructor = True

    @property
    def reads_into_memory(self) -> bool:
        """Whether a BYOB reader may read: of a stream of other things only once it has ended."""
        return self._state != "readable"

    def __init__(self, pull: Callback | None, cancel: Callback | None, high_water_mark: float) -> None:
        self._pull, self._cancel, self._high_water_mark = pull, cancel, high_water_mark
        self._state = "readable"
        self._error: BaseException | None = None
        self._total = 0.0
        self._started = self._pulling = self._pull_again = self._closing = False
        self._closed: asyncio.Future[Any] | None = None

    # For the underlying source.

    @property
    def desiredSize(self) -> Any:
        if self._state == "errored":
            return jsnull
        return 0 if self._state == "closed" else number(self._high_water_mark - self._total)

    def close(self) -> None:
        if self._state != "readable" or self._closing:
            raise type_error("This ReadableStream is closed.")
        self._closing = True
        self._close_if_drained()

    def error(self, reason: Any = None) -> None:
        if self._state == "readable":
            self._fail(as_exception(reason))

    # For the stream and its readers.

    def start(self, begin: Callback | None) -> None:
        """Call the source's `start`. An exception of it becomes the stream's error."""
        try:
            work = invoke(begin, self)
        except Exception as error:
            self._fail(error)
            return
        after(work, self._begin, self._fail)

    def _begin(self) -> None:
        self._started = True
        self.pull_if_needed()

    def closed(self) -> asyncio.Future[Any]:
        """Done when the stream is."""
        if self._closed is None:
            self._closed = new_future()
            if self._state == "closed":
                fulfil(self._closed)
            elif self._error is not None:
                fail(self._closed, self._error)
        return self._closed

    def cancel(self, reason: Any) -> Any:
        """Close, drop what is queued, and tell the source. Returns what is to be waited for, or None."""
        self._drop()
        self._finish()
        cancel, self._pull, self._cancel = self._cancel, None, None
        return invoke(cancel, reason)

    def pull_if_needed(self) -> None:
        if self._pulling:
            self._pull_again = self._wants_more()
            return
        while self._wants_more():
            self._pulling, self._pull_again = True, False
            try:
                work = invoke(self._pull, self)
            except Exception as error:
                self._fail(error)
                return
            if work is not None:
                after(work, self._pulled, self._fail)
                return
            self._pulling = False
            if not self._pull_again:
                return

    def _pulled(self) -> None:
        self._pulling = False
        if self._pull_again:
            self.pull_if_needed()

    def _wants_more(self) -> bool:
        if not self._started or self._state != "readable" or self._closing:
            return False
        return bool(self._waiting()) or self._high_water_mark > self._total

    def _finish(self) -> None:
        if self._state == "readable":
            self._state = "closed"
            self._end_waiting()
            if self._closed is not None:
                fulfil(self._closed)

    def _fail(self, error: BaseException) -> None:
        if self._state != "readable":
            return
        self._state, self._error = "errored", error
        self._drop()
        self._fail_waiting(error)
        if self._closed is not None:
            fail(self._closed, error)

    def fail_waiting(self, error: BaseException) -> None:
        """End the reads that wait, with an error."""
        self._fail_waiting(error)

    def _close_if_drained(self) -> None:
        if self._closing and not self._total and not self._queued():
            self._finish()

    def _queued(self) -> bool:
        raise NotImplementedError

    def _waiting(self) -> int:
        raise NotImplementedError

    def _drop(self) -> None:
        raise NotImplementedError

    def _end_waiting(self) -> None:
        raise NotImplementedError

    def _fail_waiting(self, error: BaseException) -> None:
        raise NotImplementedError
