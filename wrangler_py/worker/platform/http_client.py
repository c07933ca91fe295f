"""Requests to elsewhere, with httpx underneath: one client for each event loop of a Worker's request and proxy."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wrangler_py.worker.platform.current import Invocation
from wrangler_py.worker.platform.outgoing_proxies import Proxy, proxy_for
from wrangler_py.worker.platform.values import JsException

if TYPE_CHECKING:
    import httpx

_CLIENT: Final = "fetch client"
_NOT_SENT: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "keep-alive"})
_DECODED: Final = frozenset({"gzip", "x-gzip", "deflate", "identity"})
# The body comes decoded, so what described its encoding doesn't hold any more.
_OF_THE_ENCODING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_NO_SOCKS: Final = (
    "the proxy {} speaks SOCKS, for which httpx needs the package socksio. Install it (`pip install socksio`), "
    "or let NO_PROXY name the host"
)


class Answer:
    """A server's answer: status and headers now, the body as it arrives."""

    def __init__(self, response: httpx.Response, shown_url: str) -> None:
        self._response = response
        self._shown_url = shown_url
        encoding = response.headers.get("content-encoding", "")
        self._decode = {part.strip().lower() for part in encoding.split(",")} <= _DECODED | {""}
        self._decoded = bool(encoding) and self._decode
        self.status = response.status_code
        self.reason = response.reason_phrase

    def headers(self) -> list[tuple[str, str]]:
        dropped = _OF_THE_ENCODING if self._decoded else frozenset({"transfer-encoding"})
        pairs = [
            (name.decode("latin-1").lower(), value.decode("utf-8", "replace"))
            for name, value in self._response.headers.raw
        ]
        return [pair for pair in pairs if pair[0] not in dropped]

    def header(self, name: str) -> str | None:
        value = next((v for n, v in self._response.headers.raw if n.lower() == name.encode()), None)
        return None if value is None else value.decode("utf-8", "replace")

    def length(self) -> int | None:
        text = self.header("content-length")
        return int(text) if text is not None and text.isdecimal() and not self._decoded else None

    async def close(self) -> None:
        await self._response.aclose()

    async def chunks(self) -> AsyncIterator[bytes]:
        import httpx

        response = self._response
        try:
            async for chunk in response.aiter_bytes() if self._decode else response.aiter_raw():
                yield chunk
        except httpx.HTTPError as error:
            raise JsException.new(f"The response of {self._shown_url} broke off: {_reason(error)}") from error
        finally:
            await response.aclose()


async def send(
    invocation: Invocation,
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    content: bytes | AsyncIterator[bytes] | None,
    length: int | None,
) -> Answer:
    """Send a request. Raises JsException with the reason if there is no answer."""
    import httpx

    shown, parts = shown_url(url), urlsplit(url)
    host, port = parts.hostname or "", parts.port
    # Names such as emoji are valid for the URL standard alone: they stay as they are written.
    pairs = [(b"host", parts.netloc.rpartition("@")[2].encode())]
    pairs += [(name.encode(), value.encode()) for name, value in headers if name not in _NOT_SENT]
    if not any(name == b"accept-encoding" for name, _ in pairs):
        pairs.append((b"accept-encoding", b"gzip"))
    if length is not None and not isinstance(content, bytes):
        pairs.append((b"content-length", b"%d" % length))  # or httpx would send it in chunks
    if invocation.leads_back(host, port or (443 if parts.scheme == "https" else 80)):
        pairs += [(name.encode(), value.encode()) for name, value in invocation.own_headers]
    if content is None and method in {"POST", "PUT", "PATCH"}:
        content = b""
    proxy = proxy_for(parts.scheme, host, port)
    through = f", through the proxy {proxy}" if proxy is not None else ""
    try:
        request = httpx.Request(method, url, headers=pairs, content=content)
        client = _client(invocation, parts.scheme == "https", proxy)
        return Answer(await client.send(request, stream=True), shown)
    except ImportError:
        if proxy is None:
            raise
        raise JsException.new(f"fetch of {shown} failed: {_NO_SOCKS.format(proxy)}") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise JsException.new(f"fetch of {shown} failed{through}: {_reason(error)}") from error


def shown_url(url: str) -> str:
    """A URL as a message shows it, without its password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _client(invocation: Invocation, secure: bool, proxy: Proxy | None) -> httpx.AsyncClient:
    """The request's client, closed when the request ends."""
    import httpx

    key = (_CLIENT, asyncio.get_running_loop(), secure, proxy)
    client: httpx.AsyncClient | None = invocation.resources.get(key)
    if client is None:
        # Without TLS there is nothing to verify: a context that reads all root certificates is slow to make.
        needs_tls = secure or (proxy is not None and proxy.url.startswith("https:"))
        verify: Any = tls_context() if needs_tls else False
        client = httpx.AsyncClient(
            timeout=httpx.Timeout(100.0, connect=15.0),
            verify=verify,
            trust_env=False,
            proxy=None if proxy is None else proxy.url,
        )
        invocation.resources[key] = client
        invocation.on_end(client.aclose)
    return client


@functools.cache
def tls_context() -> Any:
    """One TLS context for all requests: making one reads every root certificate."""
    import httpx

    return httpx.create_ssl_context()
