"""Feeds nonsense to the proxy: to its sans-I/O floors, and over sockets to one that runs in front of PostgreSQL.

Every case has to end in answers, a protocol error or a close, while a healthy client beside it sees no error.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from support.postgres_server import PostgresServer
from support.proxy_process import ProxyProcess
from support.proxy_server import BINDING, PASSWORD, origin_of
from support.raw_client import (
    FLUSH,
    SYNC,
    RawClient,
    bind,
    close,
    copy_data,
    copy_done,
    copy_fail,
    describe,
    execute,
    function_call,
    parse,
    query,
)

from wrangler_py.pgwire import backend_kinds, frontend_kinds, messages
from wrangler_py.pgwire.client_startup import ClientStartup, Refused
from wrangler_py.pgwire.frontend import FrontendReader
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.origin_startup import AuthenticationFailed, OriginRefused, OriginStartup
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_EXECUTE,
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    SentGroup,
)
from wrangler_py.pgwire.scram import ScramClient, Verifier
from wrangler_py.pgwire.startup_options import requested_settings

HANG_S = 20.0
"""Less than a statement may take: one that the proxy leaves waiting is noticed."""
CASES_PER_CONNECTION = 200

CLIENT_MESSAGES = [
    query("SELECT 1"),
    query("SELECT 1; SELECT 'two'"),
    query("BEGIN"),
    query("COMMIT"),
    query("ROLLBACK"),
    query("SELECT 1/0"),
    query(""),
    query("SET TimeZone = 'UTC'"),
    query("DEALLOCATE ALL"),
    query("COPY (SELECT 1) TO STDOUT"),
    query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP; COPY c FROM STDIN"),
    query("SELECT repeat('x', 10000)"),
    parse("", "SELECT $1::int + 1"),
    parse("s", "SELECT $1::text", [25]),
    parse("t", "SELECT generate_series(1, 10)"),
    parse("", "DEALLOCATE ALL"),
    parse("bad", "SELECT nonsense"),
    bind("", "", [b"1"]),
    bind("p", "s", [b"text"], [0], [1]),
    bind("q", "t"),
    bind("", "s", [None]),
    bind("", "unknown"),
    bind("", "s", [b"x" * 70_000]),
    describe("S", "s"),
    describe("S", ""),
    describe("P", "p"),
    execute(""),
    execute("p"),
    execute("q", 3),
    close("S", "s"),
    close("P", "p"),
    close("S", "t"),
    SYNC,
    SYNC,
    SYNC,
    FLUSH,
    copy_data(b"1\n2\n"),
    copy_data(b"x" * 70_000),
    copy_done(),
    copy_fail("no"),
    function_call(1230, [b"-7"]),
]
START_UPS = [
    messages.startup_message({"user": BINDING, "database": "app"}),
    messages.startup_message({"user": BINDING, "options": "-c TimeZone=UTC --work-mem=5MB"}),
    messages.startup_message({"user": BINDING, "_pq_.x": "1"}, messages.PROTOCOL_3_0 + 2),
    messages.startup_message({"user": f"{BINDING}.1-1", "client_encoding": "utf8"}),
    messages.ssl_request(),
    struct.pack("!II", 8, messages.GSSENC_REQUEST),
    messages.cancel_request(1, b"1234"),
    messages.cancel_request(2**31, bytes(32)),
]
PASSWORDS = [
    messages.sasl_initial_response("SCRAM-SHA-256", ScramClient(PASSWORD).first()),
    messages.sasl_initial_response("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=x"),
    messages.password_message(b"c=biws,r=x,p=AAAA"),
    messages.password_message(b"secret\0"),
]
ORIGIN_MESSAGES = [
    messages.PARSE_COMPLETE,
    messages.BIND_COMPLETE,
    messages.CLOSE_COMPLETE,
    messages.NO_DATA,
    messages.message(backend_kinds.ROW_DESCRIPTION, b"\0\1a\0" + bytes(18)),
    messages.message(backend_kinds.DATA_ROW, b"\0\1\0\0\0\1x"),
    messages.message(backend_kinds.DATA_ROW, b"\0\1\0\1\0\0" + bytes(65_536)),
    messages.command_complete("SELECT 1"),
    messages.message(backend_kinds.EMPTY_QUERY_RESPONSE, b""),
    messages.message(backend_kinds.PORTAL_SUSPENDED, b""),
    messages.error_response("42703", "no such column"),
    messages.message(
        backend_kinds.NOTICE_RESPONSE, messages.error_response("00000", "note", severity="NOTICE")[5:]
    ),
    messages.parameter_status("TimeZone", "UTC"),
    messages.message(backend_kinds.COPY_IN_RESPONSE, b"\0\0\0"),
    messages.message(backend_kinds.NOTIFICATION_RESPONSE, bytes(4) + b"channel\0payload\0"),
    messages.READY_IDLE,
    messages.message(backend_kinds.READY_FOR_QUERY, b"T"),
    messages.message(backend_kinds.READY_FOR_QUERY, b"E"),
]
ORIGIN_START_UPS = [
    messages.AUTHENTICATION_OK,
    messages.authentication_sasl(["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]),
    messages.authentication_sasl_continue(b"r=x,s=AAAA,i=4096"),
    messages.authentication_sasl_final(b"v=AAAA"),
    messages.message(backend_kinds.AUTHENTICATION, struct.pack("!I", 5) + b"salt"),
    messages.message(backend_kinds.AUTHENTICATION, struct.pack("!I", 3)),
    messages.parameter_status("server_version", "18.0"),
    messages.backend_key_data(7, b"1234"),
    messages.error_response("28P01", "no", severity="FATAL"),
    messages.READY_IDLE,
]
_LENGTHS = [0, 1, 3, 4, 5, 8, 100, 9_999, 65_536, 70_000_000, 0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


@dataclass
class Outcome:
    """What a run came to. `crashes` are what the proxy said of them, or which case it was."""

    sans_io_cases: int = 0
    before_login_cases: int = 0
    after_login_cases: int = 0
    healthy_queries: int = 0
    healthy_errors: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    memory_before_bytes: int = 0
    memory_peak_bytes: int = 0

    @property
    def cases(self) -> int:
        return self.sans_io_cases + self.before_login_cases + self.after_login_cases

    @property
    def sound(self) -> bool:
        return not self.crashes and not self.healthy_errors


class Mutator:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def sequence(self, corpus: list[bytes], most: int = 6) -> list[bytes]:
        return self.random.choices(corpus, k=self.random.randint(1, most))

    def octets(self, most: int = 40) -> bytes:
        return self.random.randbytes(self.random.randint(0, most))

    def anyhow(self, data: bytes) -> bytes:
        """`data` with its octets changed, taken out, doubled, or put in."""
        pick = self.random
        for _ in range(pick.choice((1, 1, 1, 2, 4))):
            start = pick.randint(0, len(data))
            end = min(len(data), start + pick.choice((1, 2, 4, 20)))
            change = pick.randrange(6)
            if change == 0:
                data = data[:start] + pick.randbytes(end - start) + data[end:]
            elif change == 1:
                data = data[:start] + data[end:]
            elif change == 2:
                data = data[:end] + data[start:]
            elif change == 3:
                data = data[:start] + self.octets() + data[start:]
            elif change == 4:
                data = data[:start]
            else:
                data = data[:start] + struct.pack("!I", pick.choice(_LENGTHS)) + data[start + 4 :]
        return data

    def body(self, message: bytes) -> bytes:
        """A message of a length that fits, of the same kind or another, with a changed body."""
        kind = message[:1] if self.random.random() < 0.9 else bytes([self.random.choice(b"QPBDECHSdcf")])
        body = self.anyhow(message[5:])
        return messages.message(kind[0], body[:9_000] if kind in b"DECHScf" else body)


# --- without sockets -----------------------------------------------------------------------------------------


def sans_io(mutate: Mutator) -> None:
    """One case for one of the state machines. Raises whatever it must not."""
    case = mutate.random.randrange(4)
    with suppress(ProtocolError, Refused, OriginRefused, AuthenticationFailed):
        if case == 0:
            reader = FrontendReader()
            for part in _parts(mutate, mutate.anyhow(b"".join(mutate.sequence(CLIENT_MESSAGES)))):
                for kind, data, missing in reader.receive(part):
                    if kind and not missing:
                        _read_message(kind, data)
        elif case == 1:
            startup = ClientStartup(_VERIFIER)
            sent = mutate.sequence(START_UPS, 2) + mutate.sequence(PASSWORDS, 2)
            for part in _parts(mutate, mutate.anyhow(b"".join(sent))):
                startup.receive(part)
            requested_settings(startup.parameters)
        elif case == 2:
            origin = OriginStartup(user="u", password="p", database="d", settings={}, channel_binding=b"x")
            for part in _parts(mutate, mutate.anyhow(b"".join(mutate.sequence(ORIGIN_START_UPS)))):
                origin.receive(part)
        else:
            stream = OriginStream({})
            for _ in range(mutate.random.randint(0, 4)):
                stream.send(_sent_group(mutate))
            for part in _parts(mutate, mutate.anyhow(b"".join(mutate.sequence(ORIGIN_MESSAGES, 12)))):
                stream.receive(part)


_VERIFIER = Verifier.of(PASSWORD, iterations=1)


def _parts(mutate: Mutator, data: bytes) -> list[bytes]:
    cut = mutate.random.randint(0, len(data))
    return [data[:cut], data[cut:]] if mutate.random.random() < 0.5 else [data]


def _read_message(kind: int, data: bytes) -> None:
    readers: dict[int, Callable[[bytes], object]] = {
        ord("P"): messages.split_parse,
        ord("B"): messages.split_bind,
        ord("D"): messages.split_target,
        ord("C"): messages.split_target,
    }
    if kind in readers:
        readers[kind](data)


class Nobody:
    """Gets answers, and has no use for them."""

    def write(self, data: bytes) -> None:
        pass


def _sent_group(mutate: Mutator) -> SentGroup:
    form = mutate.random.randrange(4)
    if form == 0:
        return SentGroup(Nobody(), simple=True)
    if form == 1:
        return SentGroup(Nobody())
    outstanding = [
        OutstandingRequest(frontend_kinds.PARSE, mutate.random.choice((Action.FORWARD, Action.SKIP)), name=b"s"),
        OutstandingRequest(frontend_kinds.PARSE, Action.FAKE, messages.PARSE_COMPLETE, b"t"),
        OUTSTANDING_BIND,
        OUTSTANDING_EXECUTE,
    ]
    if form == 2:
        return SentGroup(Nobody(), outstanding=[*outstanding, OUTSTANDING_READY])
    sent_group = SentGroup(Nobody(), closed=False, outstanding=outstanding)
    if mutate.random.random() < 0.5:
        sent_group.end_with_query(None)
    return sent_group


# --- over sockets --------------------------------------------------------------------------------------------


def before_login(mutate: Mutator, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), HANG_S) as connection:
        data = mutate.anyhow(b"".join(mutate.sequence(START_UPS, 2) + mutate.sequence(PASSWORDS, 2)))
        if mutate.random.random() < 0.1:
            data = mutate.octets(200)
        _send_and_read_to_the_end(connection, data)


def _send_and_read_to_the_end(connection: socket.socket, data: bytes) -> None:
    """Raises TimeoutError when the proxy does not close."""
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
    except TimeoutError:
        raise
    except OSError:
        pass  # closed with a reset, for what it had not read


class LoggedIn:
    """Cases on connections that are used again, as long as the proxy doesn't close them."""

    def __init__(self, mutate: Mutator, port: int) -> None:
        self._mutate = mutate
        self._port = port
        self._client: RawClient | None = None
        self._left = 0
        self._number = 0

    def case(self) -> None:
        """Raises TimeoutError when the proxy neither answers nor closes."""
        if self._client is None or self._left == 0:
            self.close()
            self._client = RawClient(self._port, user=BINDING, password=PASSWORD, minor=2)
            self._left = CASES_PER_CONNECTION
        self._left -= 1
        sent = self._mutate.sequence(CLIENT_MESSAGES)
        if self._mutate.random.random() < 0.15:
            client, self._client = self._client, None
            _send_and_read_to_the_end(client.socket, self._mutate.anyhow(b"".join(sent)))
            client.close()
            return
        if self._mutate.random.random() < 0.9:
            place = self._mutate.random.randrange(len(sent))
            sent[place] = self._mutate.body(sent[place])
        try:
            self._exchange(self._client, b"".join(sent))
        except (ConnectionError, EOFError):
            self.close()

    def _exchange(self, client: RawClient, sent: bytes) -> None:
        """Sends a case, and reads until a query of our own, behind it, has been answered."""
        self._number += 1
        mark = b"mark %d" % self._number
        end = SYNC + query("ROLLBACK") + query(b"SELECT 'mark %d'" % self._number)
        client.send(sent + end)
        while True:
            answer = client.receive()
            if answer.kind == "D" and mark in answer.body:
                client.until("Z")
                return
            if answer.kind == "G":
                client.send(copy_fail("enough"), end)
            elif answer.kind == "E" and answer.fields["S"] == "FATAL":
                self.close()
                return

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class HealthyClient:
    """A driver that works beside the fuzzer, and must not notice it."""

    def __init__(self, dsn: str, outcome: Outcome) -> None:
        self._dsn = dsn
        self._outcome = outcome
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=2) as connection:
                while not self._stop.wait(0.002):
                    number = self._outcome.healthy_queries
                    with connection.transaction():
                        row = connection.execute("SELECT %s::int, 'healthy'", (number,)).fetchone()
                    assert row == (number, "healthy"), row
                    self._outcome.healthy_queries += 1
        except Exception as error:
            self._outcome.healthy_errors.append(repr(error))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def fuzz(
    server: PostgresServer, *, cases: int, seed: int, progress: Callable[[Outcome], None] = lambda _: None
) -> Outcome:
    """Seven cases in ten without sockets, two after login, one before it."""
    outcome = Outcome()
    mutate = Mutator(seed)
    proxy = ProxyProcess(
        origin_of(server),
        connection_limit=5,
        options={"startup_timeout_s": 5.0},
        caching=True,
    )
    healthy = HealthyClient(proxy.dsn(), outcome)
    logged_in = LoggedIn(mutate, proxy.port)
    outcome.memory_before_bytes = proxy.memory_bytes
    try:
        while outcome.cases < cases and proxy.alive and len(outcome.crashes) < 10:
            state = mutate.random.getstate()
            turn = outcome.cases % 10
            try:
                if turn < 7:
                    outcome.sans_io_cases += 1
                    sans_io(mutate)
                elif turn < 9:
                    outcome.after_login_cases += 1
                    logged_in.case()
                else:
                    outcome.before_login_cases += 1
                    before_login(mutate, proxy.port)
            except Exception as error:
                logged_in.close()
                mutate.random.setstate(state)
                outcome.crashes.append(f"case {outcome.cases} of seed {seed}: {error!r}")
                mutate.random.random()
            if outcome.cases % 500 == 0:
                outcome.memory_peak_bytes = max(outcome.memory_peak_bytes, proxy.memory_bytes)
                progress(outcome)
        if not proxy.alive:
            outcome.crashes.append("the proxy is gone")
        else:
            outcome.memory_peak_bytes = max(outcome.memory_peak_bytes, proxy.memory_bytes)
    finally:
        healthy.stop()
        logged_in.close()
        proxy.close()
    outcome.crashes += proxy.said.splitlines()
    return outcome
