"""`connect` of `cloudflare:sockets` and `startTls`, with a real PostgreSQL behind."""

from __future__ import annotations

import pytest
from support.postgres_server import PostgresServer
from support.worker_child import StartWorker

UPGRADE = """
    from pyodide.ffi import JsException, to_js
    from workers import Response, WorkerEntrypoint, import_from_javascript

    def packet(code, body=b""):
        return to_js((8 + len(body)).to_bytes(4, "big") + code.to_bytes(4, "big") + body)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            connect = import_from_javascript("cloudflare:sockets").connect
            secure = request.url.rpartition("/")[2]
            socket = connect("localhost:PORT", secureTransport=secure)
            try:
                writer = socket.writable.getWriter()
                await writer.write(packet(80877103))  # SSLRequest
                reader = socket.readable.getReader()
                answer = (await reader.read()).value.to_bytes()
                assert answer == b"S", answer
                writer.releaseLock()
                reader.releaseLock()
                upgraded = socket.startTls()
                assert upgraded.secureTransport == "on" and socket.upgraded and not upgraded.upgraded
                await upgraded.opened
                writer = upgraded.writable.getWriter()
                await writer.write(packet(196608, b"user\\0app\\0database\\0app\\0\\0"))
                message = (await upgraded.readable.getReader().read()).value.to_bytes()
                try:
                    socket.startTls()
                except JsException as error:
                    again = error.message
                await upgraded.close()
                return Response.json([message[:1].decode(), again])
            except JsException as error:
                return Response(f"{error.name}: {error.message}")
"""


def test_start_tls_goes_on_with_tls(
    start_worker: StartWorker, tls_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_postgres.certificates.ca))
    child = start_worker(UPGRADE.replace("PORT", str(tls_postgres.port)))
    assert child.client.get("/starttls").json() == ["R", "Cannot startTls on a TLS socket."]


def test_start_tls_is_refused_unless_it_was_announced(
    start_worker: StartWorker, tls_postgres: PostgresServer
) -> None:
    child = start_worker(UPGRADE.replace("PORT", str(tls_postgres.port)))
    assert child.client.get("/off").text == (
        "TypeError: The `secureTransport` socket option must be set to 'starttls' for startTls to be used."
    )


def test_start_tls_with_a_certificate_that_nobody_trusts(
    start_worker: StartWorker, tls_postgres: PostgresServer
) -> None:
    child = start_worker(UPGRADE.replace("PORT", str(tls_postgres.port)))
    assert "cannot connect to the specified address" in child.client.get("/starttls").text
