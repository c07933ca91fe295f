"""Reads issuer and expiry of a certificate from its DER form.

The standard library decodes only the certificate of a live TLS connection, and these few fields don't
justify a dependency. Source: RFC 5280, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_NAMES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}


@dataclass(frozen=True, slots=True)
class CertificateDetails:
    """The details that Cloudflare shows of a certificate; `issuer` as `CN=…,O=…`."""

    issuer: str
    expires_on: datetime


def certificate_details(der: bytes) -> CertificateDetails:
    """Read `der`, one certificate. ValueError if it is malformed."""
    try:
        return _read(der)
    except (IndexError, UnicodeDecodeError, OverflowError):
        raise ValueError("malformed certificate") from None


def _read(der: bytes) -> CertificateDetails:
    certificate = _expect(_Reader(der), _SEQUENCE)
    fields = _expect(certificate, _SEQUENCE)
    tag, _ = fields.take()
    if tag == _VERSION:
        fields.take()  # serial number
    fields.take()  # signature algorithm
    issuer = _expect(fields, _SEQUENCE)
    validity = _expect(fields, _SEQUENCE)
    validity.take()  # not before
    tag, not_after = validity.take()
    return CertificateDetails(issuer=_name(issuer), expires_on=_time(tag, not_after))


class _Reader:
    """Takes tag-length-value elements from the front of `data`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self) -> tuple[int, bytes]:
        tag, length = self._data[self._at], self._data[self._at + 1]
        start = self._at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(self._data[start : start + size], "big")
            start += size
        self._at = start + length
        if self._at > len(self._data):
            raise ValueError("malformed certificate")
        return tag, self._data[start : self._at]


def _expect(reader: _Reader, expected: int) -> _Reader:
    tag, value = reader.take()
    if tag != expected:
        raise ValueError("malformed certificate")
    return _Reader(value)


def _name(reader: _Reader) -> str:
    parts = []
    while reader:
        _, relative = reader.take()
        attribute = _expect(_Reader(relative), _SEQUENCE)
        _, oid = attribute.take()
        _, value = attribute.take()
        if oid in _NAMES:
            parts.append(f"{_NAMES[oid]}={value.decode('utf-8', 'replace')}")
    return ",".join(parts)


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:  # two digits of the year: 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("malformed certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
