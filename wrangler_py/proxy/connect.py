"""Opens connections to an origin: TCP or Unix socket, TLS as the policy says, authentication; and cancels."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.channel_binding import server_end_point
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.origin_startup import AuthenticationFailed, OriginRefused, OriginStartup
from wrangler_py.proxy.failures import OriginUnavailable, connection_attempt_failed, origin_said
from wrangler_py.proxy.origin import OriginConnection
from wrangler_py.proxy.tls import client_context
from wrangler_py.session.settings import APPLICATION_NAME

_AUTHENTICATION_SQLSTATES = ("28000", "28P01")


async def connect(
    config: PoolConfig, timeout_s: float, settings: Mapping[str, str], distance_s: float = 0.0
) -> OriginConnection:
    """A connection that is ready for queries, whose session has `settings`. It takes `distance_s` longer than it
    does. Raises OriginUnavailable.
    """
    try:
        async with asyncio.timeout(config.connect_timeout_s or timeout_s):
            if distance_s:
                await asyncio.sleep(distance_s)
            connection = await _open(config)
            try:
                await _start(connection, config, settings)
            except BaseException:
                connection.transport.abort()
                raise
            return connection
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


async def cancel(connection: OriginConnection, config: PoolConfig, timeout_s: float) -> None:
    """Asks the origin to cancel what `connection` is running; returns when it has passed that on."""
    try:
        async with asyncio.timeout(timeout_s):
            messenger = await _open(config)
            messenger.transport.write(messages.cancel_request(connection.process_id, connection.secret))
            try:
                await messenger.started
            finally:
                messenger.transport.abort()
    except (OSError, TimeoutError, OriginUnavailable, ProtocolError):
        return


async def _open(config: PoolConfig) -> OriginConnection:
    """A transport to the origin, encrypted if the policy says so."""
    loop = asyncio.get_running_loop()
    origin = config.origin
    connection = OriginConnection(loop, config)
    if origin.is_unix_socket:
        path = f"{origin.host}/.s.PGSQL.{origin.port}"
        await loop.create_unix_connection(lambda: connection, path)
        return connection
    try:
        await loop.create_connection(lambda: connection, origin.host, origin.port)
    except ValueError as error:  # what can't be a name in DNS: an empty label, or one of more than 63 octets
        raise connection_attempt_failed(config, "dns_failure") from error
    if config.tls.encrypt:
        try:
            await _encrypt(connection, config)
        except BaseException:
            connection.transport.abort()
            raise
    return connection


async def _encrypt(connection: OriginConnection, config: PoolConfig) -> None:
    loop = asyncio.get_running_loop()
    connection.tls_answer = loop.create_future()
    connection.transport.write(messages.ssl_request())
    answer = await connection.tls_answer
    connection.tls_answer = None
    if answer == b"N" and config.tls.optional:
        return
    if answer[:1] == b"N":
        raise connection_attempt_failed(config, "tls_not_supported")
    if answer != b"S":  # more than that one octet could have been put there by someone in between
        raise ProtocolError("unexpected answer to the request for TLS")
    context = client_context(config.tls)
    # The ssl module sends SNI for names and not for addresses.
    transport = await loop.start_tls(connection.transport, connection, context, server_hostname=config.origin.host)
    assert transport is not None
    connection.transport = transport


async def _start(connection: OriginConnection, config: PoolConfig, settings: Mapping[str, str]) -> None:
    origin = config.origin
    tls = connection.transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    connection.begin(
        OriginStartup(
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
    )
    await connection.started
