"""Building the `env` that a request, or the global scope, sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from wrangler_py.worker.launch import HyperdriveEndpoint, Launch
from wrangler_py.worker.not_emulated import FirstUses
from wrangler_py.worker.sdk.workers._env import Assets, Env, Hyperdrive, Unavailable

if TYPE_CHECKING:
    from wrangler_py.worker.assets.site import StaticSite

_READS = frozenset({"connectionString", "host", "port", "user", "password", "database"})


class GlobalScopeHyperdrive(Hyperdrive):
    """A Hyperdrive binding read while the Worker is loaded: it works, and says that it won't for long."""

    __slots__ = ("_warn",)

    def __init__(self, *, warn: Callable[[], None], **parts: Any) -> None:
        super().__init__(**parts)
        self._warn = warn

    def __getattribute__(self, name: str) -> Any:
        if name in _READS:
            super().__getattribute__("_warn")()
        return super().__getattribute__(name)


class EnvironmentBuilder:
    """Makes an `Env` for each request of one generation."""

    def __init__(
        self,
        launch: Launch,
        warn: Callable[[str], None],
        site: StaticSite | None,
        where: Callable[[], str | None],
    ) -> None:
        self._launch = launch
        self._warn = warn
        self._warned: set[str] = set()
        uses = FirstUses(warn, where)
        self._static: dict[str, Any] = {
            **{name: _as_platform_value(value) for name, value in launch.vars.items()},
            **{
                name: Unavailable(name, kind, partial(uses.note, name, kind))
                for name, kind in launch.unavailable.items()
            },
        }
        if site is not None and site.settings.binding is not None:
            from wrangler_py.worker.assets.binding import fetch_asset

            self._static[site.settings.binding] = Assets(partial(fetch_asset, site))

    def for_request(self, request: str) -> Env:
        """The env of one request; `request` is its id, `GENERATION-NUMBER`."""
        return Env(
            self._static
            | {
                binding: Hyperdrive(**self._parts(binding, endpoint, request))
                for binding, endpoint in self._launch.hyperdrive.items()
            }
        )

    def for_global_scope(self) -> Env:
        """The env that code at module level sees: its database connections belong to no request."""
        request = f"{self._launch.generation}-0"
        bindings: dict[str, Any] = {}
        for binding, endpoint in self._launch.hyperdrive.items():
            parts = self._parts(binding, endpoint, request)
            if self._launch.allow_global_clients:
                bindings[binding] = Hyperdrive(**parts)
            else:
                bindings[binding] = GlobalScopeHyperdrive(warn=lambda name=binding: self._warn_once(name), **parts)  # type: ignore[misc]
        return Env(self._static | bindings)

    def _parts(self, binding: str, endpoint: HyperdriveEndpoint, request: str) -> dict[str, Any]:
        return {
            "host": endpoint.host,
            "port": endpoint.port,
            "user": f"{binding}.{request}",
            "password": endpoint.password,
            "database": endpoint.database,
        }

    def _warn_once(self, binding: str) -> None:
        if binding not in self._warned:
            self._warned.add(binding)
            self._warn(
                f"env.{binding} was read at module level. A database client belongs to one request: connect "
                "inside the handler, or the next request finds the connection closed "
                "(--allow-global-clients turns this off)"
            )


def _as_platform_value(value: Any) -> Any:
    """Text stays text; a JSON value that is an object or a list comes as a JavaScript one, as on the platform."""
    if isinstance(value, dict | list):
        from wrangler_py.worker.sdk.js._values import from_json_value

        return from_json_value(value)
    return value
