"""`env`: the bindings and variables of the Worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wrangler_py.worker.sdk.workers._current import current_invocation


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


_UNAVAILABLE = {
    "kv_namespaces": "Workers KV",
    "d1_databases": "D1",
    "r2_buckets": "R2",
    "durable_objects": "Durable Objects",
    "queues": "Queues",
    "workflows": "Workflows",
    "services": "Service bindings",
    "ai": "Workers AI",
    "vectorize": "Vectorize",
    "browser": "Browser Rendering",
    "analytics_engine_datasets": "Analytics Engine",
    "assets": "Static assets",
    "send_email": "Email",
    "images": "Images",
}


class NotEmulatedError(NotImplementedError):
    """A part of the platform that wrangler-py has no local version of was used."""


class Unavailable:
    """A binding of a kind that is not emulated: it may be named and passed around, and fails when it is used."""

    __slots__ = ("_binding", "_kind")

    def __init__(self, binding: str, kind: str) -> None:
        self._binding = binding
        self._kind = kind

    def _refuse(self) -> NotEmulatedError:
        product = _UNAVAILABLE.get(self._kind, self._kind)
        return NotEmulatedError(
            f"env.{self._binding} is a {product} binding, and wrangler-py emulates Hyperdrive alone. "
            "Run this route with `pywrangler dev`, or guard the code while you develop without it"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refuse()

    def __getitem__(self, key: object) -> Any:
        raise self._refuse()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._refuse()

    def __repr__(self) -> str:
        return f"<{self._binding}: {_UNAVAILABLE.get(self._kind, self._kind)}, not emulated>"


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
