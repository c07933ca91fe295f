"""What the open transaction of an origin connection has written."""

from __future__ import annotations

from wrangler_py.pgwire.backend_kinds import IDLE, IN_FAILED_TRANSACTION
from wrangler_py.session.query_run import QueryRun


class TransactionWrites:
    """The queries that wrote something in the transaction that is open, and whether it has failed."""

    __slots__ = ("_failed", "_writes", "is_open")

    def __init__(self) -> None:
        self._writes: list[QueryRun] = []
        self._failed = False
        self.is_open = False
        """Whether a transaction is open, as far as is known here."""

    def group_ended(self, queries: list[QueryRun], status: int, *, failed: bool) -> list[QueryRun]:
        """`queries` have ended with the transaction status `status`; returns the writes that are committed."""
        self.is_open = status != IDLE
        if status == IDLE:
            undone = failed or self._failed or any(run.text.rolls_back for run in queries)
            committed = [] if undone else [*self._writes, *(run for run in queries if run.text.writes)]
            self._writes = []
            self._failed = False
            return committed
        ended: list[QueryRun] = []
        for run in queries if not failed else ():
            if run.text.writes:
                self._writes.append(run)
            if run.text.chains:
                ended += [] if self._failed or run.text.rolls_back else self._writes
                self._writes = []
                self._failed = False
        self._failed = status == IN_FAILED_TRANSACTION
        return ended

    def roll_back(self) -> list[QueryRun]:
        """The client left without a COMMIT; what it wrote, unless the transaction had failed anyway."""
        lost = [] if self._failed else self._writes
        self.is_open = False
        self._writes = []
        self._failed = False
        return lost
