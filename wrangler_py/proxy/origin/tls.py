"""TLS contexts for connections to an origin, from a config's policy."""

from __future__ import annotations

import functools
import os
import ssl
import tempfile
from pathlib import Path

from wrangler_py.hyperdrive.config import TLSPolicy


@functools.lru_cache(maxsize=32)
def client_context(policy: TLSPolicy) -> ssl.SSLContext:
    """A context that checks what `policy` says, TLS 1.2 or 1.3 at least.

    Made once: reading the system's roots takes long.

    Raises ssl.SSLError for certificates that can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if policy.require_tls_1_3 else ssl.TLSVersion.TLSv1_2
    context.check_hostname = policy.verify == "full"
    if policy.verify == "none":
        context.verify_mode = ssl.CERT_NONE
    elif policy.roots is not None:
        context.load_verify_locations(cadata=policy.roots)
    else:
        _load_public_roots(context)
    if policy.client_certificate and policy.client_key:
        _load_client_certificate(context, policy.client_certificate, policy.client_key)
    return context


def _load_public_roots(context: ssl.SSLContext) -> None:
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath or os.name == "nt":
        context.load_default_certs()
        return
    import certifi

    context.load_verify_locations(certifi.where())


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module reads keys from files only; this one is private and gone at once.
    descriptor, name = tempfile.mkstemp(prefix="wrangler-py-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(key.rstrip() + "\n" + certificate)
        context.load_cert_chain(name, password="")  # without one OpenSSL asks on the terminal
    finally:
        Path(name).unlink()
