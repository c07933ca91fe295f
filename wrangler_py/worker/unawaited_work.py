"""Work that a Worker began and did not finish: coroutines that were never awaited, tasks left by a request."""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.worker import imports

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

_UNAWAITED = re.compile(r"coroutine '(.+?)' was never awaited(?:.*File \"(.+?)\", line (\d+))?", re.DOTALL)
"""Python's warning, with the line that made the coroutine if origins are tracked."""


def track_origins() -> None:
    """From now on, coroutines made on this thread know the line that made them."""
    sys.set_coroutine_origin_tracking_depth(1)


class UnfinishedWork:
    """Warns of such work, with the line of the person's code if it is known."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def follow_warnings(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show Python's warnings of coroutines that were never awaited in our own words."""
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            found = _UNAWAITED.match(str(message))
            if found is None:
                show_others(message, category, *place, **options)
                return
            name, file, line = found.groups()
            where = self._where(file, line)
            # The garbage collector may have interrupted just what sends such messages.
            loop.call_soon_threadsafe(
                self._warn, f"{where}{_last(name)}() did nothing: it was not awaited. Put `await` before the call."
            )

        warnings.showwarning = show

    def tasks_left(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Warn of tasks that the person's code began, and that are cancelled because their request has ended."""
        for task in tasks:
            coroutine: Any = task.get_coro()
            for file, line, _ in getattr(coroutine, "cr_origin", None) or ():
                if (where := self._where(file, line)) and not task.cancelling():
                    self._warn(
                        f"{where}the task {_last(coroutine.__qualname__)}() was cancelled, since its request has "
                        "ended. Pass it to ctx.waitUntil(…), or await it."
                    )

    def _warn(self, message: str) -> None:
        self._worker.control.log("warning", message)

    def _where(self, file: str | None, line: str | int | None) -> str:
        """`src/entry.py:12: `; empty if that is not the person's own code."""
        launch = self._worker.launch
        if file is None or not imports.is_own_code(Path(file), launch.root, launch.main):
            return ""
        return f"{self._worker.failures.relative(file)}:{line}: "


def _last(name: str) -> str:
    return name.rpartition(".")[2]
