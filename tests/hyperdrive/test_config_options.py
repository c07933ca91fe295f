"""The options of create and update: what goes together, what is refused, what an update keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificates import CertificateStore, read_authority, read_mtls
from wrangler_py.hyperdrive.config import Caching, HyperdriveConfig, Origin, TLSSettings
from wrangler_py.hyperdrive.config_options import ConfigOptions, create, update

STRING = "postgres://u:s3cr3t@h/d"
PARTS = {"origin_host": "h", "database": "d", "origin_user": "u", "origin_password": "s3cr3t"}


@pytest.fixture
def store(tmp_path: Path, certificates: Any) -> CertificateStore:
    store = CertificateStore(tmp_path)
    store.add(read_authority(certificates.ca, "ca"))
    store.add(read_mtls(certificates.client_certificate, certificates.client_key, "client"))
    return store


def new(store: CertificateStore, **options: Any) -> HyperdriveConfig:
    return create("x", ConfigOptions(**options), store)


def test_defaults(store: CertificateStore) -> None:
    config = new(store, connection_string=STRING)
    assert len(config.id) == 32
    assert config.origin == Origin(scheme="postgres", host="h", database="d", user="u", password="s3cr3t")
    assert config.caching == Caching(disabled=False, max_age=60, stale_while_revalidate=15)
    assert (config.mtls, config.origin_connection_limit) == (TLSSettings(), 20)
    parts = new(store, **PARTS, origin_port=1, origin_scheme="postgres")
    assert parts.origin == Origin(scheme="postgres", host="h", port=1, database="d", user="u", password="s3cr3t")
    assert new(store, embedded=True).embedded_database == "app"
    assert new(store, embedded=True, database="other").embedded_database == "other"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Specify the database"),
        ({"connection_string": STRING, "origin_host": "h"}, "--connection-string and --origin-host are mutually"),
        ({"connection_string": STRING, "embedded": True}, "--embedded and --connection-string are mutually"),
        ({"embedded": True, "sslmode": "require"}, "--embedded and --sslmode are mutually"),
        ({"connection_string": "postgres://u@h/d"}, "provide a password"),
        ({"origin_host": "h"}, "provide a database name"),
        ({**PARTS, "origin_user": ""}, "provide a username"),
        ({**PARTS, "origin_password": ""}, "provide a password"),
        ({**PARTS, "origin_port": 0}, "port"),
        ({**PARTS, "origin_host": "a,b"}, "one host"),
        ({**PARTS, "origin_user": "u" * 64}, "64 bytes"),
        ({**PARTS, "origin_scheme": "mysql"}, "MySQL is not emulated"),
        ({"connection_string": "mysql://u:s3cr3t@h/d"}, "MySQL is not emulated"),
        ({"service_id": "x"}, "works on Cloudflare only"),
        ({"access_client_id": "x"}, "work on Cloudflare only"),
        ({"access_client_secret": "s3cr3t"}, "work on Cloudflare only"),
        ({"connection_string": STRING, "max_age": 0}, "--max-age must be from 1 to 3600"),
        ({"connection_string": STRING, "max_age": 3601}, "--max-age must be from 1 to 3600"),
        ({"connection_string": STRING, "swr": -1}, "--swr"),
        ({"connection_string": STRING, "caching_disabled": True, "max_age": 5}, "when caching is disabled"),
        ({"connection_string": STRING, "caching_disabled": True, "swr": 5}, "when caching is disabled"),
        ({"connection_string": STRING, "origin_connection_limit": 4}, "from 5 to 1500"),
        ({"connection_string": STRING, "origin_connection_limit": 1501}, "from 5 to 1500"),
        ({"connection_string": STRING, "sslmode": "disable"}, "sslmode 'disable' is refused"),
        ({"connection_string": STRING, "sslmode": "prefer"}, "sslmode 'prefer' is refused"),
        ({"connection_string": STRING, "sslmode": "verify"}, "no sslmode 'verify'"),
        ({"connection_string": STRING + "?sslmode=VERIFY_IDENTITY"}, "MySQL is not emulated"),
        ({"connection_string": STRING + "?sslmode=disable"}, "sslmode 'disable' is refused"),
        ({"connection_string": STRING, "sslmode": "verify-ca"}, "CA required"),
        ({"connection_string": STRING, "sslmode": "require", "ca_certificate_id": "ca"}, "CA not allowed"),
        ({"connection_string": STRING, "ca_certificate_id": "client"}, "is not a CA certificate"),
        (
            {"connection_string": STRING, "mtls_certificate_id": "ca"},
            "is not an mTLS certificate: it was uploaded as a CA",
        ),
        ({"connection_string": STRING, "ca_certificate_id": "none"}, "No certificate has"),
        ({"connection_string": STRING + "?sslmode=verify-ca&sslrootcert=/x"}, "CA required"),
    ],
)
def test_refused(store: CertificateStore, options: dict[str, Any], message: str) -> None:
    with pytest.raises(WranglerError) as caught:
        new(store, **options)
    assert message in caught.value.message
    assert "s3cr3t" not in f"{caught.value.message}{caught.value.hint}"


def test_certificates_by_name(store: CertificateStore) -> None:
    authority, client = store.list()
    config = new(
        store,
        connection_string=STRING,
        sslmode="verify-full",
        ca_certificate_id="ca",
        mtls_certificate_id=client.id,
    )
    assert config.mtls == TLSSettings(
        sslmode="verify-full", ca_certificate_id=authority.id, mtls_certificate_id=client.id
    )


@pytest.mark.parametrize("parameters", ["sslmode=require", "sslmode=verify-full&sslrootcert=system"])
def test_public_roots_in_a_connection_string(store: CertificateStore, parameters: str) -> None:
    config = new(store, connection_string=f"{STRING}?{parameters}&channel_binding=require")
    assert config.mtls == TLSSettings(sslmode="require")


def test_update_changes_what_is_given_and_keeps_the_rest(store: CertificateStore) -> None:
    before = new(store, connection_string=STRING, max_age=5, origin_connection_limit=9)
    assert before.origin is not None

    def change(name: str | None = None, **options: Any) -> HyperdriveConfig:
        after = update(before, name, ConfigOptions(**options), store)
        assert after.id == before.id
        return after

    assert change("new").name == "new"
    assert change("new").origin == before.origin
    moved = change(origin_host="other", origin_port=7).origin
    assert moved is not None
    assert (moved.host, moved.port, moved.user, moved.password) == ("other", 7, "u", "s3cr3t")
    rotated = change(origin_password="n3w").origin
    assert rotated is not None
    assert (rotated.password, rotated.host) == ("n3w", "h")
    assert change(swr=1).caching == Caching(max_age=5, stale_while_revalidate=1)
    assert change(caching_disabled=True).caching.disabled
    assert change(origin_connection_limit=1500).origin_connection_limit == 1500
    assert change(embedded=True).embedded
    with pytest.raises(WranglerError, match="Nothing to update"):
        change()


def test_update_of_caching_and_tls_that_exclude_each_other(store: CertificateStore) -> None:
    disabled = new(store, connection_string=STRING, caching_disabled=True)
    with pytest.raises(WranglerError, match="when caching is disabled"):
        update(disabled, None, ConfigOptions(max_age=5), store)
    enabled = update(disabled, None, ConfigOptions(caching_disabled=False, max_age=5), store)
    assert enabled.caching == Caching(max_age=5)

    verified = new(store, connection_string=STRING, sslmode="verify-ca", ca_certificate_id="ca")
    assert update(verified, None, ConfigOptions(sslmode="require"), store).mtls == TLSSettings(sslmode="require")
    with pytest.raises(WranglerError, match="CA required"):
        update(verified, None, ConfigOptions(ca_certificate_id=""), store)


def test_update_between_embedded_and_not(store: CertificateStore) -> None:
    embedded = new(store, embedded=True)
    assert update(embedded, None, ConfigOptions(database="b"), store).embedded_database == "b"
    assert update(embedded, "n", ConfigOptions(), store).embedded
    outside = update(embedded, None, ConfigOptions(connection_string=STRING), store)
    assert outside.origin is not None
    with pytest.raises(WranglerError, match="provide a database name"):
        update(embedded, None, ConfigOptions(origin_host="h"), store)


def test_no_representation_holds_a_secret() -> None:
    options = ConfigOptions(connection_string=STRING, origin_password="s3cr3t", access_client_secret="s3cr3t")
    assert "s3cr3t" not in repr(options)
