"""Runs a dev session in an event loop, with the signals that end it."""

from __future__ import annotations

import asyncio
import signal

from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.output import Output
from wrangler_py.devserver.session import DevSession
from wrangler_py.devserver.signals import on_signals
from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.open_files import allow_open_files


def run_session(options: DevOptions, output: Output) -> None:
    """Run `dev` until Ctrl-C, SIGTERM, SIGHUP or a hotkey ends it. A second Ctrl-C ends it at once.

    Raises `WranglerError` if it cannot start.
    """
    allow_open_files()
    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        runner.run(_run(options, output))


async def _run(options: DevOptions, output: Output) -> None:
    session = DevSession(options, output)
    asked = False

    def end(_: signal.Signals) -> None:
        nonlocal asked
        if asked:
            session.end_now()
        asked = True
        session.stop()

    on_signals(asyncio.get_running_loop(), end)
    await session.run()
