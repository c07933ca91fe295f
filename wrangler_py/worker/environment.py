"""Building the `env` that a request, or the global scope, sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from wrangler_py.worker.bindings import Env, Unavailable, hyperdrive, make_env, watched_hyperdrive
from wrangler_py.worker.missing_bindings import FirstUses
from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.values import js_object, jsnull
from wrangler_py.worker_protocol import HyperdriveEndpoint, Launch

if TYPE_CHECKING:
    from wrangler_py.worker.assets.site import StaticSite


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
            from wrangler_py.worker.asset_fetcher import asset_fetcher

            self._static[site.settings.binding] = asset_fetcher(site)

    def for_request(self, request: str) -> Env:
        """The env of one request; `request` is its id, `GENERATION-NUMBER`."""
        return make_env(
            self._static
            | {
                binding: hyperdrive(**self._parts(binding, endpoint, request))
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
                bindings[binding] = hyperdrive(**parts)
            else:
                bindings[binding] = watched_hyperdrive(partial(self._warn_once, binding), **parts)
        return make_env(self._static | bindings)

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
    if value is None:
        return jsnull
    if isinstance(value, dict):
        return js_object({name: _as_platform_value(item) for name, item in value.items()})
    if isinstance(value, list):
        return js_array([_as_platform_value(item) for item in value])
    return value
