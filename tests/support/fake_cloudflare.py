"""A stand-in for Cloudflare's REST API, which keeps state and insists on what the real one insists on.

It is checked by the official command line, which has to get along with it. Codes of errors that Cloudflare
documents are Cloudflare's; those of other refusals are made up.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from support.fake_hyperdrive import Refusal, checked_caching, checked_origin, shown_config
from support.fake_workers import WorkerScripts, read_multipart

from wrangler_py.hyperdrive.certificate_details import certificate_details

ALL = frozenset(
    {"Hyperdrive Write", "SSL and Certificates Write", "Account Analytics Read", "Workers Scripts Write"}
)
NEW = "2026-11-01T00:00:00.000000Z"


@dataclass
class Token:
    """Who may do what. `kind` is `user`, `account`, `oauth` or `key`."""

    accounts: tuple[str, ...]
    permissions: frozenset[str] = ALL
    kind: str = "user"
    email: str = "dev@example.com"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    may_read_itself: bool = False
    may_read_memberships: bool = True

    def has(self, permission: str) -> bool:
        return permission in self.permissions or permission.replace(" Read", " Write") in self.permissions


@dataclass(frozen=True)
class Recorded:
    """A request as it came. `body` is parsed JSON, or, of multipart, its parts."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Trouble:
    """What happens instead of an answer, or behind it: `times` requests whose method and path match."""

    matches: Callable[[str, str], bool]
    act: Callable[[], Response]
    times: int
    after: bool


