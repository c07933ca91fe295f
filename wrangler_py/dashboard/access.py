"""Who may use the dashboard: this machine, with the token of its URL, from its own page.

A browser sends the cookies of `127.0.0.1` to every port of it, and calls all of them the same site. So the
`Host`, `Origin` and `Sec-Fetch-*` headers are checked as well: neither a page on the internet nor the Worker
under development may read or change anything here.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_RESPONSE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def cookie_name(port: int) -> str:
    """The name of the cookie. It contains the port, because all ports of a host share its cookies."""
    return f"wrangler_py_dashboard_{port}"


class AccessControl:
    """ASGI middleware that lets only permitted requests reach `app`, and adds the security headers."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie_name(port)
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        if port == 80:
            self._hosts |= {"127.0.0.1", "localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _RESPONSE_HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_secured)

    def _refusal(self, scope: Scope) -> Response | None:
        """The response that refuses the request; None if the request is permitted."""
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        if len(host) != 1 or host[0].lower() not in self._hosts:
            return PlainTextResponse("The dashboard has another host name.\n", 421)
        if self._is_foreign(headers, host[0].lower(), scope):
            return PlainTextResponse("Requests from other sites are not permitted.\n", 403)
        if self._has_bearer_token(headers):
            return None
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")
        if scope["path"] == "/" and scope["method"] == "GET" and given is not None and self._is_token(given):
            return self._log_in()
        if not self._has_cookie(headers):
            text = "Open the URL that wrangler-py printed when it started: it contains the token that you need.\n"
            return PlainTextResponse(text, 401, {"www-authenticate": "Bearer"})
        if scope["method"] not in _SAFE_METHODS and not self._is_same_origin(headers, host[0].lower()):
            return PlainTextResponse("A change needs a request from the dashboard's own page.\n", 403)
        return None

    def _is_foreign(self, headers: Headers, host: str, scope: Scope) -> bool:
        """Whether the request comes from a page of another origin."""
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            return True
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return False
        # A link to the dashboard in another page may be followed: it opens the page and gives nothing away.
        follows_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return not (follows_link and scope["method"] == "GET" and scope["path"] == "/")

    def _is_same_origin(self, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return origin.lower() == f"http://{host}"
        return headers.get("sec-fetch-site") == "same-origin"

    def _has_bearer_token(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._is_token(token.strip())

    def _has_cookie(self, headers: Headers) -> bool:
        # Cookies of other servers on this host come along, and may be malformed: only a split is sure to find ours.
        pairs = (pair.strip().partition("=") for header in headers.getlist("cookie") for pair in header.split(";"))
        return any(name == self._cookie and self._is_token(value) for name, _, value in pairs)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _log_in(self) -> Response:
        """Put the token into a cookie, and redirect to the URL without it."""
        response = RedirectResponse("/", 303)
        response.set_cookie(self._cookie, self._token, path="/", httponly=True, samesite="strict")
        return response
