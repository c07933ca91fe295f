"""The connection limit of a config, where several pools share it."""

from __future__ import annotations

from typing import Protocol, TypeVar

AnyPool = TypeVar("AnyPool", contravariant=True)


class SharedLimit(Protocol[AnyPool]):
    """Knows the other pools; `AnyPool` is `Pool`, which imports this."""

    @property
    def connections(self) -> int:
        """How many there are, in all pools."""

    def open_for_waiters(self) -> None:
        """Opens what the limit allows, for the pools whose clients wait."""

    def gives_up(self, pool: AnyPool) -> bool:
        """Whether `pool` closes a connection that is free now, for another one needs it more."""

    def connection_closed(self) -> None:
        """A pool has one connection less."""

    def needs_alone(self, databases: frozenset[str]) -> None:
        """A statement is about to run that fails if anyone else is connected to these databases."""

    def dropped(self, databases: frozenset[str]) -> None:
        """These databases are gone."""
