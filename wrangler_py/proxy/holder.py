"""Whoever can hold an origin connection: a client, or an errand of the proxy's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wrangler_py.pgwire.exchange import Step
    from wrangler_py.proxy.failures import OriginUnavailable
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.settings import SessionSettings


class Holder(Protocol):
    settings: SessionSettings
    origin: OriginConnection | None
    waiting: bool
    """For a connection that the pool has not given yet."""
    write_paused: bool
    """It takes no more answers for now."""

    def granted(self, connection: OriginConnection) -> None:
        """The pool gives it a connection."""

    def origin_unavailable(self, error: OriginUnavailable) -> None:
        """The pool can't give it one."""

    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        """The connection it held is gone; `told`: the origin's own error was passed on."""

    def lets_go(self) -> bool:
        """The origin is idle with nothing outstanding: takes note, and says whether the connection can go back."""

    def steps_skipped(self, steps: list[Step], before: list[Step], error: bytes) -> None:
        """The origin skipped these messages after `error`, which is still to be undone in the books; `before` are
        those of the exchange in front of them."""

    def in_its_words(self, error: bytes) -> bytes:
        """An ErrorResponse that names statements as the pool does, as it names them."""

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
