"""`cert … --remote`: the certificates of the account at Cloudflare."""

from __future__ import annotations

import json
import re
from pathlib import Path

from wrangler_py.cli import printing
from wrangler_py.cli.certificate_output import say_certificate, say_uploaded
from wrangler_py.cli.remote import open_account
from wrangler_py.cloudflare.account_certificates import AccountCertificates
from wrangler_py.errors import WranglerError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


def upload_authority(name: str | None, path: Path) -> None:
    """Upload the file `path` as it is; it was read before, and can be used."""
    with open_account() as (api, account):
        certificate = AccountCertificates(api, account).upload_authority(name, path.read_text(encoding="utf-8"))
    say_uploaded("CA", certificate)


def upload_client(name: str | None, certificate_path: Path, key_path: Path) -> None:
    """Upload a client certificate and its key, as `upload_authority`."""
    texts = (certificate_path.read_text(encoding="utf-8"), key_path.read_text(encoding="utf-8"))
    with open_account() as (api, account):
        certificate = AccountCertificates(api, account).upload_client(name, *texts)
    say_uploaded("mTLS", certificate)


def list_certificates(*, as_json: bool) -> None:
    with open_account() as (api, account):
        certificates = AccountCertificates(api, account).list()
    if as_json:
        kinds = {True: "certificate-authority", False: "mtls-certificate"}
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "kind": kinds[each.is_authority],
                "issuer": each.issuer,
                "uploaded_on": each.uploaded_on,
                "expires_on": each.expires_on,
            }
            for each in certificates
        ]
        printing.out(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for certificate in certificates:
        say_certificate(certificate, is_authority=certificate.is_authority)
    if not certificates:
        printing.out("There are none yet: `wrangler-py cert upload certificate-authority --remote --ca-cert FILE`.")


def delete(id_or_name: str, *, is_name: bool, yes: bool) -> None:
    with open_account() as (api, account):
        certificates = AccountCertificates(api, account)
        if is_name or not _UUID.fullmatch(id_or_name):
            certificate = certificates.get_named(id_or_name)
        else:
            certificate = certificates.get(id_or_name)
        label = f"{certificate.id} ({certificate.name})" if certificate.name else certificate.id
        if not yes and not printing.is_interactive():
            raise WranglerError(f"Confirm that certificate {label} at Cloudflare should be deleted: add --yes.")
        if not yes and not printing.confirm(f"Delete the certificate {label}?", False):
            printing.out("Not deleting")
            return
        certificates.delete(certificate.id)
    printing.out(f"Deleted certificate {label} successfully")
