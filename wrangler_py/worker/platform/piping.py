"""Moves what a readable stream gives into a writable one: `pipeTo` and `pipeThrough`."""

from __future__ import annotations

import asyncio
from typing import Any

from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.promise import JsPromise, as_exception
from wrangler_py.worker.platform.stream_sources import fulfil, new_future, type_error
from wrangler_py.worker.platform.values import member
from wrangler_py.worker.platform.writable import WritableStream


def start_pipe(source: Any, target: WritableStream, options: Any) -> JsPromise:
    """Write everything that a readable stream gives. Both are locked at once, until the promise is settled."""
    return JsPromise.run(_pipe(source.disturb().getReader(), target.getWriter(), target, options))


async def _pipe(reader: Any, writer: Any, target: WritableStream, options: Any) -> None:
    keep_open, keep_going, keep_reading = (
        is_truthy(member(options, name)) for name in ("preventClose", "preventAbort", "preventCancel")
    )
    signal = member(options, "signal")
    aborted: asyncio.Future[Any] = new_future()
    forget = None
    if signal is not None:
        if signal.aborted:
            aborted.set_result(signal.reason)
        else:
            forget = signal.follow(lambda reason: fulfil(aborted, reason))
    try:
        await _move(reader, writer, target, aborted, (keep_open, keep_going, keep_reading))
    finally:
        if forget is not None:
            forget()
        reader.releaseLock()
        writer.releaseLock()


async def _move(
    reader: Any,
    writer: Any,
    target: WritableStream,
    aborted: asyncio.Future[Any],
    prevented: tuple[bool, bool, bool],
) -> None:
    keep_open, keep_going, keep_reading = prevented
    while True:
        error = target.controller._error
        if error is None and target.controller._state != "writable":
            error = type_error("This destination writable stream is closed.")
        if error is not None:
            if not keep_reading:
                await reader.cancel(error)
            raise error
        await _first(writer.ready.future(), aborted, target.controller.closed())
        read = reader.read().future()
        await _first(read, aborted, target.controller.closed())
        if aborted.done():
            reason = aborted.result()
            if not keep_going:
                await writer.abort(reason)
            if not keep_reading:
                await reader.cancel(reason)
            raise as_exception(reason)
        if not read.done():
            continue
        failure = read.exception()
        if failure is not None:
            if not keep_going:
                await writer.abort(failure)
            raise failure
        if read.result().done:
            break
        writer.write(read.result().value)
    if not keep_open:
        await writer.close()
    else:
        await writer.ready


async def _first(*futures: asyncio.Future[Any]) -> None:
    if not futures[0].done():
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