class FakeCloudflare:
    """The API at `url`; the token of `add_token` authenticates."""

    def __init__(self) -> None:
        self.url = ""
        self.accounts: dict[str, str] = {}
        self.tokens: dict[str, Token] = {}
        self.configs: dict[str, dict[str, dict[str, Any]]] = {}
        self.certificates: dict[str, dict[str, dict[str, Any]]] = {}
        self.scripts = WorkerScripts(self)
        self.requests: list[Recorded] = []
        self.query_groups: list[dict[str, Any]] = []
        self.pool_groups: list[dict[str, Any]] = []
        self.page_size = 20
        self._trouble: list[Trouble] = []

    # What tests set up

    def add_account(self, name: str = "Example") -> str:
        id = secrets.token_hex(16)
        self.accounts[id] = name
        self.configs[id], self.certificates[id] = {}, {}
        return id

    def add_token(self, *accounts: str, **options: Any) -> str:
        token = secrets.token_urlsafe(30)
        self.tokens[token] = Token(accounts or tuple(self.accounts), **options)
        return token

    def fail(
        self,
        status: int,
        code: int = 10001,
        message: str = "no",
        *,
        on: str = "",
        times: int = 1,
        retry_after: str | None = "0",
        after: bool = False,
    ) -> None:
        """Have the next requests whose `METHOD /path` contains `on` fail; `after` they were carried out."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}

        def act() -> Response:
            return _failure(status, code, message, headers)

        self._trouble.append(Trouble(lambda method, path: on in f"{method} {path}", act, times, after))

    def break_off(self, *, on: str = "", times: int = 1, after: bool = False) -> None:
        """Have the answers to the next matching requests end in the middle."""

        def act() -> Response:
            async def body() -> Any:
                yield b'{"success": true, "resu'

            return StreamingResponse(body(), headers={"Content-Length": "500", "Content-Type": "application/json"})

        self._trouble.append(Trouble(lambda method, path: on in f"{method} {path}", act, times, after))

    def hold(self, event: threading.Event, *, on: str, after: bool = True) -> threading.Event:
        """Let the next matching request wait for `event`; returns one that is set when it has come."""
        came = threading.Event()

        def act() -> Response:
            came.set()
            event.wait(30)
            return _failure(503, 1, "held", {})

        self._trouble.append(Trouble(lambda method, path: on in f"{method} {path}", act, 1, after))
        return came

    # What tests look at

    def take_requests(self) -> list[Recorded]:
        taken, self.requests = self.requests, []
        return taken

    # Requests

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        path = request.url.path.removeprefix("/client/v4")
        content_type = request.headers.get("content-type", "")
        body: Any = None
        if content_type.startswith("multipart/"):
            body = read_multipart(content_type, raw)
        elif raw:
            try:
                body = json.loads(raw)
            except ValueError:
                return _failure(400, 6007, "Malformed JSON in request body")
        self.requests.append(Recorded(request.method, path, request.url.query, dict(request.headers), body))
        trouble = self._next_trouble(request.method, path)
        if trouble is not None and not trouble.after:
            return await _in_thread(trouble.act)
        try:
            token = self._authenticate(request)
            result = self._route(request.method, path, request.query_params, body, token)
        except Refusal as refusal:
            return _failure(refusal.status, refusal.code, refusal.message, **refusal.more)
        if trouble is not None:
            return await _in_thread(trouble.act)
        return result if isinstance(result, Response) else _success(result)

    def _next_trouble(self, method: str, path: str) -> Trouble | None:
        for trouble in self._trouble:
            if trouble.times > 0 and trouble.matches(method, path):
                trouble.times -= 1
                return trouble
        return None

    def _authenticate(self, request: Request) -> Token:
        if key := request.headers.get("x-auth-key"):
            token = self.tokens.get(key)
            if token is None or token.kind != "key" or token.email != request.headers.get("x-auth-email"):
                raise Refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")
            return token
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not secret:
            chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
            raise Refusal(400, 6003, "Invalid request headers", chain=chain)
        token = self.tokens.get(secret)
        if token is None or token.kind == "key":
            raise Refusal(401, 1000, "Invalid API Token")
        return token

    def _route(self, method: str, path: str, query: Mapping[str, str], body: Any, token: Token) -> Any:
        parts = path.strip("/").split("/")
        match method, parts:
            case "GET", ["user", "tokens", "verify"]:
                if token.kind == "account":
                    raise Refusal(401, 1000, "Invalid API Token")
                return {"id": token.id, "status": "active"}
            case "GET", ["user", "tokens", id] if token.may_read_itself and id == token.id:
                groups = [{"id": secrets.token_hex(16), "name": name} for name in sorted(token.permissions)]
                return {"id": id, "policies": [{"effect": "allow", "permission_groups": groups}]}
            case "GET", ["user", "tokens", _]:
                raise Refusal(403, 9109, "Unauthorized to access requested resource")
            case "GET", ["user"]:
                if token.kind == "account":
                    raise Refusal(403, 9109, "Unauthorized to access requested resource")
                return {"id": secrets.token_hex(16), "email": token.email}
            case "GET", ["accounts"]:
                return self._page([{"id": id, "name": self.accounts[id]} for id in token.accounts], query)
            case "GET", ["memberships"]:
                if token.kind == "account" or not token.may_read_memberships:
                    raise Refusal(403, 10000, "Authentication error")
                shown = [{"id": id, "account": {"id": id, "name": self.accounts[id]}} for id in token.accounts]
                return self._page(shown, query)
            case "POST", ["graphql"]:
                return self._graphql(body, token)
            case _, ["accounts", account, *rest]:
                return self._in_account(method, account, rest, query, body, token)
        raise Refusal(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")

    def _in_account(
        self, method: str, account: str, rest: list[str], query: Mapping[str, str], body: Any, token: Token
    ) -> Any:
        if account not in self.accounts:
            raise Refusal(
                404, 7003, f"Could not route to /accounts/{account}, perhaps your object identifier is invalid?"
            )
        if account not in token.accounts:
            raise Refusal(403, 10000, "Authentication error")
        area, access = "/".join(rest[:2]), "Read" if method == "GET" else "Write"
        if area == "hyperdrive/configs":
            _need(token, f"Hyperdrive {access}")
            return self._hyperdrive(method, account, rest[2:], query, body)
        if rest[0] == "mtls_certificates":
            _need(token, f"SSL and Certificates {access}")
            return self._certificates(method, account, rest[1:], query, body)
        _need(token, "Workers Scripts Write")
        answered = self.scripts.answer(method, account, rest, query, body)
        if answered is None:
            raise Refusal(404, 7003, f"Could not route to /accounts/{account}/{'/'.join(rest)}")
        return answered

    def _page(self, objects: list[Any], query: Mapping[str, str]) -> Response:
        page, size = int(query.get("page", "1")), int(query.get("per_page", self.page_size))
        shown = objects[(page - 1) * size : page * size]
        info = {"page": page, "per_page": size, "count": len(shown), "total_count": len(objects)}
        return JSONResponse({"success": True, "result": shown, "errors": [], "messages": [], "result_info": info})

    # Hyperdrive

    def _hyperdrive(self, method: str, account: str, rest: list[str], query: Mapping[str, str], body: Any) -> Any:
        configs = self.configs[account]
        if rest and rest[0] not in configs:
            raise Refusal(404, 2001, "Hyperdrive config not found")
        match method, rest:
            case "GET", []:
                return self._page([shown_config(config) for config in configs.values()], query)
            case "POST", []:
                config = self._checked(account, {"id": secrets.token_hex(16), "created_on": NEW}, body, whole=True)
                configs[config["id"]] = config
                return shown_config(config)
            case "GET", [id]:
                return shown_config(configs[id])
            case (("PATCH" | "PUT"), [id]):
                kept = ("id", "created_on", "restarted_on") if method == "PUT" else tuple(configs[id])
                current = {key: configs[id][key] for key in kept if key in configs[id]}
                configs[id] = self._checked(account, current, body, whole=method == "PUT")
                return shown_config(configs[id])
            case "DELETE", [id]:
                del configs[id]
                return None
            case "POST", [id, "restart"]:
                configs[id]["restarted_on"] = NEW
                return shown_config(configs[id])
        raise Refusal(405, 10405, "Method not allowed")

    def _checked(self, account: str, current: Mapping[str, Any], body: Any, *, whole: bool) -> dict[str, Any]:
        """The config that `body` makes of `current`."""
        if not isinstance(body, dict) or (not body and not whole):
            raise Refusal(400, 2003, "The body must be an object")
        if unknown := body.keys() - {"name", "origin", "caching", "mtls", "origin_connection_limit"}:
            raise Refusal(400, 2003, f"Unknown fields: {', '.join(sorted(unknown))}")
        config = {**current, "modified_on": NEW}
        name = body.get("name", current.get("name"))
        if not isinstance(name, str) or not name:
            raise Refusal(400, 2003, "name is required")
        for other in self.configs[account].values():
            if other["name"] == name and other["id"] != config["id"]:
                raise Refusal(409, 2017, f"A config with the name {name} exists already")
        config["name"] = name
        config["origin"] = checked_origin(current.get("origin", {}), body.get("origin", {}), partial=not whole)
        config["caching"] = checked_caching(current.get("caching", {}), body.get("caching", {}))
        config["mtls"] = self._mtls(account, current.get("mtls", {}), body.get("mtls", {}))
        if "service_id" in config["origin"] and config["mtls"]:
            raise Refusal(400, 2003, "mtls cannot be used with VPC Service origins")
        limit = body.get("origin_connection_limit", current.get("origin_connection_limit", 60))
        if type(limit) is not int or not 5 <= limit <= 1500:
            raise Refusal(400, 2003, "origin_connection_limit must be from 5 to 1500")
        config["origin_connection_limit"] = limit
        return config

    def _mtls(self, account: str, current: Mapping[str, Any], given: Any) -> dict[str, Any]:
        if not isinstance(given, dict) or given.keys() - {"sslmode", "ca_certificate_id", "mtls_certificate_id"}:
            raise Refusal(400, 2003, "mtls has unknown fields")
        mtls = {**current, **given}
        for key, is_authority in (("ca_certificate_id", True), ("mtls_certificate_id", False)):
            if key in mtls:
                certificate = self.certificates[account].get(mtls[key])
                if certificate is None or certificate["ca"] is not is_authority:
                    raise Refusal(400, 2003, f"{key} names no certificate of that kind")
        mode = mtls.get("sslmode")
        if mode not in (None, "require", "verify-ca", "verify-full", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"):
            raise Refusal(400, 2003, "sslmode is unknown")
        if mode in ("require", "REQUIRED") and "ca_certificate_id" in mtls:
            raise Refusal(400, 2003, "CA not allowed when sslmode = 'require' is set")
        if mode not in (None, "require", "REQUIRED") and "ca_certificate_id" not in mtls:
            raise Refusal(400, 2003, "CA required when sslmode = 'verify-ca' or 'verify-full' is set")
        return mtls

    # Certificates

    def _certificates(self, method: str, account: str, rest: list[str], query: Mapping[str, str], body: Any) -> Any:
        stored = self.certificates[account]
        if rest and rest[0] not in stored:
            raise Refusal(404, 1412, "Certificate not found")
        match method, rest:
            case "GET", []:
                return [
                    each
                    for each in stored.values()
                    if query.get("name", each["name"]) == each["name"]
                    and query.get("ca", str(each["ca"]).lower()) == str(each["ca"]).lower()
                ]
            case "POST", []:
                certificate = self._certificate(account, body)
                stored[certificate["id"]] = certificate
                return certificate
            case "GET", [id]:
                return stored[id]
            case "DELETE", [id]:
                if any(id in config["mtls"].values() for config in self.configs[account].values()):
                    raise Refusal(400, 1413, "The certificate is in use")
                del stored[id]
                return {"id": id}
        raise Refusal(405, 10405, "Method not allowed")

    def _certificate(self, account: str, body: Any) -> dict[str, Any]:
        import ssl

        if not isinstance(body, dict) or not isinstance(body.get("ca"), bool):
            raise Refusal(400, 1400, "ca is required")
        if body.keys() - {"name", "certificates", "private_key", "ca"}:
            raise Refusal(400, 1400, "Unknown fields")
        if not body["ca"] and "PRIVATE KEY" not in str(body.get("private_key")):
            raise Refusal(400, 1402, "private_key is required for leaf certificates")
        name = body.get("name")
        if any(name and each["name"] == name for each in self.certificates[account].values()):
            raise Refusal(409, 1406, "A certificate with this name exists")
        text = str(body.get("certificates"))
        for each in self.certificates[account].values():
            if each["certificates"].strip() == text.strip():
                raise Refusal(409, 1406, "The certificate was uploaded already")
        try:
            details = certificate_details(ssl.PEM_cert_to_DER_cert(text[: text.index("-----END") + 25] + "\n"))
        except ValueError:
            raise Refusal(400, 1401, "certificates are malformed") from None
        return {
            "id": str(uuid.uuid4()),
            "name": name or "",
            "ca": body["ca"],
            "certificates": text,
            "issuer": details.issuer,
            "expires_on": details.expires_on.isoformat(),
            "serial_number": "1",
            "signature": "SHA256-RSA",
            "uploaded_on": datetime.now(UTC).isoformat(),
        }

    # Metrics

    def _graphql(self, body: Any, token: Token) -> Response:
        query, variables = body.get("query", ""), body.get("variables", {})
        if not token.has("Account Analytics Read"):
            message = "not authorized for that account"
            return JSONResponse({"data": None, "errors": [{"message": message, "path": ["viewer"]}]})
        missing = [each for each in ("accountTag", "configId", "start", "end") if each not in variables]
        datasets = ("hyperdriveQueriesAdaptiveGroups", "hyperdrivePoolSizesAdaptiveGroups")
        if missing or not any(dataset in query for dataset in datasets):
            return JSONResponse({"data": None, "errors": [{"message": "error parsing args"}]})
        account = {datasets[0]: self.query_groups, datasets[1]: self.pool_groups}
        shown = {name: groups for name, groups in account.items() if name in query}
        return JSONResponse({"data": {"viewer": {"accounts": [shown]}}, "errors": None})


def _need(token: Token, permission: str) -> None:
    if not token.has(permission):
        raise Refusal(403, 10000, "Authentication error")


def _success(result: Any) -> Response:
    return JSONResponse({"success": True, "result": result, "errors": [], "messages": []})


def _failure(
    status: int, code: int, message: str, headers: Mapping[str, str] | None = None, chain: Any = None
) -> Response:
    error = {"code": code, "message": message, **({"error_chain": chain} if chain else {})}
    return JSONResponse(
        {"success": False, "result": None, "errors": [error], "messages": []}, status, headers=dict(headers or {})
    )


async def _in_thread(act: Callable[[], Response]) -> Response:
    import asyncio

    return await asyncio.to_thread(act)


@contextmanager
def running_cloudflare() -> Iterator[FakeCloudflare]:
    """The API on a free port of this machine."""
    fake = FakeCloudflare()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", fake.answer, methods=methods)])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def announce(*arguments: Any, **options: Any) -> None:
        await startup(*arguments, **options)
        started.set()

    server.startup = announce  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    fake.url = f"http://127.0.0.1:{port}/client/v4"
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(10)
