"""Whoever can hold an origin connection: a client, its admission, or an errand of the proxy's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wrangler_py.pgwire.outstanding_requests import OutstandingRequest, SentGroup
    from wrangler_py.proxy.failures import OriginUnavailable
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.worker_requests import Request
    from wrangler_py.session.settings import SessionSettings


class ConnectionUser(ABC):
    """What has a body here is for those who keep books of what the origin has prepared."""

    settings: SessionSettings
    origin: OriginConnection | None
    last_origin: OriginConnection | None = None
    """The connection it has used last, which it gets again without a reset if nobody else has used it since."""
    waiting: bool
    """For a connection that the pool has not given yet."""
    write_paused: bool
    """It takes no more answers for now."""

    request: Request | None = None
    """The Worker's request it belongs to."""
    number = 0
    """Among the clients of the proxy, from 1 on; 0 for the proxy's own queries."""
    why_pinned: str | None = None
    """What it uses that keeps its origin connection until it leaves."""
    waiting_since = 0.0
    """When it began to wait for the connection that it has, or 0 if it had one at once."""

    def starts_waiting(self, now: float) -> None:
        """The pool has no connection for it now."""
        self.waiting_since = now

    def take_wait(self, until: float) -> float:
        """How many seconds it has waited for the connection; counted once."""
        since, self.waiting_since = self.waiting_since, 0.0
        return max(0.0, until - since) if since else 0.0

    paused_s = 0.0
    """How long it has not taken what was sent to it; `take_paused` adds what goes on."""

    def take_paused(self) -> float:
        """How many seconds it has not taken what was sent to it; counted once."""
        return 0.0

    @abstractmethod
    def granted(self, connection: OriginConnection) -> None:
        """The pool gives it a connection."""

    @abstractmethod
    def origin_unavailable(self, error: OriginUnavailable) -> None:
        """The pool can't give it one."""

    @abstractmethod
    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        """The connection it held is gone; `told`: the origin's own error was passed on."""

    @abstractmethod
    def lets_go(self) -> bool:
        """The origin is idle with nothing outstanding: takes note, and says whether the connection can go back."""

    @abstractmethod
    def write(self, data: bytes) -> None: ...
    @abstractmethod
    def pause_reading(self) -> None: ...
    @abstractmethod
    def resume_reading(self) -> None: ...

    def steps_skipped(  # noqa: B027
        self, outstanding: list[OutstandingRequest], before: list[OutstandingRequest], error: bytes
    ) -> None:
        """The origin skipped these messages after `error`, which is still to be undone in the books; `before` are
        those of the group in front of them."""

    def failed_at_once(self, sent_group: SentGroup) -> None:  # noqa: B027
        """The origin failed at the first message of a plain group."""

    def prepared_anew(self, sent_group: SentGroup) -> tuple[SentGroup, bytes] | None:
        """What to send again for `group`, whose statement had other columns when it was prepared."""
        return None

    def in_its_words(self, error: bytes) -> bytes:
        """An ErrorResponse that names statements as the pool does, as it names them."""
        return error
