"""`env` and the objects in it: bindings and variables of the Worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wrangler_py.worker.missing_bindings import product_of, refusal_of
from wrangler_py.worker.platform.current import current_invocation
from wrangler_py.worker.platform.not_emulated import NotEmulated
from wrangler_py.worker.platform.values import JsProxy


class Env(JsProxy):
    """The bindings and variables of one request, as attributes."""

    js_name = "Object"
    illegal_constructor = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = ", ".join(dir(self)) or "none"
        raise AttributeError(
            f"env has no binding or variable named {name!r} (it has: {known}). "
            "Add it to the config file, to .dev.vars, or with --var; "
            "environments do not inherit bindings and vars"
        )

    def __getitem__(self, name: str) -> Any:
        raise TypeError(f"env has attributes, not items: write env.{name}, or getattr(env, name, None)")

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__)

    def __repr__(self) -> str:
        return f"Env({', '.join(dir(self))})"

    def _own_properties(self) -> dict[str, Any]:
        return self.__dict__

    def shared(self, name: str) -> Any:
        """The binding as code keeps it that outlives the request: a Hyperdrive follows the running request."""
        value = getattr(self, name)
        return current_hyperdrive(name) if isinstance(value, Hyperdrive) else value

    @contextmanager
    def patched(self, values: dict[str, Any]) -> Iterator[None]:
        """Change variables for the length of a with block."""
        before = dict(self.__dict__)
        self.__dict__.update(values)
        try:
            yield
        finally:
            self.__dict__.clear()
            self.__dict__.update(before)


def make_env(bindings: dict[str, Any]) -> Env:
    """An `env` with these bindings."""
    env = object.__new__(Env)
    env.__dict__.update(bindings)
    return env


class Hyperdrive(JsProxy):
    """A Hyperdrive binding: how a request reaches the database, made up for this request alone."""

    illegal_constructor = True
    __slots__ = ("__dict__", "_database", "_host", "_password", "_port", "_user")

    _host: str
    _port: int
    _user: str
    _password: str
    _database: str

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int:
        return self._port

    @property
    def user(self) -> str:
        return self._user

    @property
    def password(self) -> str:
        return self._password

    @property
    def database(self) -> str:
        return self._database

    @property
    def connectionString(self) -> str:
        """`postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=disable`."""
        from urllib.parse import quote

        return (
            f"postgresql://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self.host}:{self.port}"
            f"/{quote(self.database, safe='')}?sslmode=disable"
        )

    def connect(self) -> Any:
        """A TCP socket to the database, through Hyperdrive."""
        from wrangler_py.worker.platform.sockets import open_socket

        return open_socket(self.host, self.port, secure_transport="off")

    def __repr__(self) -> str:
        return f"Hyperdrive(host={self.host!r}, port={self.port}, user={self.user!r}, database={self.database!r})"


def hyperdrive(*, host: str, port: int, user: str, password: str, database: str) -> Hyperdrive:
    """The Hyperdrive binding of one request."""
    made = object.__new__(Hyperdrive)
    made._host, made._port, made._user, made._password, made._database = host, port, user, password, database
    return made


class _WatchedHyperdrive(Hyperdrive):
    """A Hyperdrive binding read while the Worker is loaded: it works, and says that it won't for long."""

    js_name = "Hyperdrive"
    illegal_constructor = True
    __slots__ = ("_warn",)

    _warn: Callable[[], None]

    def __getattribute__(self, name: str) -> Any:
        if name in ("_host", "_port", "_user", "_password", "_database"):
            super().__getattribute__("_warn")()
        return super().__getattribute__(name)


def watched_hyperdrive(warn: Callable[[], None], **parts: Any) -> Hyperdrive:
    """A Hyperdrive binding that calls `warn` whenever it is read."""
    made = object.__new__(_WatchedHyperdrive)
    made._warn = warn
    for name, value in parts.items():
        setattr(made, f"_{name}", value)
    return made


class _CurrentHyperdrive(Hyperdrive):
    """A Hyperdrive binding that belongs to whatever request is running."""

    js_name = "Hyperdrive"
    illegal_constructor = True
    __slots__ = ("_binding",)

    _binding: str

    def __getattribute__(self, name: str) -> Any:
        if name in ("_host", "_port", "_user", "_password", "_database"):
            binding = super().__getattribute__("_binding")
            return getattr(getattr(current_invocation(f"env.{binding}").env, binding), name)
        return super().__getattribute__(name)


def current_hyperdrive(binding: str) -> Hyperdrive:
    """A Hyperdrive binding that each request sees as its own."""
    made = object.__new__(_CurrentHyperdrive)
    made._binding = binding
    return made


class Unavailable(NotEmulated):
    """A binding of a kind that is not emulated. It may be passed around, and fails when it is used."""

    __slots__ = ()

    def __init__(self, binding: str, kind: str, on_use: Callable[[], None] | None = None) -> None:
        super().__init__(f"{binding}: {product_of(kind)}", refusal_of(binding, kind), on_use)
