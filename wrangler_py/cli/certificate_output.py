"""Prints certificates, local and at Cloudflare."""

from __future__ import annotations

from typing import Protocol

from wrangler_py.cli import printing
from wrangler_py.terminal_text import printable


class Shown(Protocol):
    """A certificate, here or at Cloudflare."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def issuer(self) -> str: ...
    @property
    def uploaded_on(self) -> str: ...
    @property
    def expires_on(self) -> str: ...


def say_certificate(certificate: Shown, *, is_authority: bool) -> None:
    """Print an entry of a list."""
    printing.out(f"ID: {certificate.id}")
    if certificate.name:
        printing.out(f"Name: {printable(certificate.name)}")
    printing.out(f"Issuer: {printable(certificate.issuer)}")
    printing.out(f"Created on: {certificate.uploaded_on[:10]}")
    printing.out(f"Expires on: {certificate.expires_on[:10]}")
    if is_authority:
        printing.out("CA: true")
    printing.out()


def say_uploaded(kind: str, certificate: Shown) -> None:
    """Print an uploaded certificate."""
    name = f" {certificate.name}" if certificate.name else ""
    printing.out(f"Success! Uploaded {kind} Certificate{name}")
    printing.out(f"ID: {certificate.id}")
    printing.out(f"Issuer: {printable(certificate.issuer)}")
    printing.out(f"Expires on {certificate.expires_on[:10]}")
