"""Writes that wait for the end of the event loop's turn: in order, complete, and not longer than that."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.proxy.origin.write_queue import LONG_BYTES, WriteQueue

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("write"), st.integers(0, 2), st.just(LONG_BYTES + 1)),
        st.tuples(st.sampled_from(["wait", "stop waiting", "flush", "turn"])),
        st.tuples(st.just("close"), st.integers(0, 2)),
    )
)


class Transport:
    """Keeps what is written to it while it is open."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data


@given(steps=STEPS)
def test_each_transport_gets_everything_in_order(steps: list[tuple[str, ...]]) -> None:
    async def run() -> None:
        waiters: list[object] = []
        queue = WriteQueue(waiters)
        transports = [Transport() for _ in range(3)]
        wanted = [b""] * 3
        for number, (step, *values) in enumerate(steps):
            if step == "write":
                which, length = map(int, values)
                if not transports[which].closed:
                    data = bytes([number % 256]) * length
                    wanted[which] += data
                    queue.write(transports[which], data)
            elif step == "wait":
                waiters.append(object())
                queue.activate()
            elif step == "stop waiting":
                waiters.clear()
            elif step == "flush":
                queue.flush()
            elif step == "close":
                queue.flush()
                transports[int(values[0])].closed = True
            else:
                await asyncio.sleep(0)
                assert [transport.written for transport in transports] == wanted
            if not queue.active:
                assert [transport.written for transport in transports] == wanted
        await asyncio.sleep(0)
        assert [transport.written for transport in transports] == wanted

    asyncio.run(run())


def test_nothing_is_written_to_a_transport_that_was_aborted_meanwhile() -> None:
    async def run() -> None:
        queue = WriteQueue([object()])
        queue.activate()
        aborted, other = Transport(), Transport()
        queue.write(aborted, b"1")
        queue.write(other, b"2")
        aborted.closed = True
        assert other.written == b""
        await asyncio.sleep(0)
        assert other.written == b"2"

    asyncio.run(run())
