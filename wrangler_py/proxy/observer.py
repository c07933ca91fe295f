"""Callbacks of the proxy to the program that started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class QueryEvent:
    """One query that has ended. `duration_ms` is the origin's time for it, 0 when it was not asked.

    `error` says why it failed or was refused: the message, and its SQLSTATE.
    """

    binding: str
    request: str | None
    status: str
    duration_ms: float
    sql: str
    error: str | None = None


class Observer(Protocol):
    """`notice` gets one line for a person, `query` every query as long as `wants_queries`.

    `failure` gets why the origin of `binding` cannot be reached, in one line, and what to do about it.
    """

    @property
    def wants_queries(self) -> bool: ...
    def query(self, event: QueryEvent) -> None: ...
    def notice(self, message: str) -> None: ...
    def failure(self, binding: str, message: str, hint: str | None) -> None: ...
