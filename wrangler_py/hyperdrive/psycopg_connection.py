"""A psycopg connection straight to an origin, secured as the policy says: for the check and for `execute`."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.config import Origin, TLSPolicy

if TYPE_CHECKING:
    from psycopg import Connection

APPLICATION_NAME = "wrangler-py"


@contextlib.contextmanager
def connect(
    origin: Origin, tls: TLSPolicy, *, timeout_s: float = limits.CONNECT_TIMEOUT_S, options: str = ""
) -> Iterator[Connection[tuple[Any, ...]]]:
    """A connection in autocommit mode, closed when the block ends.

    `timeout_s` is for one address of the host; libpq takes whole seconds, at least two. `options` are session
    settings, as in `PoolConfig`. Raises psycopg.Error if the origin doesn't let us in.
    """
    import psycopg

    with tempfile.TemporaryDirectory(prefix="wrangler-py-") as folder:
        tls_parameters: dict[str, Any] = _tls_parameters(tls, Path(folder))
        connection = psycopg.connect(
            host=origin.host,
            port=origin.port,
            dbname=origin.database,
            user=origin.user,
            password=origin.password,
            application_name=APPLICATION_NAME,
            client_encoding="UTF8",
            connect_timeout=max(2, round(timeout_s)),
            autocommit=True,
            # Nothing from the person's own libpq set-up, which the proxy doesn't know either:
            options=options,
            passfile=os.devnull,
            gssencmode="disable",
            **tls_parameters,
        )
        try:
            yield connection
        finally:
            connection.close()


def public_roots() -> Path | str:
    """The system's public root certificates: a PEM file, or PEM text where the system keeps them elsewhere.

    `SSL_CERT_FILE` is honoured. Where the system has none in one place, those of certifi, as in `proxy.tls`.
    """
    if file := ssl.get_default_verify_paths().cafile:
        return Path(file)
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        import certifi

        return Path(certifi.where())
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates))


def _tls_parameters(tls: TLSPolicy, folder: Path) -> dict[str, str]:
    """libpq's parameters for `tls`, its PEM texts as files in `folder`, which is private."""
    if not tls.encrypt:
        return {"sslmode": "disable"}
    # libpq looks for these in the person's home unless they are named; a missing root certificate means
    # "don't validate" in the modes that may do without.
    files = {name: folder / name for name in ("sslrootcert", "sslcert", "sslkey")}
    roots: Path | str | None = tls.roots
    if tls.verify != "none" and roots is None:
        roots = public_roots()
    if isinstance(roots, Path):
        files["sslrootcert"] = roots
    elif roots is not None:
        files["sslrootcert"].write_text(roots)
    if tls.client_certificate is not None and tls.client_key is not None:
        files["sslcert"].write_text(tls.client_certificate)
        files["sslkey"].touch(mode=0o600)
        files["sslkey"].write_text(tls.client_key)
    modes = {"none": "prefer" if tls.optional else "require", "ca": "verify-ca", "full": "verify-full"}
    parameters = {name: str(path) for name, path in files.items()}
    if tls.require_channel_binding:
        parameters["channel_binding"] = "require"
    least = "TLSv1.3" if tls.require_tls_1_3 else "TLSv1.2"
    return {**parameters, "sslmode": modes[tls.verify], "ssl_min_protocol_version": least}
