"""Hyperdrive's own errors, which have no PostgreSQL code: SQLSTATE 58000, and a hint that says what to do.

Source: Hyperdrive documentation, "Troubleshoot and debug".
"""

from __future__ import annotations

from wrangler_py.pgwire import messages

SQLSTATE = "58000"

_HINTS = {
    "connection_refused": "Is PostgreSQL running, and are the config's host and port right?",
    "timeout": "The origin did not answer in time: check its address and any firewall in between.",
    "dns_failure": "The origin's host name does not resolve: check it in the config.",
    "tls_not_supported": "The origin does not offer TLS: turn `ssl` on there, or use a local connection string, "
    "which may be plaintext.",
    "certificate_invalid": "The origin's certificate does not pass the config's sslmode: upload its CA with "
    "`wrangler-py cert upload certificate-authority`, or check the host name.",
    "authentication_failed": "Check the config's user and password with `wrangler-py hyperdrive update`.",
    "connection_lost": "The origin closed the connection. Later queries open a new one.",
    "protocol_error": "Does a PostgreSQL server listen at the config's host and port?",
}


class OriginUnavailable(Exception):
    """No connection to the origin could be had; `response` is the whole ErrorResponse for a query.

    `hint` says to the person what to do about it.
    """

    def __init__(self, text: str, *, hint: str | None = None, response: bytes | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        self.response = response or messages.error_response(SQLSTATE, text, hint=hint)


def connection_attempt_failed(reason: str, detail: str | None = None) -> OriginUnavailable:
    """`reason` is one of the words after `Server connection attempt failed: `."""
    hint = _HINTS.get(reason)
    if detail:
        hint = f"{detail}. {hint}" if hint else detail
    return OriginUnavailable(f"Server connection attempt failed: {reason}", hint=hint)


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


def connection_lost() -> bytes:
    return messages.error_response(
        SQLSTATE, "Server connection lost.", severity="FATAL", hint=_HINTS["connection_lost"]
    )


def statement_limit(seconds: float) -> bytes:
    return messages.error_response(
        "57014",
        f"canceling statement: it ran longer than Hyperdrive's limit of {seconds:g} s",
        hint="Split the work up, or run it outside a Worker.",
    )
