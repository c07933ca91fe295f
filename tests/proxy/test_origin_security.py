"""TLS to the origin, and each way an origin lets the proxy in."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from support.postgres_server import PostgresServer, make_certificates, short_folder
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, wait_until
from support.raw_client import RawClient, RefusedError, query

from wrangler_py.hyperdrive.config import PLAINTEXT, TLSPolicy
from wrangler_py.pgwire.origin_startup import OriginStartup
from wrangler_py.proxy.origin import connect
from wrangler_py.proxy.origin.tls import client_context

StartProxy = Callable[..., ProxyServer]


@pytest.fixture(scope="module")
def server(postgres_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server for `localhost` alone, whose users come in in different ways."""
    certificates = make_certificates(tmp_path_factory.mktemp("localhost"), "localhost")
    users = [
        "hostssl all certified all cert map=common_names",
        "host all cleartext all password",
        "host all hashed all md5",
        "host all let_in all trust",
        "hostnossl all encrypted_only all reject",
        "hostssl all encrypted_only all scram-sha-256",
        "host all shut_out all reject",
    ]
    server = PostgresServer(short_folder(), certificates, hba=users)
    server.create(postgres_template)
    if server.has_tls:
        (server.data / "pg_ident.conf").write_text("common_names app certified\n")
    else:
        pytest.skip("needs a PostgreSQL built with OpenSSL; the `embedded` extra's is not")
    server.start()
    for user in ("certified", "cleartext", "let_in", "encrypted_only", "shut_out"):
        server.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'its password'")
    server.execute("SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD 'its password'")
    yield server
    server.kill()


def policy(server: PostgresServer, **changes: Any) -> TLSPolicy:
    """Verifies against the server's own CA, in full, unless `changes` say otherwise."""
    defaults: dict[str, Any] = {"verify": "full", "roots": server.certificates.ca.read_text()}
    return TLSPolicy(**{**defaults, **changes})


def session(proxy: ProxyServer) -> dict[str, str | None]:
    """What the origin knows of the encryption of the connection a query ran on."""
    sql = "SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        [row] = client.rows(sql)
    return dict(zip(("ssl", "version", "client"), (v.decode() if v else None for v in row), strict=True))


def refusal(proxy: ProxyServer) -> dict[str, str]:
    try:
        with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
            return client.ask(query("SELECT 1"))[0].fields
    except RefusedError as error:
        return error.answer.fields


@pytest.mark.parametrize(
    "changes",
    [
        {"verify": "none", "roots": None},
        {"verify": "ca"},
        {"verify": "full"},
        {"verify": "none", "roots": None, "optional": True},
    ],
)
def test_the_connection_is_encrypted(
    server: PostgresServer, start_proxy: StartProxy, changes: dict[str, Any]
) -> None:
    proxy = start_proxy(origin_of(server, host="localhost"), config={"tls": policy(server, **changes)})
    found = session(proxy)
    assert found["ssl"] == "t"
    assert found["version"] in ("TLSv1.2", "TLSv1.3")


def test_plaintext_is_plaintext(server: PostgresServer, start_proxy: StartProxy) -> None:
    assert session(start_proxy(origin_of(server), config={"tls": PLAINTEXT}))["ssl"] == "f"


@pytest.mark.parametrize(
    ("host", "changes", "reason"),
    [
        ("localhost", {"roots": "stranger", "verify": "ca"}, "certificate_invalid"),
        ("localhost", {"roots": "stranger"}, "certificate_invalid"),
        ("localhost", {"roots": None, "verify": "ca"}, "certificate_invalid"),
        ("127.0.0.1", {"verify": "full"}, "certificate_invalid"),
        ("127.0.0.1", {"verify": "ca"}, None),
        ("127.0.0.1", {"verify": "none", "roots": None}, None),
    ],
)
def test_certificates_are_checked_as_the_mode_says(
    server: PostgresServer,
    start_proxy: StartProxy,
    stranger_ca_pem: Path,
    host: str,
    changes: dict[str, Any],
    reason: str | None,
) -> None:
    if changes.get("roots") == "stranger":
        changes = {**changes, "roots": stranger_ca_pem.read_text()}
    proxy = start_proxy(origin_of(server, host=host), config={"tls": policy(server, **changes)})
    if reason is None:
        assert session(proxy)["ssl"] == "t"
        return
    fields = refusal(proxy)
    assert fields["M"] == f"Server connection attempt failed: {reason}"
    assert "cert upload certificate-authority" in fields["H"]


