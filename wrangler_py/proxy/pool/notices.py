"""Notices of a pool to the user."""

from __future__ import annotations

from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.observer import Observer
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.session.query_run import QueryRun


class Notices:
    """The notices of one pool; `told_once` are messages that any pool has given."""

    def __init__(self, binding: str, observer: Observer | None, requests: Requests, told_once: set[str]) -> None:
        self._binding = binding
        self._observer = observer
        self._requests = requests
        self._told_once = told_once
        self._failures: set[str] = set()

    def notice(self, message: str) -> None:
        if self._observer is not None:
            self._observer.notice(message)

    def notice_once(self, message: str) -> None:
        """Reports a message only the first time."""
        if message not in self._told_once:
            self._told_once.add(message)
            self.notice(message)

    def rolled_back(self, writes: list[QueryRun]) -> None:
        """A client has disconnected without a COMMIT of these writes, which is often a mistake."""
        request = writes[-1].request
        who = (self._requests.label(request.id) if request else None) or "a client"
        tables = ", ".join(sorted({table for run in writes for table in run.text.facts.tables_written}))
        if tables:
            self.notice(
                f"{self._binding}: {who} left a transaction open, so its changes of {tables} are rolled back; "
                "commit, or connect with autocommit"
            )

    def cannot_connect(self, error: OriginUnavailable) -> None:
        """Reports each kind of failure once, until a connection succeeds: drivers often omit the hint."""
        message = str(error)
        if self._observer is not None and message not in self._failures:
            self._failures.add(message)
            self._observer.failure(self._binding, message, error.hint)

    def connected(self) -> None:
        """A connection was opened: the next failure is reported again."""
        self._failures.clear()
