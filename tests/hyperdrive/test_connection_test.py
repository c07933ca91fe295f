"""The test connection: each way to fail has the product's code, against real servers."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.postgres_server import make_certificates

from wrangler_py.hyperdrive.config import PLAINTEXT, Origin, TLSPolicy
from wrangler_py.hyperdrive.connection_test import ConnectionCheckError, check_connection


def origin_of(server: Any, **changes: Any) -> Origin:
    parts = {
        "host": "localhost",
        "port": server.port,
        "database": server.database,
        "user": server.user,
        "password": server.user_password,
    }
    return Origin(**{**parts, **changes})


def failure(origin: Origin, tls: TLSPolicy = PLAINTEXT, timeout_s: float = 15) -> ConnectionCheckError:
    with pytest.raises(ConnectionCheckError) as caught:
        check_connection(origin, tls, timeout_s=timeout_s)
    error = caught.value
    assert origin.password not in f"{error.message} {error.hint}"
    assert error.message.endswith(f"[code: {error.code}]")
    assert error.hint
    return error


@contextmanager
def listener(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """A TCP server on a free port that hands every connection to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_success_in_every_mode(tls_postgres: Any, certificates: Any) -> None:
    roots = certificates.ca.read_text()
    policies = [
        PLAINTEXT,
        TLSPolicy(verify="none"),
        TLSPolicy(verify="none", optional=True),
        TLSPolicy(verify="ca", roots=roots),
        TLSPolicy(
            verify="full",
            roots=roots,
            client_certificate=certificates.client_certificate.read_text(),
            client_key=certificates.client_key.read_text(),
        ),
    ]
    for policy in policies:
        check_connection(origin_of(tls_postgres), policy)
    check_connection(origin_of(tls_postgres, host=tls_postgres.socket_dir), PLAINTEXT)


def test_require_trusts_the_systems_roots(
    tls_postgres: Any, ca_pem: Path, stranger_ca_pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_pem))
    check_connection(origin_of(tls_postgres), TLSPolicy())
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger_ca_pem))
    error = failure(origin_of(tls_postgres), TLSPolicy())
    assert error.code == 2015
    assert "not trusted" in error.message
    assert "connection to server" not in error.message
    assert "localConnectionString" in (error.hint or ""), "the host is this machine"
    assert "cert upload certificate-authority" in (error.hint or "")


@pytest.mark.usefixtures("tls_postgres")
def test_certificate_of_another_name(postgres_factory: Any, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, "db.example.com")
    server = postgres_factory(certificates=certificates)
    roots = certificates.ca.read_text()
    error = failure(origin_of(server), TLSPolicy(verify="full", roots=roots))
    assert error.code == 2015
    assert "for another host name" in error.message
    check_connection(origin_of(server), TLSPolicy(verify="ca", roots=roots))


def test_2008_name(postgres: Any) -> None:
    for host in ("no-such-host.invalid", "x" * 70, "a..b"):
        assert failure(origin_of(postgres, host=host)).code == 2008


def test_2010_no_socket(postgres: Any, tmp_path: Path) -> None:
    assert failure(origin_of(postgres, host=str(tmp_path))).code == 2010


def test_2010_silence(postgres: Any) -> None:
    released = threading.Event()
    with listener(lambda _: released.wait(30)) as port:
        assert failure(origin_of(postgres, host="127.0.0.1", port=port), timeout_s=2).code == 2010
        released.set()


def test_2011_refused(postgres: Any) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port
        port = bound.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            assert failure(origin_of(postgres, host=host, port=port), TLSPolicy()).code == 2011


def test_2012_no_tls(postgres_factory: Any) -> None:
    server = postgres_factory(tls=False)
    for policy in (TLSPolicy(), TLSPolicy(verify="none")):
        error = failure(origin_of(server), policy)
        assert error.code == 2012
        for way_on in ("localConnectionString", "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING", "--embedded"):
            assert way_on in (error.hint or "")
    check_connection(origin_of(server), TLSPolicy(verify="none", optional=True))


def test_2013_credentials(postgres: Any) -> None:
    wrong = failure(origin_of(postgres, password="s3cr3t"))
    assert wrong.code == 2013
    assert f"refused the user '{origin_of(postgres).user}' (password authentication failed" in wrong.message
    assert failure(origin_of(postgres, user="nobody-here")).code == 2013
    assert failure(origin_of(postgres, password="s3cr3t", database="no-such-database")).code == 2013


def test_2013_no_connect_privilege(postgres: Any) -> None:
    postgres.execute("CREATE DATABASE closed")
    try:
        postgres.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        error = failure(origin_of(postgres, database="closed"))
        assert error.code == 2013
        assert "GRANT CONNECT" in (error.hint or "")
    finally:
        postgres.execute("DROP DATABASE closed")


def test_2014_database(postgres: Any) -> None:
    error = failure(origin_of(postgres, database="no-such-database"))
    assert error.code == 2014
    assert "no-such-database" in error.message


def test_2015_access_rules(postgres_factory: Any) -> None:
    server = postgres_factory(tls=False, hba=["host all app all reject"])
    error = failure(origin_of(server))
    assert error.code == 2015
    assert "pg_hba.conf" in (error.hint or "")


def test_2015_not_postgresql(postgres: Any) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listener(answer) as port:
        assert failure(origin_of(postgres, host="127.0.0.1", port=port)).code == 2015


def test_2016_a_server_that_refuses_the_query(postgres: Any) -> None:
    """Some servers that speak the protocol know no empty query."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    def serve(connection: socket.socket) -> None:
        connection.recv(8192)
        connection.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
        connection.recv(8192)
        refusal = b"SERROR\0C42601\0Mno empty queries here\0\0"
        connection.sendall(message(b"E", refusal) + message(b"Z", b"I"))
        connection.recv(8192)

    with listener(serve) as port:
        error = failure(origin_of(postgres, host="127.0.0.1", port=port))
    assert error.code == 2016
    assert "no empty queries here" in error.message


def test_the_persons_own_libpq_settings_do_not_count(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPASSWORD": postgres.user_password, "PGOPTIONS": "-c nonsense=1"}.items():
        monkeypatch.setenv(name, value)
    check_connection(origin_of(postgres), PLAINTEXT)
    with pytest.raises(ConnectionCheckError) as caught:
        check_connection(origin_of(postgres, password=""), PLAINTEXT)
    assert caught.value.code == 2013
