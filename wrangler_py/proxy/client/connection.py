"""One client's connection to the proxy, from the end of its login on, as asyncio sees it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from typing import Final, Protocol

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import TERMINATE
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.proxy.client.queries import ClientLink, ClientQueries
from wrangler_py.proxy.client.tcp import acknowledge_now
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.worker_requests import Request
from wrangler_py.session.message_groups import GroupReader, MessageGroup
from wrangler_py.session.settings import SessionSettings

NO_MORE_INPUT_S = 0.002
"""Messages run after this time without a Sync or Flush. A server runs them at once."""
SECOND_PROBE_S = 0.02
"""Time between the first and the second probe of a client that has ended its side of the connection."""
PROBE_INTERVAL_S = 1.0
"""Time between later probes."""
_TERMINATE: Final = MessageGroup([], False, (TERMINATE, messages.TERMINATE, 0))
_PROBE: Final = messages.parameter_status("integer_datetimes", "on")
"""Tells the client what it already knows."""
CLOSE_GRACE_S = 1.0
"""Time that a closed client gets to read its remaining data."""


class ClientRegistry(Protocol):
    """Knows all clients."""

    client_numbers: Iterator[int]

    def enter(self, client: ClientConnection) -> int:
        """`client` has logged in; returns the process id of its cancel key."""

    def leave(self, client: ClientConnection) -> None:
        """`client` has disconnected."""


class ClientConnection(ClientLink):
    """Takes over from the login. Splits the client's input into groups of messages, for `queries`.

    asyncio calls it as a protocol. It has no base class of asyncio's, so that mypyc can make a native class of it.
    """

    def __init__(
        self,
        registry: ClientRegistry,
        transport: asyncio.Transport,
        pool: Pool,
        request: Request | None,
        settings: SessionSettings,
        *,
        minor: int,
    ) -> None:
        self._registry = registry
        self._writes = pool.writes
        self.transport = transport
        self.pool = pool
        self.process_id = 0
        self.secret = secrets.token_bytes(32 if minor >= 2 else 4)
        self.queries = ClientQueries(self, pool, request, settings, next(registry.client_numbers))
        self._reader = GroupReader()
        self._no_more_input: asyncio.TimerHandle | None = None
        self._probe_timer: asyncio.TimerHandle | None = None

    @property
    def request(self) -> Request | None:
        """The Worker's request that it belongs to."""
        return self.queries.request

    @property
    def waiting(self) -> bool:
        """Whether what it has sent waits, for a connection or for someone else's answer."""
        return self.queries.waiting

    @property
    def write_paused(self) -> bool:
        """Whether the client doesn't read its data."""
        return self.queries.write_paused

    def forget_request(self) -> None:
        self.queries.forget_request()

    # --- asyncio's side ------------------------------------------------------------------------------------

    def begin(self, owed: bytes, early: bytes) -> None:
        """Tells the client to go ahead, behind the answer that it is `owed`; `early` is what it sent before."""
        self.process_id = self._registry.enter(self)
        self.queries.session.enter(self.process_id)
        key = messages.backend_key_data(self.process_id, self.secret)
        self.transport.write(owed + self.queries.settings.greeting() + key + messages.READY_IDLE)
        if early:
            self.data_received(early)

    def eof_received(self) -> bool:
        """The client sends nothing more. As a server does, the proxy answers what it has sent before.

        Returns whether the transport stays open.
        """
        self.queries.pass_on(_TERMINATE)
        if self.transport.is_closing() or not self.queries.waiting:
            return False
        self._probe(SECOND_PROBE_S)
        return True

    def _probe(self, again_s: float) -> None:
        """Writes a message without effect. If the client is gone, its system resets the connection."""
        origin = self.queries.origin
        if self.transport.is_closing():
            return
        if not self.write_paused and (origin is None or not origin.stream.mid_message):
            self.transport.write(_PROBE)
        self._probe_timer = asyncio.get_running_loop().call_later(again_s, self._probe, PROBE_INTERVAL_S)

    def connection_lost(self, error: Exception | None) -> None:
        self.queries.connection_lost()
        self._registry.leave(self)
        self._stop()

    def pause_writing(self) -> None:
        self.queries.writing_pauses()

    def resume_writing(self) -> None:
        self.queries.writing_resumes()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        queries = self.queries
        if reader.is_between_groups and queries.ask_at_once(data):
            return
        try:
            for group in reader.receive(data):
                if group.is_piece:
                    queries.pass_on(group)
                else:
                    queries.submit(group)
                if self.transport.is_closing():
                    return
        except ProtocolError as error:
            queries.refuse_nonsense(error)
            return
        if not reader.is_between_groups:
            if reader.has_open_group:
                self._run_without_sync()
            acknowledge_now(self.transport)

    def _run_without_sync(self) -> None:
        """Sends on what no Sync or Flush follows: at once over its connection, else when no more input comes."""
        if self.queries.origin is not None and not self.queries.waiting:
            self._submit_without_sync()
        elif self._no_more_input is None:
            loop = asyncio.get_running_loop()
            self._no_more_input = loop.call_later(NO_MORE_INPUT_S, self._submit_without_sync)

    def _submit_without_sync(self) -> None:
        self._no_more_input = None
        group = self._reader.end_group()
        if group is None:
            return
        try:
            self.queries.submit(group)
        except ProtocolError as error:
            self.queries.refuse_nonsense(error)

    # --- for its queries -----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        transport = self.transport
        if not transport.is_closing():
            if self._writes.active:
                self._writes.write(transport, data)
            else:
                transport.write(data)

    def pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def refuse(self, response: bytes) -> None:
        if self.transport.is_closing():
            return
        origin = self.queries.origin
        if origin is not None and origin.stream.mid_message:
            self.transport.abort()
            return
        self._stop()
        self.write(response)
        self.close()

    def close(self) -> None:
        self._writes.flush()
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.transport.abort)

    def _stop(self) -> None:
        """Nothing becomes of what it has sent."""
        self.queries.stop()
        self._reader.forget()
        for timer in (self._no_more_input, self._probe_timer):
            if timer is not None:
                timer.cancel()
        self._no_more_input = self._probe_timer = None
