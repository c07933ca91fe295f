"""Certificates for TLS to origins, in the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.permissions import CERTIFICATES_READ, CERTIFICATES_WRITE
from wrangler_py.errors import WranglerError


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCertificate:
    """An uploaded certificate; its private key stays with Cloudflare."""

    id: str
    name: str | None
    is_authority: bool
    certificates: str = field(repr=False)
    issuer: str
    uploaded_on: str
    expires_on: str


class AccountCertificates:
    """The certificates of one account. Every method raises WranglerError where the API refuses."""

    def __init__(self, api: API, account_id: str) -> None:
        self._api = api
        self._path = f"/accounts/{account_id}/mtls_certificates"

    def list(self) -> list[AccountCertificate]:
        return [_read(each) for each in self._api.get(self._path, CERTIFICATES_READ)]

    def get(self, id: str) -> AccountCertificate:
        return _read(self._api.get(f"{self._path}/{id}", CERTIFICATES_READ))

    def get_named(self, name: str) -> AccountCertificate:
        """The only certificate of that name."""
        found = [_read(each) for each in self._api.get(self._path, CERTIFICATES_READ, {"name": name})]
        found = [certificate for certificate in found if certificate.name == name]
        if len(found) != 1:
            number = "several certificates" if found else "no certificate"
            raise WranglerError(
                f"The account has {number} with the name '{name}'.",
                hint="`wrangler-py cert list --remote` lists them; --id names one by its id.",
            )
        return found[0]

    def upload_authority(self, name: str | None, certificates: str) -> AccountCertificate:
        return self._upload({"name": name, "certificates": certificates, "ca": True})

    def upload_client(self, name: str | None, certificates: str, private_key: str) -> AccountCertificate:
        return self._upload({"name": name, "certificates": certificates, "private_key": private_key, "ca": False})

    def delete(self, id: str) -> None:
        self._api.send("DELETE", f"{self._path}/{id}", CERTIFICATES_WRITE)

    def _upload(self, body: Mapping[str, Any]) -> AccountCertificate:
        given = {key: value for key, value in body.items() if value is not None}
        return _read(self._api.send("POST", self._path, CERTIFICATES_WRITE, given))


def _read(document: Any) -> AccountCertificate:
    try:
        return AccountCertificate(
            id=str(document["id"]),
            name=document.get("name") or None,
            is_authority=bool(document.get("ca")),
            certificates=str(document.get("certificates") or ""),
            issuer=str(document.get("issuer") or ""),
            uploaded_on=str(document.get("uploaded_on") or ""),
            expires_on=str(document.get("expires_on") or ""),
        )
    except (KeyError, TypeError, AttributeError):
        raise WranglerError("Cloudflare's API returned a certificate in an unknown format.") from None
