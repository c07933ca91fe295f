"""Certificates for TLS to the origin, in the local store instead of the account."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.certificate_details import certificate_details
from wrangler_py.hyperdrive.private_file import LocalFile, default_home

Kind = Literal["certificate-authority", "mtls-certificate"]
KIND_NAMES: dict[Kind, str] = {
    "certificate-authority": "a CA certificate",
    "mtls-certificate": "an mTLS certificate",
}

_PEM_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A stored certificate: PEM text of one or more certificates, with the private key if it is for mTLS.

    Times are ISO 8601 in UTC.
    """

    id: str
    name: str | None
    kind: Kind
    certificates: str
    key: str | None = field(default=None, repr=False)
    issuer: str
    expires_on: str
    uploaded_on: str


def read_authority(path: Path, name: str | None) -> Certificate:
    """The CA certificates of the file `path`. WranglerError if they are not PEM certificates."""
    return _certificate("certificate-authority", name, read_roots(path), None, path)


def read_roots(path: Path) -> str:
    """The certificates in a PEM file, without its other contents. WranglerError if there are none."""
    certificates = _certificates(_read(path), path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except ssl.SSLError as error:
        raise WranglerError(f"{path} has a certificate that cannot be used: {error.reason or error}") from None
    return certificates


def read_mtls(certificate: Path, key: Path, name: str | None) -> Certificate:
    """A client certificate (its chain, leaf first) and its unencrypted private key, in PEM files."""
    certificates = _certificates(_read(certificate), certificate)
    key_text = _read(key)
    if "PRIVATE KEY-----" not in key_text:
        raise WranglerError(f"{key} has no private key in PEM form.")
    refuse_encrypted(key_text, key)
    import tempfile  # slow to import, and most commands read no key

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_text(certificates)
        try:
            context.load_cert_chain(chain, key)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                message = f"The private key in {key} does not belong to the certificate in {certificate}."
            else:
                message = f"{certificate} and {key} cannot be used: {error.reason or error}"
            raise WranglerError(message) from None
    return _certificate("mtls-certificate", name, certificates, key_text, certificate)


def refuse_encrypted(key_text: str, path: Path) -> None:
    """Raise WranglerError if the private key is encrypted, because there is nobody to ask for the passphrase."""
    if "ENCRYPTED" in key_text:
        raise WranglerError(
            f"The private key in {path} is encrypted.", hint="Decrypt it: openssl pkey -in KEY -out PLAIN_KEY"
        )


class CertificateStore:
    """Certificates by id and by name, both unique, in a file beside the configs'."""

    def __init__(self, home: Path | None = None) -> None:
        self._file = LocalFile((home or default_home()) / "certificates.json", "certificates")

    def list(self) -> list[Certificate]:
        """All certificates, in the order they were uploaded."""
        return [self._decode(document) for document in self._file.read()]

    def find(self, id_or_name: str) -> Certificate | None:
        """The certificate of that id or name, None if there is none."""
        return next((each for each in self.list() if id_or_name in (each.id, each.name)), None)

    def get(self, id_or_name: str, kind: Kind | None = None) -> Certificate:
        """The certificate of that id or name. WranglerError if there is none, or it is not a `kind`."""
        return _pick(self.list(), id_or_name, kind)

    def add(self, certificate: Certificate) -> Certificate:
        """Add `certificate`; WranglerError if its name is taken."""
        with self._file.edit() as documents:
            for other in map(self._decode, documents):
                if certificate.name is not None and other.name == certificate.name:
                    raise WranglerError(
                        f"A certificate with the name '{certificate.name}' exists already: {other.id}",
                        hint=f"Choose another name, or `wrangler-py cert delete {certificate.name}` first.",
                    )
            documents.append(asdict(certificate))
        return certificate

    def remove(self, id_or_name: str) -> Certificate:
        """Remove the certificate with that id or name, and return it."""
        with self._file.edit() as documents:
            certificate = _pick(map(self._decode, documents), id_or_name, None)
            documents[:] = [document for document in documents if document["id"] != certificate.id]
        return certificate

    def _decode(self, document: dict[str, object]) -> Certificate:
        try:
            return Certificate(**document)  # type: ignore[arg-type]
        except TypeError:
            raise WranglerError(
                f"{self._file.path} is damaged: a certificate in it lacks a part.",
                hint="Repair the file, or move it away to start with an empty one.",
            ) from None


def _pick(certificates: Iterable[Certificate], id_or_name: str, kind: Kind | None) -> Certificate:
    for certificate in certificates:
        if id_or_name in (certificate.id, certificate.name):
            if kind is not None and certificate.kind != kind:
                raise WranglerError(
                    f"The certificate '{id_or_name}' is not {KIND_NAMES[kind]}: "
                    f"it was uploaded as {KIND_NAMES[certificate.kind]}."
                )
            return certificate
    upload = f"wrangler-py cert upload {kind or 'certificate-authority'}"
    raise WranglerError(
        f"No certificate has the id or name '{id_or_name}'.",
        hint=f"`wrangler-py cert list` shows them; `{upload} …` adds one.",
    )


def _certificate(kind: Kind, name: str | None, certificates: str, key: str | None, path: Path) -> Certificate:
    import uuid  # only an upload creates an id

    first = _PEM_CERTIFICATE.search(certificates)
    try:
        details = certificate_details(ssl.PEM_cert_to_DER_cert(first[0] if first else ""))
    except ValueError:
        raise WranglerError(f"{path} has a malformed certificate.") from None
    return Certificate(
        id=str(uuid.uuid4()),
        name=name,
        kind=kind,
        certificates=certificates,
        key=key,
        issuer=details.issuer,
        expires_on=details.expires_on.isoformat(),
        uploaded_on=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _certificates(text: str, path: Path) -> str:
    blocks = _PEM_CERTIFICATE.findall(text)
    if not blocks:
        raise WranglerError(
            f"{path} has no certificate in PEM form.", hint="PEM text starts with -----BEGIN CERTIFICATE-----"
        )
    return "\n".join(blocks) + "\n"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WranglerError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WranglerError(
            f"{path} is not PEM text.", hint="Convert DER: openssl x509 -inform DER -in F -out F.pem"
        ) from None
