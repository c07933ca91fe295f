"""Events between queries that are worth reporting: connections that are held for too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_INCIDENTS = 500
"""How many are remembered, the oldest out first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`connections` is the number of connections in all, and `timeout_s` the longest time a client waits for one.
    `client` is the number of the client, 0 if the incident concerns no single client."""

    kind: Literal["self-deadlock", "left-in-transaction"]
    binding: str
    request_id: str | None
    label: str | None
    client: int
    connections: int = 0
    timeout_s: float = 0.0
    origin_connection: int | None = None

    @property
    def who(self) -> str:
        """`GET /articles`, `request 1-2`, `client 3`."""
        if self.request_id is not None:
            return self.label or f"request {self.request_id}"
        return f"client {self.client}" if self.client else "A client"

    @property
    def message(self) -> str:
        """One line for the terminal."""
        if self.kind == "left-in-transaction":
            return f"{self.binding}: {self.who} left a transaction open, which was rolled back"
        held = "the only connection" if self.connections == 1 else f"all {self.connections} connections"
        ends = f"It fails after {self.timeout_s:g} s: Failed to acquire a connection from the pool."
        advice = "Use the transaction's own client for every query until COMMIT."
        if self.request_id is None:
            return (
                f"self-deadlock: a client waits for a connection of {self.binding}, and clients that run nothing "
                f"keep {held} in open transactions. If they are of one program, it waits for itself. "
                f"{advice} {ends}"
            )
        are = "is" if self.connections == 1 else "are"
        return (
            f"self-deadlock: {self.who} waits for a connection of {self.binding} that it holds itself: {held} "
            f"{are} kept in open transactions by requests that wait for another one. {advice} {ends}"
        )