def test_public_roots_are_the_systems(server: PostgresServer) -> None:
    """SSL_CERT_FILE is read when a process begins to use TLS, so this takes one of its own."""
    program = (
        "import ssl, sys; from wrangler_py.proxy.origin.tls import client_context; "
        "from wrangler_py.hyperdrive.config import TLSPolicy; "
        "print(client_context(TLSPolicy(verify='full')).cert_store_stats()['x509_ca'])"
    )
    environ = {**os.environ, "SSL_CERT_FILE": str(server.certificates.ca), "SSL_CERT_DIR": "/nowhere"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert result.stdout == "1\n"


def test_one_context_for_all_connections_of_a_policy(server: PostgresServer) -> None:
    context = client_context(policy(server))
    assert client_context(policy(server)) is context
    assert client_context(policy(server, verify="ca")) is not context


def test_an_encrypted_key_causes_no_question(server: PostgresServer) -> None:
    """OpenSSL asks on standard input where there is no terminal."""
    key = load_pem_private_key(server.certificates.client_key.read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    program = (
        "import sys; from wrangler_py.proxy.origin.tls import client_context; "
        "from wrangler_py.hyperdrive.config import TLSPolicy; "
        "client_context(TLSPolicy(client_certificate=sys.argv[1], client_key=sys.argv[2]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, server.certificates.client_certificate.read_text(), encrypted.decode()],
        input="secret\n",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert result.returncode == 1
    assert "ssl.SSLError" in result.stderr
    assert "pass phrase" not in result.stderr


def test_an_origin_without_tls(postgres_factory: Callable[..., PostgresServer], start_proxy: StartProxy) -> None:
    server = postgres_factory(tls=False)
    proxy = start_proxy(origin_of(server), config={"tls": TLSPolicy(verify="none")})
    assert refusal(proxy)["M"] == "Server connection attempt failed: tls_not_supported"
    proxy = start_proxy(origin_of(server), config={"tls": TLSPolicy(verify="none", optional=True)})
    assert session(proxy)["ssl"] == "f"


def test_old_tls_is_refused(postgres_factory: Callable[..., PostgresServer], start_proxy: StartProxy) -> None:
    server = postgres_factory(
        settings={
            "ssl_min_protocol_version": "TLSv1",
            "ssl_max_protocol_version": "TLSv1.1",
            "ssl_ciphers": "ALL:@SECLEVEL=0",
        }
    )
    if not server.has_tls:
        pytest.skip("needs a PostgreSQL built with OpenSSL")
    proxy = start_proxy(origin_of(server), config={"tls": TLSPolicy(verify="none")})
    assert refusal(proxy)["M"] == "Server connection attempt failed: tls_failure"


def test_a_client_certificate(server: PostgresServer, start_proxy: StartProxy) -> None:
    certificates = server.certificates
    tls = policy(
        server,
        client_certificate=certificates.client_certificate.read_text(),
        client_key=certificates.client_key.read_text(),
    )
    origin = origin_of(server, host="localhost", user="certified", password="")
    found = session(start_proxy(origin, config={"tls": tls}))
    assert found["client"]
    without = start_proxy(origin, config={"tls": policy(server)})
    assert refusal(without)["M"] == "Server connection attempt failed: authentication_failed"


@pytest.mark.parametrize("user", ["cleartext", "hashed", "let_in"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_other_ways_in(server: PostgresServer, start_proxy: StartProxy, user: str, encrypted: bool) -> None:
    origin = origin_of(server, host="localhost", user=user, password="its password")
    proxy = start_proxy(origin, config={"tls": policy(server) if encrypted else PLAINTEXT})
    assert session(proxy)["ssl"] == ("t" if encrypted else "f")
    if user != "let_in":
        wrong = dataclasses.replace(origin, password="another")
        wrong_proxy = start_proxy(wrong, config={"tls": policy(server) if encrypted else PLAINTEXT})
        fields = refusal(wrong_proxy)
        assert fields["M"] == "Server connection attempt failed: authentication_failed"
        assert "another" not in str(fields)


@pytest.mark.parametrize("user", ["encrypted_only", "shut_out"])
def test_an_origin_that_does_not_let_us_in(server: PostgresServer, start_proxy: StartProxy, user: str) -> None:
    origin = origin_of(server, user=user, password="its password")
    fields = refusal(start_proxy(origin, config={"tls": PLAINTEXT}))
    assert fields["M"] == "Server connection attempt failed: authentication_failed"
    assert "pg_hba.conf rejects connection" in fields["H"]


def test_the_channel_is_bound_where_it_can_be(
    server: PostgresServer, start_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL offers SCRAM-SHA-256-PLUS over TLS; what it is sent then binds the password to the certificate."""
    sent: list[bytes] = []

    class NotingStartup:
        """In its place, for methods of a compiled class can't be replaced."""

        def __init__(self, **options: Any) -> None:
            self._startup = OriginStartup(**options)

        def receive(self, data: bytes) -> bytes:
            sent.append(self._startup.receive(data))
            return sent[-1]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._startup, name)

    monkeypatch.setattr(connect, "OriginStartup", NotingStartup)
    proxy = start_proxy(origin_of(server, host="localhost"), config={"tls": policy(server)})
    session(proxy)
    assert any(b"p=tls-server-end-point,," in data for data in sent)


def test_a_unix_socket(server: PostgresServer, start_proxy: StartProxy) -> None:
    """Which is never encrypted, whatever the policy."""
    if sys.platform == "win32":
        pytest.skip("has no Unix sockets")
    for tls in (PLAINTEXT, policy(server)):
        assert session(start_proxy(origin_of(server, host=server.socket_dir), config={"tls": tls}))["ssl"] == "f"


def test_a_cancel_request_over_tls(server: PostgresServer, start_proxy: StartProxy) -> None:
    origin = origin_of(server, host="localhost", user="encrypted_only", password="its password")
    proxy = start_proxy(origin, config={"tls": policy(server)})
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, minor=2) as client:
        client.send(query("SELECT pg_sleep(600)"))
        wait_until(lambda: server.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        client.cancel()
        assert [a.sqlstate for a in client.until_ready() if a.kind == "E"] == ["57014"]
        assert client.rows("SELECT 1") == [[b"1"]]


def test_much_data_over_tls(server: PostgresServer, start_proxy: StartProxy) -> None:
    proxy = start_proxy(origin_of(server, host="localhost"), config={"tls": policy(server), "connection_limit": 1})
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        [[value]] = client.rows("SELECT repeat('x', 20000000)")
        assert value is not None
        assert len(value) == 20_000_000
        assert client.rows(f"SELECT length('{'y' * 5_000_000}')") == [[b"5000000"]]


def test_an_idle_encrypted_connection_that_was_terminated_is_noticed(
    server: PostgresServer, start_proxy: StartProxy
) -> None:
    proxy = start_proxy(origin_of(server, host="localhost"), config={"tls": policy(server)})
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        for _ in range(5):
            [[pid]] = client.rows("SELECT pg_backend_pid()")
            server.execute(f"SELECT pg_terminate_backend({int(pid or 0)}, 5000)")
            assert client.rows("SELECT 1") == [[b"1"]]


@pytest.mark.parametrize(("host", "told"), [("localhost", "localhost"), ("127.0.0.1", None)])
def test_sni_is_sent_for_names_and_not_for_addresses(
    server: PostgresServer, start_proxy: StartProxy, host: str, told: str | None
) -> None:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificates.server_certificate, server.certificates.server_key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(8)
                connection.sendall(b"S")
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        origin = origin_of(server, host=host, port=listener.getsockname()[1])
        refusal(start_proxy(origin, config={"tls": policy(server, verify="ca")}))
        thread.join()
    assert names == [told]
