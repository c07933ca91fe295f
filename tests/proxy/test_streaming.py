"""Large messages and results pass through, and the proxy's memory stays where it was, whichever side is slow."""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
from collections.abc import Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_process import ProxyProcess
from support.proxy_server import BINDING, PASSWORD, origin_of, wait_until
from support.raw_client import FLUSH, SYNC, RawClient, bind, copy_data, copy_done, execute, parse, query

MEGABYTE = 1_000_000
MAX_GROWTH_BYTES = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def process(postgres: PostgresServer) -> Iterator[ProxyProcess]:
    process = ProxyProcess(origin_of(postgres))
    with connect(process) as client:
        client.ask(query("SELECT repeat('warm', 1000000)"))
    yield process
    process.close()


def connect(process: ProxyProcess) -> RawClient:
    return RawClient(process.port, user=BINDING, password=PASSWORD)


class Memory:
    """The most memory the proxy had, above what it had at the start, looked at whenever something was read."""

    def __init__(self, process: ProxyProcess) -> None:
        self._process = process
        self._before = process.memory_bytes
        self._most = 0

    def look(self) -> None:
        self._most = max(self._most, self._process.memory_bytes - self._before)

    def assert_bounded(self) -> None:
        self.look()
        assert self._most < MAX_GROWTH_BYTES, f"grew by {self._most / MEGABYTE:.1f} MB"


def count_answers(client: RawClient, memory: Memory) -> dict[str, tuple[int, int]]:
    """Reads up to ReadyForQuery without keeping anything: how many of each kind, and their octets."""
    counts: dict[str, tuple[int, int]] = {}
    buffer = b""
    skip = 0
    reads = 0
    while True:
        data = client.socket.recv(1 << 20)
        assert data, "closed"
        reads += 1
        if reads % 64 == 0:
            memory.look()
        if skip >= len(data):
            skip -= len(data)
            continue
        buffer = buffer + data[skip:]
        skip = position = 0
        while len(buffer) - position >= 5:
            kind, length = struct.unpack_from("!cI", buffer, position)
            number, octets = counts.get(kind.decode(), (0, 0))
            counts[kind.decode()] = number + 1, octets + length
            position += length + 1
            if kind == b"Z":
                return counts
        skip = max(position - len(buffer), 0)
        buffer = buffer[position:]


def test_a_row_of_200_megabytes(process: ProxyProcess) -> None:
    memory = Memory(process)
    with connect(process) as client:
        client.send(query("SELECT repeat('x', 200000000)"))
        counts = count_answers(client, memory)
        assert counts["D"] == (1, 200_000_000 + 10)
        assert client.rows("SELECT 1") == [[b"1"]]
    memory.assert_bounded()


def test_a_result_of_a_million_rows(process: ProxyProcess) -> None:
    memory = Memory(process)
    with connect(process) as client:
        client.send(parse("", "SELECT generate_series(1, 1000000)"), bind(), execute(), SYNC)
        assert count_answers(client, memory)["D"][0] == 1_000_000
        assert client.rows("SELECT 1") == [[b"1"]]
    memory.assert_bounded()


def test_a_parameter_of_50_megabytes(process: ProxyProcess) -> None:
    memory = Memory(process)
    value = b"y" * 50 * MEGABYTE
    with connect(process) as client:
        answers = client.ask(parse("big", "SELECT length($1::text)"), bind("", "big", [value]), execute(), SYNC)
        assert [answer.values for answer in answers if answer.kind == "D"] == [[b"50000000"]]
        memory.look()
        answers = client.ask(query(f"SELECT length('{value.decode()}')"))
        assert [answer.values for answer in answers if answer.kind == "D"] == [[b"50000000"]]
    memory.assert_bounded()


def test_a_client_that_does_not_read_for_a_while(process: ProxyProcess, postgres: PostgresServer) -> None:
    memory = Memory(process)
    with connect(process) as client:
        pid = int(client.rows("BEGIN; SELECT pg_backend_pid()")[0][0] or 0)
        client.send(query("SELECT repeat('z', 1000) FROM generate_series(1, 100000)"))
        wait_until(
            lambda: postgres.execute(
                f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'ClientWrite'"
            )
        )
        memory.look()
        assert count_answers(client, memory)["D"][0] == 100_000
    memory.assert_bounded()


