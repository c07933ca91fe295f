"""Hyperdrive's own errors, which have no PostgreSQL code: SQLSTATE 58000, and a hint that says what to do.

Source: Hyperdrive documentation, "Troubleshoot and debug".
"""

from __future__ import annotations

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages

SQLSTATE = "58000"

_LOST = "The origin closed the connection. Later queries open a new one."
_HINTS = {
    "connection_refused": "Is PostgreSQL running, and are host and port in {place} right?",
    "timeout": "The origin did not answer in time: check its address and any firewall in between.",
    "dns_failure": "The origin's host name does not resolve: check it in {place}.",
    "tls_not_supported": "The origin does not offer TLS: turn `ssl` on there, or use a local connection string, "
    "which needs no TLS.",
    "certificate_invalid": "The origin's certificate does not pass the sslmode of {place}: upload its CA with "
    "`wrangler-py cert upload certificate-authority`, or check the host name.",
    "authentication_failed": "Check user and password of {place}: `wrangler-py hyperdrive update` changes them.",
    "connection_lost": _LOST,
    "protocol_error": "Does a PostgreSQL server listen at the host and port in {place}?",
}
_HINTS_FOR_STRING = _HINTS | {
    "tls_not_supported": "The origin does not offer TLS: turn `ssl` on there, or remove `sslmode` from {place}.",
    "certificate_invalid": "The origin's certificate does not pass the `sslmode` in {place}: name its CA there "
    "with `sslrootcert=FILE`, or check the host name.",
    "authentication_failed": "Check user and password in {place}, where special characters are percent-encoded.",
}
"""Hints for a connection string instead of a stored config."""


class OriginUnavailable(Exception):
    """No connection to the origin could be opened; `response` is the whole ErrorResponse for a query.

    `hint` says to the person what to do about it.
    """

    def __init__(self, text: str, *, hint: str | None = None, response: bytes | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        self.response = response or messages.error_response(SQLSTATE, text, hint=hint)

    @property
    def sqlstate(self) -> str:
        return messages.parse_report(self.response[5:]).get("C", SQLSTATE)


def connection_attempt_failed(config: PoolConfig, reason: str, detail: str | None = None) -> OriginUnavailable:
    """`reason` is one of the words after `Server connection attempt failed: `."""
    hints = _HINTS_FOR_STRING if config.source else _HINTS
    hint = hints.get(reason, "").format(place=config.source or f"the config {config.name}")
    if detail:
        hint = f"{detail}. {hint}" if hint else detail
    return OriginUnavailable(f"Server connection attempt failed: {reason}", hint=hint or None)


def origin_said(response: bytes) -> OriginUnavailable:
    """The origin's own ErrorResponse to a connection attempt, passed on unchanged but for its severity."""
    fields = messages.parse_report(response[5:])
    text = fields.get("M", "the origin refused the connection")
    return OriginUnavailable(text, hint=fields.get("H"), response=messages.with_severity(response, "ERROR"))


def pool_exhausted(limit: int, seconds: float) -> OriginUnavailable:
    return OriginUnavailable(
        "Failed to acquire a connection from the pool.",
        hint=f"All {limit} origin connections were busy for {seconds:g} s: end transactions sooner, "
        "or raise the config's origin connection limit.",
    )


def internal_error() -> OriginUnavailable:
    return OriginUnavailable(
        "Internal error.", hint="This is a bug in wrangler-py, whose terminal shows the details. Please report it."
    )


def connection_lost() -> bytes:
    return messages.error_response(SQLSTATE, "Server connection lost.", severity="FATAL", hint=_LOST)


def statement_limit(seconds: float) -> bytes:
    return messages.error_response(
        "57014",
        f"canceling statement: it ran longer than Hyperdrive's limit of {seconds:g} s",
        hint="Split the work up, or run it outside a Worker.",
    )
