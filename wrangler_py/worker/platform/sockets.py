"""TCP sockets: `connect` of cloudflare:sockets, and of Hyperdrive bindings."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.current import current_invocation
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.readable import byte_stream_of
from wrangler_py.worker.platform.values import (
    JsException,
    JsProxy,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    member,
)
from wrangler_py.worker.platform.writable import WritableStream

_READ_BYTES = 65_536
_HIGHEST_PORT = 65_535
NOT_BYTES = (
    "This TransformStream is being used as a byte stream, but received an object of "
    "non-ArrayBuffer/ArrayBufferView type on its writable side."
)
_SECURE = ("off", "on", "starttls")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Socket(JsProxy):
    """A TCP connection."""

    illegal_constructor = True

    secureTransport: str
    upgraded: bool
    readable: Any
    writable: Any
    opened: JsPromise
    closed: JsPromise

    _host: str
    _streams: asyncio.Future[Streams]
    _end: asyncio.Future[None]
    _allow_half_open: bool

    def close(self) -> JsPromise:
        """Close both directions."""
        return JsPromise.run(self._close())

    @js_function
    def startTls(self, options: Any = None) -> Socket:
        """The same connection with TLS from now on. Not to be used otherwise any more."""
        if self.secureTransport != "starttls":
            raise JsTypeError.new(
                "The `secureTransport` socket option must be set to 'starttls' for startTls to be used."
            )
        if self.upgraded:
            raise JsTypeError.new("Cannot startTls on a TLS socket.")
        self.upgraded = True
        name = member(options, "expectedServerHostname")
        return _socket_over(
            self._host,
            _upgrade(self._streams, self._host if name is None else js_string(name)),
            secure_transport="on",
            allow_half_open=self._allow_half_open,
        )

    async def _open(self) -> Any:
        try:
            _, writer = await self._streams
        except (OSError, ssl.SSLError) as error:
            failure = JsException.new(
                f"proxy request failed, cannot connect to the specified address ({self._host}): {error}"
            )
            self._settle(failure)
            raise failure from error
        remote, local = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        return js_object({"remoteAddress": _address(remote), "localAddress": _address(local)})

    async def _pull(self, controller: Any) -> None:
        await self.opened
        reader, _ = await self._streams
        data = await reader.read(_READ_BYTES)
        if data:
            controller.enqueue_bytes(data)
            return
        controller.close()
        if not self._allow_half_open:
            await self._close()

    async def _write(self, chunk: Any, _controller: Any = None) -> None:
        if not isinstance(chunk, JsBuffer):
            raise JsTypeError.new(NOT_BYTES)
        await self.opened
        _, writer = await self._streams
        writer.write(chunk.to_bytes())
        await writer.drain()

    async def _finish_writing(self) -> None:
        await self.opened
        _, writer = await self._streams
        if writer.can_write_eof():
            writer.write_eof()

    async def _close(self, _reason: Any = None) -> None:
        if self.upgraded:
            return  # the connection is the new socket's
        if self._streams.done() and self._streams.exception() is None:
            _, writer = self._streams.result()
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()
        else:
            self._streams.cancel()
        self._settle(None)

    def _settle(self, error: Exception | None) -> None:
        if self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)
            self._end.exception()  # may never be awaited


def connect(address: Any, options: Any = None) -> Socket:
    """Open a connection to `address`, "HOST:PORT" or an object with `hostname` and `port`."""
    host, port = _parse(address)
    secure = member(options, "secureTransport")
    secure_transport = "off" if secure is None else js_string(secure)
    if secure_transport not in _SECURE:
        raise JsTypeError.new(f"Unsupported value in secureTransport socket option: {secure_transport}")
    return open_socket(
        host,
        port,
        secure_transport=secure_transport,
        allow_half_open=is_truthy(member(options, "allowHalfOpen")),
    )


def open_socket(host: str, port: int, *, secure_transport: str, allow_half_open: bool = False) -> Socket:
    """Open a connection. The socket is there at once; `opened` tells when it can be used."""
    context = ssl.create_default_context() if secure_transport == "on" else None
    streams = asyncio.ensure_future(asyncio.open_connection(host, port, ssl=context))
    return _socket_over(host, streams, secure_transport=secure_transport, allow_half_open=allow_half_open)


def _socket_over(
    host: str, streams: asyncio.Future[Streams], *, secure_transport: str, allow_half_open: bool
) -> Socket:
    socket = object.__new__(Socket)
    socket._host, socket._streams, socket._allow_half_open = host, streams, allow_half_open
    socket._end = asyncio.get_running_loop().create_future()
    socket.secureTransport, socket.upgraded = secure_transport, False
    socket.opened = JsPromise.run(socket._open())
    socket.closed = JsPromise.run(socket._end)
    socket.readable = byte_stream_of(socket._pull, socket._close)
    socket.writable = WritableStream.new(
        js_object({"write": socket._write, "close": socket._finish_writing, "abort": socket._close})
    )
    _ignore_failure(socket.opened)
    current_invocation("connect").on_end(socket._close)
    return socket


def _ignore_failure(promise: JsPromise) -> None:
    """Have nothing logged of a failure that the Worker hears of when it reads or writes."""
    promise.future().add_done_callback(lambda future: None if future.cancelled() else future.exception())


async def _upgrade_streams(streams: asyncio.Future[Streams], name: str) -> Streams:
    reader, writer = await streams
    await writer.start_tls(ssl.create_default_context(), server_hostname=name)
    return reader, writer


def _upgrade(streams: asyncio.Future[Streams], name: str) -> asyncio.Future[Streams]:
    return asyncio.ensure_future(_upgrade_streams(streams, name))


def _parse(address: Any) -> tuple[str, int]:
    if isinstance(address, str):
        host, colon, port_text = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    else:
        host, colon, port_text = js_string(member(address, "hostname")), ":", js_string(member(address, "port"))
    if not (colon and host and port_text.isdecimal() and int(port_text) <= _HIGHEST_PORT):
        raise JsTypeError.new("Specified address could not be parsed.")
    return host, int(port_text)


def _address(name: Any) -> Any:
    if not isinstance(name, tuple):
        return None
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"
