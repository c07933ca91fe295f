"""The tls-server-end-point channel binding of a certificate (RFC 5929, section 4)."""

from __future__ import annotations

import hashlib

# DER contents of the signature algorithms' object identifiers.
_HASHES = {
    bytes.fromhex("2a864886f70d010104"): "sha256",  # md5WithRSAEncryption: RFC 5929 asks for SHA-256 instead
    bytes.fromhex("2a864886f70d010105"): "sha256",  # sha1WithRSAEncryption: as well
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
    bytes.fromhex("2a8648ce3d0401"): "sha256",  # ecdsa-with-SHA1
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}


def server_end_point(certificate: bytes) -> bytes | None:
    """The hash of a DER certificate by its signature's hash function. None if the RFC defines none for it."""
    try:
        outer, _ = _contents(certificate, 0)
        _, after_tbs = _contents(certificate, outer)
        algorithm, _ = _contents(certificate, after_tbs)
        start, end = _contents(certificate, algorithm)
    except IndexError:
        return None
    name = _HASHES.get(certificate[start:end])
    return hashlib.new(name, certificate).digest() if name else None


def _contents(data: bytes, position: int) -> tuple[int, int]:
    """Start and end of the contents of the DER value at `position`. Raises IndexError if it is cut short."""
    length = data[position + 1]
    position += 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[position : position + count], "big")
        position += count
    if position + length > len(data):
        raise IndexError("the value ends behind the data")
    return position, position + length
