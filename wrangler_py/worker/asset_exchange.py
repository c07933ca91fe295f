"""One HTTP request, or one for a WebSocket, that static assets may answer."""

from __future__ import annotations

import asyncio
import time

from ada_url import URL

from wrangler_py.worker.assets.site import AssetRequest, StaticSite
from wrangler_py.worker.request_host import Receive, RequestHost, Scope, Send

_CHUNK = 65_536
_NO_CONTENT = frozenset({204, 304})


async def answer_with_asset(
    host: RequestHost, site: StaticSite, scope: Scope, receive: Receive, send: Send
) -> bool:
    """Answer the request if static assets do; whether they did."""
    request = _request_of(scope)
    if not site.takes(request):
        return False
    started_at = time.perf_counter()
    host.begin_request()
    status = 500
    try:
        answer = await asyncio.to_thread(site.answer, request)
        status = answer.status
        headers = [(name.encode("latin-1"), value.encode()) for name, value in answer.headers]
        if status not in _NO_CONTENT:
            length = len(answer.content) if answer.length is None else answer.length
            headers.append((b"content-length", b"%d" % length))
        headers = host.with_connection_header(headers)
        prefix = "websocket.http" if scope["type"] == "websocket" else "http"
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
        await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
        view = memoryview(answer.content)
        for start in range(0, len(view), _CHUNK):
            chunk = bytes(view[start : start + _CHUNK])
            await send({"type": f"{prefix}.response.body", "body": chunk, "more_body": True})
        await send({"type": f"{prefix}.response.body", "body": b""})
    finally:
        elapsed = time.perf_counter() - started_at
        host.end_request(host.worker.next_request_id(), request.method, scope["path"], status, elapsed)
    return True


def _request_of(scope: Scope) -> AssetRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    target = f"{path}{'?' + query if query else ''}"
    url = f"{scheme}://{headers.get('host') or 'localhost'}{target}"
    try:
        URL(url)
    except ValueError:  # the Host header; what it may be is checked elsewhere
        url = f"{scheme}://localhost{target}"
    return AssetRequest(scope.get("method", "GET"), url, headers)
