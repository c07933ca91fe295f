"""A client's start-up: encryption requests, authentication, session settings, and then a session.

Cancel requests come in the same way, and end here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol, cast

from wrangler_py.open_files import FileReserve
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.client_startup import ClientStartup, Refused, State
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.scram import Verifier
from wrangler_py.pgwire.startup_options import requested_settings
from wrangler_py.proxy import failures
from wrangler_py.proxy.client.connection import CLOSE_GRACE_S, ClientConnection, ClientRegistry
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.pool.client_settings import StartingClient
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.worker_requests import Request
from wrangler_py.session.settings import SessionSettings

MAX_EARLY_BYTES = 65_536
"""Limit of data that a client sends before login has ended."""

_NO_FILES = messages.error_response(
    "53300",
    "too many connections: the limit of open files is reached",
    severity="FATAL",
    hint="Close some, or raise the limit before you start the local Hyperdrive: ulimit -n 8192",
)


class LoginServer(ClientRegistry, Protocol):
    """The proxy, as a login sees it."""

    options: ProxyOptions
    verifier: Verifier
    quick_verifier: Verifier | None
    files: FileReserve

    def login_begins(self, login: Login) -> None:
        """A client has connected."""

    def login_ended(self, login: Login) -> None:
        """The client has logged in, or has disconnected."""

    def admit(self, login: Login, parameters: Mapping[str, str]) -> tuple[Pool, Request | None]:
        """The pool, and the request, that an authenticated client belongs to. Raises Refused."""

    async def cancel(self, process_id: int, secret: bytes) -> None:
        """Passes a cancel request on, and returns when the origin has done so, too."""


class Login(StartingClient):
    """Has the connection until the client is in; a `ClientConnection` takes over. asyncio calls it as a protocol.

    It may use an origin connection, to find out what the session settings come to that the client asks for.
    """

    def __init__(self, proxy: LoginServer) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self.pool: Pool | None = None
        self.request: Request | None = None
        self.settings: SessionSettings = None  # type: ignore[assignment]  # not known yet; fits no connection
        self.origin: OriginConnection | None = None
        self.waiting = False
        self.write_paused = False
        self._startup = ClientStartup(proxy.verifier, proxy.quick_verifier)
        self._early = b""
        self._owed = b""
        """The end of the authentication is sent together with what follows, in one packet."""
        self._grant: asyncio.Future[OriginConnection] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._can_be_served = True
        self._waits_since = 0.0

    # --- asyncio's side ------------------------------------------------------------------------------------

    @property
    def request_id(self) -> str | None:
        return self.request.id if self.request is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._can_be_served = self.proxy.files.takes(transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.proxy.options.startup_timeout_s, self.transport.abort)
        self.proxy.login_begins(self)

    def eof_received(self) -> None:
        """The transport closes itself."""

    def pause_writing(self) -> None:
        """What is written here is short."""

    def resume_writing(self) -> None:
        """What is written here is short."""

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()
        if self.waiting and self.pool is not None:
            self.waiting = False
            self.pool.withdraw(self)
        if self._task is not None and self._startup.state is not State.CANCEL:
            self._task.cancel()
        origin, self.origin = self.origin, None
        if origin is not None:
            origin.abandon()

    def data_received(self, data: bytes) -> None:
        if self._startup.state is State.AUTHENTICATED:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self.transport.abort()
            return
        try:
            answer = self._startup.receive(data)
        except Refused as refusal:
            self.refuse(refusal.response)
            return
        except ProtocolError as error:
            self.refuse(messages.error_response("08P01", str(error), severity="FATAL"))
            return
        if not self._can_be_served and self._startup.state not in (State.STARTING, State.CANCEL):
            self.refuse(_NO_FILES)
            return
        self._go_on(self._startup, answer)

    def _go_on(self, startup: ClientStartup, answer: bytes) -> None:
        if startup.state is State.CANCEL:
            self._task = asyncio.ensure_future(self._cancel())
        elif startup.state is State.AUTHENTICATED:
            self._owed = answer
            self._early = startup.rest
            self._task = asyncio.ensure_future(self._admit())
        elif answer:
            self.transport.write(answer)

    def refuse(self, response: bytes) -> None:
        """Says why, and closes."""
        if not self.transport.is_closing():
            self.transport.write(self._owed + response)
            self._close()

    def _close(self) -> None:
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.transport.abort)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.proxy.login_ended(self)

    # --- what the client came for --------------------------------------------------------------------------

    async def _cancel(self) -> None:
        """Also when the one who asks for it does not wait for the end."""
        await self.proxy.cancel(*self._startup.cancel_key)
        self._close()

    async def _admit(self) -> None:
        parameters = self._startup.parameters
        try:
            pool, self.request = self.proxy.admit(self, parameters)
            self.pool = pool
            settings = await pool.settings_for(self, requested_settings(parameters))
        except Refused as refusal:
            self.refuse(refusal.response)
            return
        except OriginUnavailable as error:
            self.refuse(messages.with_severity(error.response, "FATAL"))
            return
        except Exception:
            self.refuse(messages.with_severity(failures.internal_error().response, "FATAL"))
            raise
        finally:
            self._task = None
        if not self.transport.is_closing():
            self._leave()
            connection = ClientConnection(
                self.proxy, self.transport, pool, self.request, settings, minor=self._startup.minor
            )
            self.transport.set_protocol(cast(asyncio.Protocol, connection))
            connection.begin(self._owed, self._early)

    # --- as one that waits for an origin connection, and holds it ------------------------------------------

    async def wait_for_origin(self) -> OriginConnection:
        """An origin connection for start-up itself. Raises OriginUnavailable."""
        assert self.pool is not None
        self._grant = asyncio.get_running_loop().create_future()
        self._waits_since = time.monotonic()
        self.settings = self.pool.baseline
        self.waiting = True
        connection = self.pool.checkout(self)
        if connection is not None:
            self.granted(connection)
        try:
            return await self._grant
        finally:
            self._grant = None

    def settings_tried(self, connection: OriginConnection) -> None:
        """Counts what the distance has cost the request: opening a connection takes seven round trips."""
        if connection.distance is not None:
            cost = connection.distance.take_cost()
            if self.request is not None:
                self.request.counts.add_distance(cost, time.monotonic() - self._waits_since)

    def granted(self, connection: OriginConnection) -> None:
        connection.prepare_for(self)
        self.origin = connection
        self.waiting = False
        if self._grant is not None and not self._grant.done():
            self._grant.set_result(connection)

    def origin_unavailable(self, error: OriginUnavailable) -> None:
        self.waiting = False
        if self._grant is not None and not self._grant.done():
            self._grant.set_exception(error)

    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        assert self.pool is not None
        self.origin = None
        self.origin_unavailable(failures.connection_attempt_failed(self.pool.config, "connection_lost"))

    def forget_request(self) -> None:
        """The Worker's request has ended, but the client stays connected."""
        self.request = None

    def released(self) -> None:
        self.origin = None

    def lets_go(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        """What the origin says by itself is for sessions."""

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()