@pytest.mark.skipif(sys.platform == "win32", reason="stops the origin with a signal")
def test_an_origin_that_does_not_read_for_a_while(process: ProxyProcess) -> None:
    memory = Memory(process)
    with connect(process) as client:
        pid = int(
            client.rows("BEGIN; CREATE TEMP TABLE c (a text) ON COMMIT DROP; SELECT pg_backend_pid()")[0][0] or 0
        )
        client.ask_until(query("COPY c FROM STDIN"), "G")
        os.kill(pid, signal.SIGSTOP)
        sent = 0

        def copy() -> None:
            nonlocal sent
            line = copy_data(b"w" * 1000 + b"\n") * 1000
            for _ in range(100):
                client.send(line)
                sent += 1000

        thread = threading.Thread(target=copy)
        thread.start()
        try:
            before = -1
            while before != sent:  # until nothing more can be sent
                before = sent
                thread.join(0.2)
            memory.assert_bounded()
            assert sent < 100_000
        finally:
            os.kill(pid, signal.SIGCONT)
            thread.join(30)
        client.ask(copy_done())
        assert client.rows("SELECT count(*) FROM c") == [[b"100000"]]
    memory.assert_bounded()


def test_ten_thousand_queries_in_one_go(process: ProxyProcess) -> None:
    memory = Memory(process)
    number = 10_000
    with connect(process) as client:
        data = b"".join(
            parse("", "SELECT $1::int") + bind("", "", [b"%d" % i]) + execute() + SYNC for i in range(number)
        )
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        values = [answer.values[0] for _ in range(number) for answer in client.until("Z") if answer.kind == "D"]
        sender.join()
    assert values == [b"%d" % i for i in range(number)]
    memory.assert_bounded()


def test_many_large_results_leave_no_memory_behind(process: ProxyProcess) -> None:
    memory = Memory(process)
    for _ in range(20):
        with connect(process) as client:
            client.send(query("SELECT repeat('x', 5000000)"))
            client.receive()
            client.kill()  # in the middle of the row
    with connect(process) as client:
        assert client.rows("SELECT 1") == [[b"1"]]
    memory.assert_bounded()


def test_many_long_texts_leave_no_memory_behind(postgres: PostgresServer) -> None:
    """The proxy keeps what it knows of a text together with the text, but not for every text that was ever sent.

    The query log, which has a limit of its own, is off.
    """
    process = ProxyProcess(origin_of(postgres), options={"query_log_records": 0})
    with connect(process) as client:
        client.ask(query("SELECT repeat('warm', 1000000)"))
        memory = Memory(process)
        for i in range(200):
            text = f"SELECT length('{chr(97 + i % 26) * (500_000 + i)}')"
            client.ask(parse("", text), bind(), execute(), SYNC)
    memory.assert_bounded()
    process.close()


def test_long_parameters_that_begin_alike_are_not_taken_for_the_same(postgres: PostgresServer) -> None:
    """Of a message that streams, a cache would see the beginning only."""
    process = ProxyProcess(origin_of(postgres), caching=True)
    with connect(process) as client:
        client.ask(parse("s", "SELECT right($1::text, 1)"), SYNC)
        for end in (b"a", b"b", b"a"):
            message = bind("", "s", [b"x" * 300_000 + end])
            client.send(message[:100_000])
            client.send(message[100_000:], execute(), SYNC)
            assert [a.values for a in client.until_ready() if a.kind == "D"] == [[end]]
    process.close()


def test_a_long_message_of_a_failed_query_is_discarded(postgres: PostgresServer) -> None:
    """An error comes, or came, before its end: the rest must not be taken for other messages, at either end."""
    process = ProxyProcess(origin_of(postgres), connection_limit=1)
    long_bind = bind("", "unknown", [query("SELECT 'smuggled'") * 10_000])
    line = copy_data(b"not a number\n")
    long_data = copy_data(b"1\n" * 100_000)
    with connect(process) as client, connect(process) as other:
        for cut in (10_000, 100_000, len(long_bind)):
            client.send(long_bind[:cut])
            client.send(long_bind[cut:], SYNC)
            assert [a.kind for a in client.until_ready()] == ["E", "Z"]
            client.ask_until(parse("", "SELECT nonsense") + FLUSH, "E")
            client.send(long_bind[:cut])
            client.send(long_bind[cut:], SYNC)
            assert [a.kind for a in client.until_ready()] == ["Z"]
            client.ask(query("CREATE TABLE IF NOT EXISTS streamed (a int)"))
            client.ask_until(query("COPY streamed FROM STDIN"), "G")
            client.send(line * 10_000, long_data[:cut])
            assert [a.kind for a in client.until_ready()] == ["E", "Z"]
            other.send(query("SELECT 'other'"))  # has to wait until the message is over
            client.send(long_data[cut:], copy_done())
            assert [a.values for a in other.until_ready() if a.kind == "D"] == [[b"other"]]
            assert client.rows("SELECT count(*) FROM streamed") == [[b"0"]]
        client.ask(query("DROP TABLE streamed"))
    process.close()
    assert not process.said
