"""Where a binding leads in local development: the order of sources, and TLS of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import EmbeddedDatabase, ResolvedBinding, resolve_binding
from wrangler_py.hyperdrive.certificates import CertificateStore, read_authority, read_mtls
from wrangler_py.hyperdrive.config import (
    PLAINTEXT,
    Caching,
    HyperdriveConfig,
    Origin,
    PoolConfig,
    TLSPolicy,
    TLSSettings,
)
from wrangler_py.hyperdrive.config_store import ConfigStore
from wrangler_py.hyperdrive.connection_string import parse
from wrangler_py.hyperdrive.tls_policy import check_ssl_mode, config_policy, local_policy

ID = "0123456789abcdef" * 2
STORED = HyperdriveConfig(
    id=ID,
    name="stored",
    origin=Origin(host="stored.example", database="d", user="u", password="p"),
    caching=Caching(max_age=5),
    origin_connection_limit=7,
)
NEW, OLD = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB", "WRANGLER_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ConfigStore(tmp_path).add(STORED)
    return tmp_path


def resolve(
    home: Path, id: str = ID, string: str | None = None, environ: dict[str, str] | None = None
) -> ResolvedBinding:
    return resolve_binding("DB", id, string, environ or {}, ConfigStore(home), CertificateStore(home))


def test_order_of_sources(home: Path) -> None:
    environ = {NEW: "postgres://u:p@new/d", OLD: "postgres://u:p@old/d"}
    string = "postgres://u:p@string/d"
    expected = [
        ("new", NEW, resolve(home, ID, string, environ)),
        ("old", OLD, resolve(home, ID, string, {OLD: environ[OLD], NEW: ""})),
        ("string", "localConnectionString", resolve(home, ID, string)),
        ("stored.example", "config stored", resolve(home)),
        ("stored.example", "config stored", resolve(home, "stored")),
    ]
    for host, source, resolved in expected:
        pool = resolved.database
        assert isinstance(pool, PoolConfig)
        assert (pool.origin.host, resolved.source) == (host, source)
        assert resolved.config == STORED
        assert (pool.caching.max_age, pool.connection_limit) == (5, 7)


def test_another_bindings_variable_does_not_count(home: Path) -> None:
    resolved = resolve(home, environ={NEW + "2": "postgres://u:p@new/d"})
    assert resolved.source == "config stored"


def test_an_unknown_id_means_the_embedded_postgresql(home: Path) -> None:
    resolved = resolve(home, "f" * 32)
    assert (resolved.database, resolved.config) == (EmbeddedDatabase("app"), None)
    assert "not in the local store" in resolved.source
    with_string = resolve(home, "f" * 32, "postgres://u@localhost/d").database
    assert isinstance(with_string, PoolConfig)
    assert (with_string.name, with_string.connection_limit) == ("DB", 20)


def test_an_embedded_config(home: Path) -> None:
    config = ConfigStore(home).add(HyperdriveConfig(id="e" * 32, name="e", origin=None, embedded_database="other"))
    resolved = resolve(home, "e")
    assert (resolved.database, resolved.config) == (EmbeddedDatabase("other"), config)


def test_a_malformed_string_names_its_source(home: Path) -> None:
    with pytest.raises(WranglerError, match=f"{NEW} of the binding DB: You must specify") as caught:
        resolve(home, environ={NEW: "localhost:s3cr3t"})
    assert "s3cr3t" not in caught.value.message


@pytest.mark.parametrize(
    ("parameters", "policy"),
    [
        ("", PLAINTEXT),
        ("?sslmode=disable", PLAINTEXT),
        ("?sslmode=allow", PLAINTEXT),
        ("?sslmode=prefer", TLSPolicy(verify="none", optional=True)),
        ("?sslmode=require", TLSPolicy(verify="none")),
        ("?sslmode=require&sslrootcert=CA", TLSPolicy(verify="ca", roots="CA")),
        ("?sslmode=verify-ca", TLSPolicy(verify="ca")),
        ("?sslmode=verify-ca&sslrootcert=CA", TLSPolicy(verify="ca", roots="CA")),
        ("?sslmode=verify-full&sslrootcert=system", TLSPolicy(verify="full")),
        ("?sslmode=verify-full&sslrootcert=CA", TLSPolicy(verify="full", roots="CA")),
    ],
)
def test_tls_of_a_local_string(parameters: str, policy: TLSPolicy, tmp_path: Path, certificates: Any) -> None:
    root = tmp_path / "ca.pem"
    root.write_text("# Főtanúsítvány\n" + certificates.ca.read_text())
    text = "postgres://u:p@h/d" + parameters.replace("=CA", f"={root}")
    if policy.roots is not None:
        policy = replace(policy, roots=certificates.ca.read_text())
    assert local_policy(parse(text)) == policy


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"", "has no certificate in PEM form"),
        (b"\x30\x82\xff", "is not PEM text"),
        (
            b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "has a certificate that cannot be used",
        ),
    ],
)
def test_an_invalid_root_certificate(content: bytes | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    string = parse(f"postgres://u:p@h/d?sslmode=verify-ca&sslrootcert={file}")
    with pytest.raises(WranglerError, match=f"sslrootcert names a file that cannot be used: .* {reason}"):
        local_policy(string)


def test_an_encrypted_key(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    string = parse(f"postgres://u:p@h/d?sslmode=require&sslcert={key}&sslkey={key}")
    with pytest.raises(WranglerError, match=r"The private key in .*key\.pem is encrypted") as caught:
        local_policy(string)
    assert "openssl pkey" in (caught.value.hint or "")


def test_tls_of_a_config(tmp_path: Path, certificates: Any) -> None:
    store = CertificateStore(tmp_path)
    authority = store.add(read_authority(certificates.ca, "ca"))
    client = store.add(read_mtls(certificates.client_certificate, certificates.client_key, "client"))
    origin = Origin(host="h", database="d", user="u", password="p")

    def policy_of(origin: Origin, settings: TLSSettings) -> TLSPolicy:
        return config_policy(replace(STORED, origin=origin, mtls=settings), store)

    assert policy_of(origin, TLSSettings()) == TLSPolicy(verify="ca", roots=None)
    full = TLSSettings(sslmode="verify-full", ca_certificate_id=authority.id, mtls_certificate_id=client.id)
    policy = policy_of(origin, full)
    assert (policy.encrypt, policy.verify, policy.roots) == (True, "full", authority.certificates)
    assert (policy.client_certificate, policy.client_key) == (client.certificates, client.key)
    assert "PRIVATE" not in repr(policy)
    with_ca = policy_of(origin, TLSSettings(ca_certificate_id="ca"))
    assert (with_ca.verify, with_ca.roots) == ("ca", authority.certificates)
    socket = Origin(host="/run", database="d", user="u", password="p")
    assert policy_of(socket, full) == PLAINTEXT


@pytest.mark.parametrize("mode", ["none", "disable", "prefer", "allow"])
def test_modes_a_config_cannot_have(mode: str) -> None:
    with pytest.raises(WranglerError, match=f"sslmode '{mode}' is refused. Hyperdrive always uses TLS") as caught:
        check_ssl_mode(mode)
    assert "localConnectionString" in (caught.value.hint or "")
