"""How the proxy gets in at an origin: authentication methods, TLS policies, certificates, channel binding."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.postgres_server import Certificates, PostgresServer, make_certificates
from support.proxy_server import ProxyServer, origin_of

from wrangler_py.hyperdrive.config import PLAINTEXT, TLSPolicy
from wrangler_py.pgwire.scram import MECHANISM, MECHANISM_PLUS

StartProxy = Callable[..., ProxyServer]
StartPostgres = Callable[..., PostgresServer]


def ask(proxy: ProxyServer, sql: str = "SELECT 42") -> Any:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def refusal(proxy: ProxyServer) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        ask(proxy)
    return str(caught.value)


TLS_IN_USE = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.mark.parametrize("method", ["password", "md5", "scram-sha-256", "trust"])
def test_authentication_methods(method: str, postgres_factory: StartPostgres, start_proxy: StartProxy) -> None:
    encryption = "md5" if method == "md5" else "scram-sha-256"
    server = postgres_factory(
        hba=[f"host all app 127.0.0.1/32 {method}"], settings={"password_encryption": encryption}
    )
    with psycopg.connect(server.dsn(user=server.superuser), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE app PASSWORD '{server.user_password}'")
    assert ask(start_proxy(origin_of(server))) == 42
    if method != "trust":
        assert "authentication_failed" in refusal(start_proxy(origin_of(server, password="wrong")))


def test_a_unix_socket(postgres: PostgresServer, start_proxy: StartProxy) -> None:
    origin = origin_of(postgres, host=postgres.socket_dir)
    assert ask(start_proxy(origin, config={"tls": TLSPolicy()}), "SELECT inet_server_addr() IS NULL") is True


def test_channel_binding_where_the_server_offers_it(
    tls_postgres: PostgresServer, start_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wrangler_py.pgwire import origin_startup

    chosen: list[str] = []
    genuine = origin_startup.messages.sasl_initial_response

    def noted(mechanism: str, data: bytes) -> bytes:
        chosen.append(mechanism)
        return genuine(mechanism, data)

    monkeypatch.setattr(origin_startup.messages, "sasl_initial_response", noted)
    encrypted = TLSPolicy(verify="ca", roots=tls_postgres.certificates.ca.read_text())
    assert ask(start_proxy(origin_of(tls_postgres), config={"tls": encrypted})) == 42
    assert ask(start_proxy(origin_of(tls_postgres), config={"tls": PLAINTEXT})) == 42
    assert chosen == [MECHANISM_PLUS, MECHANISM]


@pytest.mark.parametrize("verify", ["none", "ca", "full"])
def test_a_good_certificate(verify: Any, tls_postgres: PostgresServer, start_proxy: StartProxy) -> None:
    policy = TLSPolicy(verify=verify, roots=tls_postgres.certificates.ca.read_text())
    origin = origin_of(tls_postgres, host="localhost")
    assert ask(start_proxy(origin, config={"tls": policy}), TLS_IN_USE) in ("TLSv1.2", "TLSv1.3")


def test_a_certificate_of_a_stranger(
    tls_postgres: PostgresServer, stranger_ca_pem: Path, start_proxy: StartProxy
) -> None:
    for policy in (TLSPolicy(), TLSPolicy(roots=stranger_ca_pem.read_text())):
        said = refusal(start_proxy(origin_of(tls_postgres), config={"tls": policy}))
        assert "Server connection attempt failed: certificate_invalid" in said


def test_a_certificate_for_another_name(
    postgres_factory: StartPostgres, start_proxy: StartProxy, tmp_path: Path
) -> None:
    certificates = make_certificates(tmp_path / "elsewhere", "db.example.com")
    server = postgres_factory(certificates=certificates)
    roots = certificates.ca.read_text()
    if not server.has_tls:
        pytest.skip("the only PostgreSQL here has no TLS")
    assert ask(start_proxy(origin_of(server), config={"tls": TLSPolicy(verify="ca", roots=roots)})) == 42
    said = refusal(start_proxy(origin_of(server), config={"tls": TLSPolicy(verify="full", roots=roots)}))
    assert "certificate_invalid" in said


def test_a_server_without_tls(postgres_factory: StartPostgres, start_proxy: StartProxy) -> None:
    server = postgres_factory(tls=False)
    assert "tls_not_supported" in refusal(start_proxy(origin_of(server), config={"tls": TLSPolicy()}))
    prefers = TLSPolicy(verify="none", optional=True)
    assert ask(start_proxy(origin_of(server), config={"tls": prefers})) == 42


def test_a_client_certificate(
    postgres_factory: StartPostgres, start_proxy: StartProxy, certificates: Certificates
) -> None:
    server = postgres_factory(hba=["hostssl all app 127.0.0.1/32 cert", "hostnossl all app 127.0.0.1/32 reject"])
    if not server.has_tls:
        pytest.skip("the only PostgreSQL here has no TLS")
    roots = certificates.ca.read_text()
    shown = TLSPolicy(
        roots=roots,
        client_certificate=certificates.client_certificate.read_text(),
        client_key=certificates.client_key.read_text(),
    )
    assert ask(start_proxy(origin_of(server), config={"tls": shown})) == 42
    said = refusal(start_proxy(origin_of(server), config={"tls": TLSPolicy(roots=roots)}))
    assert "Server connection attempt failed" in said


def test_a_cancel_request_goes_through_tls(tls_postgres: PostgresServer, start_proxy: StartProxy) -> None:
    policy = TLSPolicy(verify="full", roots=tls_postgres.certificates.ca.read_text())
    proxy = start_proxy(origin_of(tls_postgres, host="localhost"), config={"tls": policy})
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        timer = threading.Timer(0.2, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(30)")
        assert connection.execute("SELECT 1").fetchone() == (1,)
