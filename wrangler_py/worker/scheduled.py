"""The argument of a `scheduled` handler."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from wrangler_py.worker.platform.values import JsProxy


class ScheduledController(JsProxy):
    """Says which cron trigger runs, and for when (ms since 1970)."""

    def __init__(self, cron: str, scheduled_time_ms: int) -> None:
        self.cron = cron
        self.scheduledTime = scheduled_time_ms

    @classmethod
    def of_query(cls, query: Mapping[str, Sequence[str]]) -> ScheduledController:
        """From `?cron=…&time=…`; a missing or unreadable time is now."""
        cron = query.get("cron", [""])[0]
        when = query.get("time", [""])[0]
        return cls.new(cron, int(when) if when.isdecimal() else int(time.time() * 1000))

    def noRetry(self) -> None:
        """On the platform a failed run is then not repeated. None is repeated here."""
