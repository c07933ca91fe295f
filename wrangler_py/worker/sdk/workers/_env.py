"""`env`: the bindings and variables of the Worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

from wrangler_py.worker.not_emulated import product_of, refusal_of
from wrangler_py.worker.sdk.workers._body import Body
from wrangler_py.worker.sdk.workers._current import current_invocation
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._not_emulated import NotEmulated
from wrangler_py.worker.sdk.workers._request import FetchKwargs, Request
from wrangler_py.worker.sdk.workers._response import NULL_BODY_STATUSES, Response


class Env:
    """The Worker's bindings, as attributes. `wrangler-py types` writes its exact type for a project."""

    def __init__(self, bindings: dict[str, Any]) -> None:
        self.__dict__.update(bindings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = ", ".join(sorted(self.__dict__)) or "none"
        raise AttributeError(
            f"env has no binding or variable named {name!r} (it has: {known}). "
            "Add it to the config file, to .dev.vars, or with --var; "
            "[env.NAME] inherits neither bindings nor vars"
        )

    def __getitem__(self, name: str) -> Any:
        raise TypeError(f"env has attributes, not items: write env.{name}, or getattr(env, name, None)")

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__)

    def __repr__(self) -> str:
        return f"Env({', '.join(sorted(self.__dict__))})"


class Hyperdrive:
    """A Hyperdrive binding: how this request reaches the database, made up for this request alone."""

    __slots__ = ("database", "host", "password", "port", "user")

    host: str
    port: int
    user: str
    password: str
    database: str

    def __init__(self, *, host: str, port: int, user: str, password: str, database: str) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database

    @property
    def connectionString(self) -> str:
        """`postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=disable`."""
        from urllib.parse import quote

        return (
            f"postgresql://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self.host}:{self.port}"
            f"/{quote(self.database, safe='')}?sslmode=disable"
        )

    def connect(self) -> Any:
        """Not available in a Python Worker: a driver connects with `connectionString`."""
        raise NotImplementedError(
            "Hyperdrive's connect() gives a JavaScript socket. In a Python Worker give connectionString "
            "to a driver: psycopg.connect(env.BINDING.connectionString)"
        )

    def __repr__(self) -> str:
        return f"Hyperdrive(host={self.host!r}, port={self.port}, user={self.user!r}, database={self.database!r})"


class Unavailable(NotEmulated):
    """A binding of a kind that is not emulated."""

    __slots__ = ()

    def __init__(self, binding: str, kind: str, on_use: Callable[[], None] | None = None) -> None:
        super().__init__(f"{binding}: {product_of(kind)}", refusal_of(binding, kind), on_use)


class Assets:
    """The binding of static assets."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: Any) -> None:
        self._fetch = fetch

    async def fetch(self, resource: str | Request, **options: Unpack[FetchKwargs]) -> Response:
        """The response for a file: of the URL's path, whatever its host is."""
        request = Request(resource, **options)
        answer, url, redirected = self._fetch(
            request._method, request.url, request._headers._pairs, request.redirect
        )
        body = Body(content=answer.content) if answer.status not in NULL_BODY_STATUSES else None
        return Response._assemble(
            answer.status, Headers._of_pairs(answer.headers), body, url=url, redirected=redirected
        )

    def __repr__(self) -> str:
        return "Assets()"


class CurrentEnv:
    """`workers.env`: stands for the env of the request that the running code belongs to."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(current_invocation("workers.env").env, name)

    def __dir__(self) -> list[str]:
        return dir(current_invocation("workers.env").env)

    def __repr__(self) -> str:
        return repr(current_invocation("workers.env").env)


@contextmanager
def patch_env(values: dict[str, Any] | Sequence[tuple[str, Any]] | None = None, **kwds: Any) -> Iterator[None]:
    """Change variables of `workers.env` for the length of a with block, in this request alone."""
    env = current_invocation("patch_env").env
    before = dict(env.__dict__)
    env.__dict__.update(dict(values or {}) | kwds)
    try:
        yield
    finally:
        env.__dict__.clear()
        env.__dict__.update(before)
