"""`wrangler-py cert`: certificates of the local store, or of the account, for TLS to the origin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.certificate_output import say_certificate, say_uploaded
from wrangler_py.cli.resolved_options import global_options
from wrangler_py.cli.shared_options import AsJSON, Remote, Yes
from wrangler_py.cli.typer_adapter import App
from wrangler_py.errors import WranglerError

app = App(help="Manage certificates for TLS to the origin.")
upload = App(help="Upload a certificate to the local store or to Cloudflare.")
app.add_typer(upload, name="upload")

Name = Annotated[str | None, typer.Option("--name", help="Name of the certificate")]


@upload.command("certificate-authority")
def upload_certificate_authority(
    ca_cert: Annotated[Path, typer.Option("--ca-cert", help="PEM file of one or more CA certificates")],
    name: Name = None,
    remote: Remote = False,
) -> None:
    """Upload CA certificates.

    `hyperdrive create --ca-certificate-id` refers to them by ID or name.
    """
    from wrangler_py.hyperdrive.certificates import CertificateStore, read_authority

    read = read_authority(global_options().cwd / ca_cert, name)
    if remote:
        from wrangler_py.cli import cert_remote

        cert_remote.upload_authority(name, global_options().cwd / ca_cert)
        return
    certificate = CertificateStore().add(read)
    say_uploaded("CA", certificate)


@upload.command("mtls-certificate")
def upload_mtls_certificate(
    cert: Annotated[Path, typer.Option("--cert", help="PEM file of the client certificate and its chain")],
    key: Annotated[Path, typer.Option("--key", help="PEM file of the private key")],
    name: Name = None,
    remote: Remote = False,
) -> None:
    """Upload a client certificate with its key.

    `hyperdrive create --mtls-certificate-id` refers to it by ID or name.
    """
    from wrangler_py.hyperdrive.certificates import CertificateStore, read_mtls

    cwd = global_options().cwd
    read = read_mtls(cwd / cert, cwd / key, name)
    if remote:
        from wrangler_py.cli import cert_remote

        cert_remote.upload_client(name, cwd / cert, cwd / key)
        return
    certificate = CertificateStore().add(read)
    say_uploaded("mTLS", certificate)


@app.command("list")
def list_certificates(
    as_json: AsJSON = False,
    remote: Remote = False,
) -> None:
    """List the uploaded certificates."""
    if remote:
        from wrangler_py.cli import cert_remote

        cert_remote.list_certificates(as_json=as_json)
        return
    from wrangler_py.hyperdrive.certificates import CertificateStore

    certificates = CertificateStore().list()
    if as_json:
        import json

        shown = ("id", "name", "kind", "issuer", "uploaded_on", "expires_on")
        rows = [{name: getattr(certificate, name) for name in shown} for certificate in certificates]
        printing.out(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for certificate in certificates:
        say_certificate(certificate, is_authority=certificate.kind == "certificate-authority")
    if not certificates:
        printing.out("There are none yet: `wrangler-py cert upload certificate-authority --ca-cert FILE`.")


@app.command()
def delete(
    certificate: Annotated[
        str | None, typer.Argument(metavar="ID|NAME", help="ID or name of the certificate")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="ID of the certificate")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the certificate")] = None,
    yes: Yes = False,
    remote: Remote = False,
) -> None:
    """Delete an uploaded certificate.

    If a config uses the certificate, you are asked first; --yes answers the question.
    """
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.config_store import ConfigStore

    given = [value for value in (certificate, id, name) if value]
    if len(given) != 1:
        raise WranglerError("Specify the certificate to delete by one id or one name.", exit_status=2)
    if remote:
        from wrangler_py.cli import cert_remote

        cert_remote.delete(given[0], is_name=bool(name), yes=yes)
        return
    store = CertificateStore()
    found = store.get(given[0])
    label = f"{found.id} ({found.name})" if found.name else found.id
    users = ", ".join(f"'{config.name}'" for config in ConfigStore().using(found.id))
    if users and not yes and not printing.is_interactive():
        raise WranglerError(
            f"The certificate {label} is used by: {users}",
            hint="Change the config with `wrangler-py hyperdrive update`, or use --yes to delete it anyway.",
        )
    question = f"Delete the certificate {label}?"
    if users:
        question = f"Without certificate {label} these configs cannot connect: {users}. Delete it?"
    if not yes and not printing.confirm(question, not users):
        printing.out("Not deleting")
        return
    store.remove(found.id)
    printing.out(f"Deleted certificate {label} successfully")
