"""What went wrong with a request to the API, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wrangler_py.cloudflare.credentials import LOG_IN_HINT, Credentials
from wrangler_py.cloudflare.permissions import Permission
from wrangler_py.errors import WranglerError

_ORIGIN_HINTS = {
    2008: "The host name does not resolve: check it, and that it is public.",
    2009: "The host is not a public address. A private database needs Cloudflare Tunnel (--access-client-id) or\n"
    "Workers VPC (--service-id).",
    2010: "Check host and port, and that the firewall lets Cloudflare's addresses in.",
    2011: "Check the port, and that the server listens on its public address.",
    2012: "Turn TLS on in the database server (ssl = on in postgresql.conf).",
    2013: "Check user and password.",
    2014: "Check the name of the database.",
    2016: "The server answers, but not to a query: check the user's privileges.",
}
"""Codes of the test connection that Hyperdrive makes when a config is written."""


@dataclass(frozen=True, slots=True)
class APIMessage:
    """One of the errors in an answer."""

    code: int | None
    text: str

    def __str__(self) -> str:
        code = f" (code {self.code})" if self.code is not None else ""
        return f"{self.text.rstrip('.')}{code}"


class APIError(WranglerError):
    """The API refused a request. `status` is HTTP's, `codes` are Cloudflare's."""

    def __init__(self, message: str, *, status: int, codes: tuple[int, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.codes = codes


class Unreachable(WranglerError):
    """No usable answer came: the network is down, the answer broke off, or it took too long.

    `sent` is whether the request may have reached the API.
    """

    def __init__(self, message: str, *, sent: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


def read_messages(document: object) -> tuple[APIMessage, ...]:
    """The errors in the answer `document`, those that a chain hides included."""
    if not isinstance(document, Mapping):
        return ()
    found = tuple(_read(document.get("errors")))
    if not found and isinstance(document.get("error"), str):  # some endpoints answer {code, error}
        code = document.get("code")
        found = (APIMessage(code if isinstance(code, int) else None, str(document["error"])),)
    return found


def _read(errors: object) -> Iterable[APIMessage]:
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, Mapping):
            code: Any = error.get("code")
            yield APIMessage(
                code if isinstance(code, int) else None, str(error.get("message") or "no reason given")
            )
            yield from _read(error.get("error_chain"))


def refusal(
    status: int,
    messages: tuple[APIMessage, ...],
    *,
    permission: Permission,
    credentials: Credentials,
    retry_after_s: float | None = None,
) -> APIError:
    """The error for an answer with that HTTP status and those messages."""
    codes = tuple(message.code for message in messages if message.code is not None)
    reasons = "; ".join(map(str, messages)) or f"HTTP status {status}"
    code = f"code {codes[0]}" if codes else f"HTTP status {status}"
    owner = f"The {credentials.kind}"
    hint: str | None
    if status == 401 or (status == 400 and 6003 in codes) or 1000 in codes:
        message = f"Cloudflare does not accept the {credentials.kind} from {credentials.source}: {reasons}."
        hint = LOG_IN_HINT
    elif status == 403:
        message = f'{owner} cannot {permission.allows} ({code}). It needs the permission "{permission.name}".'
        hint = f"It is from {credentials.source}. `wrangler-py whoami` shows its accounts and permissions."
        if credentials.kind == "OAuth token":
            hint += (
                "\nIf your role in the account has the permission, `npx wrangler login` renews the token with it."
            )
    elif status == 404 and 7003 in codes:
        message = f"This account or object does not exist at Cloudflare: {reasons}."
        hint = (
            "Check `account_id` in the config file and CLOUDFLARE_ACCOUNT_ID; `wrangler-py whoami` lists accounts."
        )
    elif status == 404:
        message, hint = f"This does not exist at Cloudflare: {reasons}.", None
    elif status == 429:
        wait = "" if retry_after_s is None else f", in {retry_after_s:.0f} s at the earliest"
        message = f"Cloudflare limits the rate of requests: {reasons}."
        hint = f"Try again later{wait}."
    elif status >= 500:
        message, hint = f"Cloudflare's API failed with HTTP status {status}: {reasons}.", "Try again later."
    else:
        message = f"Cloudflare refused the request: {reasons}."
        hint = next((_ORIGIN_HINTS[each] for each in codes if each in _ORIGIN_HINTS), None)
    return APIError(message, status=status, codes=codes, hint=hint)
