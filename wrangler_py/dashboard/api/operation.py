"""One operation of the API: what it takes, what it does, what it returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from wrangler_py.dashboard.sources import Served, Sources
from wrangler_py.errors import WranglerError

Schema = dict[str, Any]
"""A JSON Schema, as OpenAPI 3.1 has them."""

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
OPTIONAL_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
OPTIONAL_NUMBER: Schema = {"type": ["number", "null"]}


def object_of(**properties: Schema) -> Schema:
    """An object that has exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def map_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


MESSAGE = object_of(message=TEXT)
"""The result of an action without other results."""

LONGEST_LIST = 50


class ApiError(WranglerError):
    """A failure with an HTTP status of its own."""

    def __init__(self, status: HTTPStatus, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a body, or a parameter of the path or the query string.

    `minimum` and `maximum` of a text are its length. With `list`, the value is a list of such values.
    """

    type: type[str] | type[int] | type[float] | type[bool]
    about: str
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    list: bool = False

    def schema(self) -> Schema:
        names: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
        schema: Schema = {"type": names[self.type]}
        least, most = ("minLength", "maxLength") if self.type is str else ("minimum", "maximum")
        if self.minimum is not None:
            schema[least] = self.minimum
        if self.maximum is not None:
            schema[most] = self.maximum
        if self.secret:
            schema["format"] = "password"
            schema["writeOnly"] = True
        if self.choices:
            schema["enum"] = [*self.choices]
        if self.list:
            schema = {"type": "array", "items": schema, "maxItems": LONGEST_LIST}
        return {**schema, "description": self.about}

    def check(self, name: str, value: Any) -> Any:
        """`value`, if it is valid. Raises ApiError otherwise; the message doesn't repeat the value."""
        if not self.list:
            return self._check_one(name, value)
        if not isinstance(value, list) or len(value) > LONGEST_LIST:
            raise self._refusal(name)
        return [self._check_one(name, each) for each in value]

    def _check_one(self, name: str, value: Any) -> Any:
        wanted: tuple[type, ...] = (int, float) if self.type is float else (self.type,)
        fits = isinstance(value, wanted) and (self.type is bool or not isinstance(value, bool))
        if fits and isinstance(value, str):
            fits = (self.minimum or 0) <= len(value) <= (self.maximum or len(value)) and "\0" not in value
            fits = fits and (not self.choices or value in self.choices)
        elif fits and not isinstance(value, bool):
            fits = (self.minimum is None or value >= self.minimum) and (
                self.maximum is None or value <= self.maximum
            )
        if not fits:
            raise self._refusal(name)
        return value

    def _refusal(self, name: str) -> ApiError:
        return ApiError(HTTPStatus.BAD_REQUEST, f"`{name}` is not valid. Expected: {self.about}")

    def read(self, name: str, text: str) -> Any:
        """The value that `text` of a path or a query string stands for. Raises ApiError if it is not valid."""
        try:
            if self.type is bool:
                return {"true": True, "false": False}[text]
            value = text if self.type is str else self.type(text)
        except (ValueError, KeyError):
            raise self._refusal(name) from None
        return self.check(name, value)


Fields = Mapping[str, Field]

BINDING: Fields = {"binding": Field(str, "the name of a binding", required=True, minimum=1, maximum=200)}


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an operation, after its parts were checked."""

    sources: Sources
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def served(self) -> Served:
        """The local Hyperdrive. Raises ApiError for a dashboard without a session."""
        if self.sources.served is None:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "No session runs here. This dashboard shows only the configs.",
                hint="`wrangler-py dev` and `wrangler-py hyperdrive proxy` print the URL of their dashboards.",
            )
        return self.sources.served


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`path` is written as in OpenAPI: `/api/queries/{number}`."""

    method: str
    path: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    returns: Schema
    path_fields: Fields = field(default_factory=dict)
    query_fields: Fields = field(default_factory=dict)
    body_fields: Fields = field(default_factory=dict)


def not_found(what: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, what)
