"""Certificates: read, refused when unusable, stored by id and name."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificate_details import certificate_details
from wrangler_py.hyperdrive.certificates import CertificateStore, read_authority, read_mtls


def test_details_are_the_certificates_own(certificates: Any) -> None:
    for path in (certificates.ca, certificates.server_certificate, certificates.client_certificate):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        authority = read_authority(path, None)
        assert authority.expires_on == certificate.not_valid_after_utc.isoformat()
        for attribute in certificate.issuer:
            assert f"={attribute.value!s}" in authority.issuer


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x02\x01\x01", b"\x30\x84\xff\xff\xff\xff", bytes(64)])
def test_malformed_der(der: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        certificate_details(der)


def test_authority_keeps_the_certificates_and_nothing_else(tmp_path: Path, certificates: Any) -> None:
    bundle = tmp_path / "bundle.pem"
    two = certificates.ca.read_text() + trustme.CA().cert_pem.bytes().decode()
    bundle.write_text("# a comment\n" + two + certificates.server_key.read_text())
    authority = read_authority(bundle, "bundle")
    assert authority.certificates.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE KEY" not in authority.certificates


def test_unusable_files(tmp_path: Path, certificates: Any) -> None:
    text, binary, garbled = tmp_path / "text", tmp_path / "binary", tmp_path / "garbled"
    text.write_text("hello")
    binary.write_bytes(b"\xff\x00")
    garbled.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for path, message in (
        (text, "no certificate in PEM form"),
        (binary, "not PEM text"),
        (garbled, "cannot be used"),
        (tmp_path / "missing", "cannot be read"),
    ):
        with pytest.raises(WranglerError, match=message):
            read_authority(path, None)
    with pytest.raises(WranglerError, match="no private key"):
        read_mtls(certificates.client_certificate, certificates.ca, None)
    with pytest.raises(WranglerError, match="does not belong"):
        read_mtls(certificates.client_certificate, certificates.server_key, None)


def test_store(tmp_path: Path, certificates: Any) -> None:
    store = CertificateStore(tmp_path)
    authority = store.add(read_authority(certificates.ca, "ca"))
    client = store.add(read_mtls(certificates.client_certificate, certificates.client_key, "client"))
    nameless = store.add(read_authority(certificates.ca, None))
    assert store.add(read_authority(certificates.ca, None)).name is None
    assert store.get("ca") == store.get(authority.id) == authority
    assert store.get("client", "mtls-certificate") == client
    assert "PRIVATE KEY" not in repr(client)
    with pytest.raises(WranglerError, match="exists already"):
        store.add(read_authority(certificates.ca, "ca"))
    with pytest.raises(WranglerError, match="is not a CA certificate"):
        store.get("client", "certificate-authority")
    with pytest.raises(WranglerError, match="No certificate has"):
        store.get("nobody")
    assert store.remove(nameless.id) == nameless
    assert nameless not in CertificateStore(tmp_path).list()
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "certificates.json").stat().st_mode) == 0o600
