"""The ASGI application: the page's files, the API's operations, the stream of events, the metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from wrangler_py.dashboard.api.description import describe
from wrangler_py.dashboard.api.operation import ApiError, Call, Operation
from wrangler_py.dashboard.api.operations import OPERATIONS
from wrangler_py.dashboard.events import stream
from wrangler_py.dashboard.openmetrics import CONTENT_TYPE, exposition
from wrangler_py.dashboard.sources import Sources
from wrangler_py.errors import WranglerError
from wrangler_py.masking import mask

STATIC = Path(__file__).with_name("static")
_LARGEST_BODY = 2 * 1024 * 1024


def new_app(sources: Sources, closing: asyncio.Event) -> Starlette:
    """The application, for `AccessControl` to guard."""

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-store"})

    async def metrics(_: Request) -> Response:
        return Response(exposition(sources), headers={"content-type": CONTENT_TYPE})

    async def events(request: Request) -> Response:
        return StreamingResponse(stream(sources, _last_known(request), closing), media_type="text/event-stream")

    async def description(_: Request) -> Response:
        return JSONResponse(describe(OPERATIONS))

    routes: list[BaseRoute] = [
        Route("/", page),
        Route("/metrics", metrics),
        Route("/api/events", events),
        Route("/api/openapi.json", description),
        *_api_routes(sources),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers = {WranglerError: _failed, HTTPException: _http_failed}
    return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]


def _api_routes(sources: Sources) -> list[Route]:
    """A route for each path, with the operations of all its methods."""
    by_path: dict[str, dict[str, Operation]] = {}
    for each in OPERATIONS:
        by_path.setdefault(each.path, {})[each.method] = each

    def endpoint(operations: Mapping[str, Operation]) -> Any:
        async def run(request: Request) -> Response:
            operation = operations["GET" if request.method == "HEAD" else request.method]
            path, query = _path(operation, request), _query(operation, request)
            call = Call(sources, path, query, await _body(operation, request))
            return JSONResponse(await operation.run(call))

        return run

    return [Route(path, endpoint(operations), methods=[*operations]) for path, operations in by_path.items()]


def _path(operation: Operation, request: Request) -> Mapping[str, Any]:
    try:
        return {name: operation.path_fields[name].read(name, text) for name, text in request.path_params.items()}
    except ApiError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, error.message) from None


def _query(operation: Operation, request: Request) -> Mapping[str, Any]:
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in operation.query_fields:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"This operation has no parameter `{name[:100]}`.")
        if name in given:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"The parameter `{name}` is given twice.")
        given[name] = operation.query_fields[name].read(name, text)
    for name, each in operation.query_fields.items():
        if each.required and name not in given:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"`{name}` is missing: {each.about}")
    return given


async def _body(operation: Operation, request: Request) -> Mapping[str, Any]:
    if request.method in ("GET", "HEAD"):
        return {}
    octets = b""
    async for chunk in request.stream():
        octets += chunk
        if len(octets) > _LARGEST_BODY:
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 2 MB.")
    if not octets:
        given = {}
    else:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ApiError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with the header `Content-Type: application/json`.",
            )
        try:
            given = json.loads(octets)
        except (ValueError, RecursionError):
            raise ApiError(HTTPStatus.BAD_REQUEST, "The body is not valid JSON.") from None
    if not isinstance(given, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    for name in given:
        if name not in operation.body_fields:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"The body of this operation has no member `{name[:100]}`.")
    for name, each in operation.body_fields.items():
        if name in given:
            each.check(name, given[name])
        elif each.required:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"`{name}` is missing: {each.about}")
    return given


def _last_known(request: Request) -> int:
    """The number of the last query that the client has. A browser sends it when it connects again."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ApiError(HTTPStatus.BAD_REQUEST, "`after` is not valid. Expected: the number of a query")
    return int(text)


async def _failed(_: Request, error: WranglerError) -> Response:
    status = error.status if isinstance(error, ApiError) else HTTPStatus.UNPROCESSABLE_ENTITY
    hint = None if error.hint is None else mask(error.hint)
    return JSONResponse({"message": mask(error.message), "hint": hint}, status)


async def _http_failed(_: Request, error: HTTPException) -> Response:
    is_unknown = error.status_code == HTTPStatus.NOT_FOUND
    hint = "/api/openapi.json lists the operations of the API." if is_unknown else None
    return JSONResponse({"message": error.detail, "hint": hint}, error.status_code, error.headers)
