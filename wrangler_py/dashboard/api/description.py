"""The OpenAPI description of the API, made from the operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wrangler_py import __version__
from wrangler_py.dashboard.api.operation import OPTIONAL_TEXT, TEXT, Fields, Operation, Schema, object_of

_ABOUT = (
    "The API of the dashboard's page. Times are Unix seconds, durations milliseconds. "
    "Give the token of the printed URL as a bearer token."
)
_OPENMETRICS, _EVENTS = "application/openmetrics-text", "text/event-stream"
_FAILURES = {
    "400": "The request is not valid; the message says why.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from another site.",
    "404": "Not found.",
    "409": "No session runs here.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The action failed, or is not possible; the message says why.",
    "421": "The Host header is not the dashboard's.",
}
_JSON_FAILURES = frozenset({"400", "404", "409", "413", "415", "422"})


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """The description, as a JSON document."""
    paths: dict[str, dict[str, Any]] = {
        "/metrics": {"get": _text_operation("metrics", "The metrics, as OpenMetrics", _OPENMETRICS)},
        "/api/events": {
            "get": {
                **_text_operation("events", "New queries and pool sizes, as server-sent events", _EVENTS),
                "parameters": [
                    {
                        "name": "after",
                        "in": "query",
                        "description": "Number of the last known query",
                        "schema": {"type": "integer", "minimum": 0, "maximum": 2**53},
                    }
                ],
            }
        },
    }
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "wrangler-py dashboard", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {"Error": object_of(message=TEXT, hint=OPTIONAL_TEXT)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.run.__name__,
        "summary": operation.summary,
        "parameters": [
            *_parameters("path", operation.path_fields),
            *_parameters("query", operation.query_fields),
        ],
        "responses": {"200": _json("Done.", operation.returns), **_failures()},
    }
    if operation.body_fields:
        required = [name for name, each in operation.body_fields.items() if each.required]
        schema: Schema = {
            "type": "object",
            "properties": {name: each.schema() for name, each in operation.body_fields.items()},
            "required": required,
            "additionalProperties": False,
        }
        described["requestBody"] = {
            "required": bool(required),
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _text_operation(id: str, summary: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": TEXT}}
    return {
        "operationId": id,
        "summary": summary,
        "responses": {"200": {"description": "Done.", "content": content}, **_failures()},
    }


def _parameters(place: str, fields: Fields) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": place,
            "required": place == "path" or each.required,
            "description": each.about,
            "schema": each.schema(),
        }
        for name, each in fields.items()
    ]


def _failures() -> dict[str, Any]:
    error = {"$ref": "#/components/schemas/Error"}
    return {
        status: _json(about, error)
        if status in _JSON_FAILURES
        else {"description": about, "content": {"text/plain": {"schema": TEXT}}}
        for status, about in _FAILURES.items()
    }


def _json(about: str, schema: Schema) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}}}
