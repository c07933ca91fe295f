"""Connections to an origin: TCP or Unix socket, TLS as the policy says, authentication; and cancel requests."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import cast

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.channel_binding import server_end_point
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.origin_startup import AuthenticationFailed, OriginRefused, OriginStartup
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.proxy.failures import OriginUnavailable, connection_attempt_failed, origin_said
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.tls import client_context
from wrangler_py.session.settings import APPLICATION_NAME

_AUTHENTICATION_SQLSTATES = ("28000", "28P01")


class _Starting(asyncio.Protocol):
    """A connection to an origin until it is ready for queries; an `OriginConnection` takes over then.

    `ended` is done when start-up is over: with an error when it failed, or the origin closed the connection.
    """

    def __init__(self, config: PoolConfig) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._config = config
        self._startup: OriginStartup | None = None
        self._tls_answer: asyncio.Future[bytes] | None = None
        self.ended: asyncio.Future[OriginConnection] = loop.create_future()
        self.ended.add_done_callback(lambda future: future.cancelled() or future.exception())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    async def ask_for_tls(self) -> bytes:
        """Sends the request for TLS and returns the answer."""
        self._tls_answer = asyncio.get_running_loop().create_future()
        self.transport.write(messages.ssl_request())
        answer = await self._tls_answer
        self._tls_answer = None
        return answer

    def encrypted(self, transport: asyncio.Transport) -> None:
        """TLS is set up, and `transport` replaces the previous one."""
        self.transport = transport

    def begin(self, startup: OriginStartup) -> None:
        self._startup = startup
        self.transport.write(startup.start())

    def data_received(self, data: bytes) -> None:
        if self._tls_answer is not None and not self._tls_answer.done():
            self._tls_answer.set_result(data)
        elif self._startup is not None:
            self._continue(self._startup, data)

    def _continue(self, startup: OriginStartup, data: bytes) -> None:
        try:
            answer = startup.receive(data)
        except Exception as error:
            if not self.ended.done():
                self.ended.set_exception(error)
            self.transport.abort()
            return
        if answer:
            self.transport.write(answer)
        if startup.ready:
            stream = OriginStream(startup.parameters)
            connection = OriginConnection(self._config, self.transport, stream, startup.process_id, startup.secret)
            self.transport.set_protocol(cast(asyncio.Protocol, connection))
            if not self.ended.done():
                self.ended.set_result(connection)

    def connection_lost(self, error: Exception | None) -> None:
        failure = error or ConnectionResetError("the origin closed the connection")
        for waiting in (self._tls_answer, self.ended):
            if waiting is not None and not waiting.done():
                waiting.set_exception(failure)


async def connect(
    config: PoolConfig, timeout_s: float, settings: Mapping[str, str], distance_s: float = 0.0
) -> OriginConnection:
    """A connection that is ready for queries, whose session has `settings`. It takes `distance_s` longer than it
    has to. Raises OriginUnavailable.
    """
    try:
        async with asyncio.timeout(config.connect_timeout_s or timeout_s):
            if distance_s:
                await asyncio.sleep(distance_s)
            starting = await _open(config)
            try:
                starting.begin(_startup(starting.transport, config, settings))
                return await starting.ended
            except BaseException:
                starting.transport.abort()
                raise
    except TimeoutError as error:
        raise connection_attempt_failed(config, "timeout") from error
    except ConnectionRefusedError as error:
        raise connection_attempt_failed(config, "connection_refused") from error
    except socket.gaierror as error:
        raise connection_attempt_failed(config, "dns_failure") from error
    except ssl.SSLCertVerificationError as error:
        raise connection_attempt_failed(config, "certificate_invalid", error.verify_message) from error
    except ssl.SSLError as error:
        raise connection_attempt_failed(config, "tls_failure", error.reason) from error
    except AuthenticationFailed as error:
        raise connection_attempt_failed(config, "authentication_failed", str(error)) from error
    except OriginRefused as error:
        if error.sqlstate in _AUTHENTICATION_SQLSTATES:
            raise connection_attempt_failed(config, "authentication_failed", str(error)) from error
        raise origin_said(error.response) from error
    except ProtocolError as error:
        raise connection_attempt_failed(config, "protocol_error", str(error)) from error
    except FileNotFoundError as error:
        raise connection_attempt_failed(config, "connection_refused", "No such Unix socket") from error
    except OSError as error:
        raise connection_attempt_failed(config, "connection_lost", error.strerror) from error


async def cancel(connection: OriginConnection, timeout_s: float) -> None:
    """Asks the origin to cancel what `connection` is running; returns when the origin has passed that on."""
    try:
        async with asyncio.timeout(timeout_s):
            messenger = await _open(connection.config)
            messenger.transport.write(messages.cancel_request(connection.process_id, connection.secret))
            try:
                await messenger.ended
            finally:
                messenger.transport.abort()
    except (OSError, TimeoutError, OriginUnavailable, ProtocolError):
        return


async def _open(config: PoolConfig) -> _Starting:
    """A connection to the origin, encrypted if the policy says so."""
    loop = asyncio.get_running_loop()
    origin = config.origin
    starting = _Starting(config)
    if origin.is_unix_socket:
        path = f"{origin.host}/.s.PGSQL.{origin.port}"
        await loop.create_unix_connection(lambda: starting, path)
        return starting
    try:
        await loop.create_connection(lambda: starting, origin.host, origin.port)
    except ValueError as error:  # what can't be a name in DNS: an empty label, or one of more than 63 octets
        raise connection_attempt_failed(config, "dns_failure") from error
    if config.tls.encrypt:
        try:
            await _encrypt(starting, config)
        except BaseException:
            starting.transport.abort()
            raise
    return starting


async def _encrypt(starting: _Starting, config: PoolConfig) -> None:
    answer = await starting.ask_for_tls()
    if answer == b"N" and config.tls.optional:
        return
    if answer[:1] == b"N":
        raise connection_attempt_failed(config, "tls_not_supported")
    if answer != b"S":  # more than one byte may have been inserted by an attacker
        raise ProtocolError("unexpected answer to the request for TLS")
    context = client_context(config.tls)
    loop = asyncio.get_running_loop()
    # The ssl module sends SNI for names and not for addresses.
    transport = await loop.start_tls(starting.transport, starting, context, server_hostname=config.origin.host)
    assert transport is not None
    starting.encrypted(transport)


def _startup(transport: asyncio.Transport, config: PoolConfig, settings: Mapping[str, str]) -> OriginStartup:
    origin = config.origin
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return OriginStartup(
        user=origin.user,
        password=origin.password,
        database=origin.database,
        settings={
            "application_name": APPLICATION_NAME,
            **({"options": config.options} if config.options else {}),
            **settings,
        },
        channel_binding=server_end_point(certificate) if certificate else None,
        require_channel_binding=config.tls.require_channel_binding,
    )
