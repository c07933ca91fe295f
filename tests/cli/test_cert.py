"""`wrangler-py cert` as a person types it."""

from __future__ import annotations

from typing import Any

from support.command_line import CommandLine


def test_upload_list_delete(cli: CommandLine, certificates: Any) -> None:
    outcome = cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    assert "Success! Uploaded CA Certificate ca" in outcome.stdout
    assert "Issuer: O=trustme" in outcome.stdout
    outcome = cli.ok(
        *("cert", "upload", "mtls-certificate", "--name", "client"),
        *("--cert", certificates.client_certificate, "--key", certificates.client_key),
    )
    assert "Success! Uploaded mTLS Certificate client" in outcome.stdout

    listed = cli.ok("cert", "list")
    assert listed.stdout.count("ID: ") == 2
    assert listed.stdout.count("CA: true") == 1
    authority, client = cli.ok("cert", "list", "--json").json()
    assert (authority["kind"], client["kind"]) == ("certificate-authority", "mtls-certificate")
    assert "PRIVATE KEY" not in listed.output + str(client)

    assert "Deleted certificate" in cli.ok("cert", "delete", "client").stdout
    assert "Deleted certificate" in cli.ok("cert", "delete", "--id", authority["id"], "-y").stdout
    assert cli.ok("cert", "list", "--json").json() == []


def test_one_that_a_config_uses(cli: CommandLine, terminal: Any, certificates: Any) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca, "--name", "ca")
    create = ("hyperdrive", "create", "db", "--no-check", "--connection-string", "postgres://u:p@db.example.com/d")
    cli.ok(*create, "--sslmode", "verify-ca", "--ca-certificate-id", "ca")
    assert "'db'" in cli.fails("cert", "delete", "ca")
    child = terminal("cert", "delete", "ca")
    child.expect(r"these configs cannot connect: 'db'\. Delete it\? \(y/N\)")
    child.sendline("")
    child.expect("Not deleting")
    assert "Deleted certificate" in cli.ok("cert", "delete", "ca", "--yes").stdout
    said = cli.fails("hyperdrive", "execute", "db", "--command", "SELECT 1")
    assert "The config 'db' uses a certificate that is no longer in the local store" in said
    assert "hyperdrive update db --ca-certificate-id" in said


def test_relative_paths_are_taken_from_cwd(cli: CommandLine, certificates: Any) -> None:
    folder = certificates.ca.parent
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", certificates.ca.name, "--cwd", folder)


def test_refusals(cli: CommandLine, certificates: Any) -> None:
    upload = ("cert", "upload", "certificate-authority", "--ca-cert")
    assert "cannot be read" in cli.fails(*upload, "missing.pem")
    assert "no certificate in PEM form" in cli.fails(*upload, certificates.server_key)
    mtls = ("cert", "upload", "mtls-certificate", "--cert", certificates.client_certificate, "--key")
    assert "does not belong" in cli.fails(*mtls, certificates.server_key)
    assert "PRIVATE" not in cli.fails(*mtls, certificates.ca).replace("private", "")
    assert "No certificate has the id or name 'x'" in cli.fails("cert", "delete", "x")
    assert cli("cert", "delete").status == 2
    assert cli.ok("cert", "list", "--json").json() == []
