"""The server process of a test run, `python -m wrangler_py.testing.server`.

Reads commands from standard input, pickled: the name of a method of `RunServer`, and its arguments. It answers each
on standard output. At the end of standard input it ends all it has started and drops its databases: nothing is left
behind, however pytest ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO

from wrangler_py.errors import WranglerError
from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.open_files import allow_open_files
from wrangler_py.testing.messages import Failure
from wrangler_py.testing.run_server import RunServer

Command = tuple[str, tuple[Any, ...]]


def main() -> None:
    """Serve until standard input ends."""
    commands, answers = _take_streams()
    allow_open_files()
    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        runner.run(_serve(commands, answers))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for ourselves: what else is printed, or started, gets others."""
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, answers


async def _serve(commands: BinaryIO, answers: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Command] = asyncio.Queue()
    ended = asyncio.Event()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, ended.set)

    def read() -> None:
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                # From the process that has started us, through a pipe that nobody else has.
                command = pickle.load(commands)  # noqa: S301
                loop.call_soon_threadsafe(queue.put_nowait, command)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    server = RunServer()
    end = asyncio.create_task(ended.wait())
    try:
        while not ended.is_set():
            work = asyncio.create_task(_answer(server, await _first(queue, end)))
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                return
            with contextlib.suppress(OSError):
                pickle.dump(work.result(), answers)
                answers.flush()
    except EOFError:
        return
    finally:
        await server.close()


async def _first(queue: asyncio.Queue[Command], end: asyncio.Task[Any]) -> Command:
    """The next command. Raises EOFError if there will be none."""
    getting = asyncio.create_task(queue.get())
    await asyncio.wait({getting, end}, return_when=asyncio.FIRST_COMPLETED)
    if not getting.done():
        getting.cancel()
        raise EOFError
    return getting.result()


async def _answer(server: RunServer, command: Command) -> object:
    name, arguments = command
    try:
        return await getattr(server, name)(*arguments)
    except WranglerError as error:
        return Failure(error.message, error.hint)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}", traceback=traceback.format_exc())


if __name__ == "__main__":
    main()
