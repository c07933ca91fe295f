"""The options that `hyperdrive proxy` and `hyperdrive exec` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from wrangler_py.cli import target_argument
from wrangler_py.cli.resolved_options import (
    find_project_config,
    global_options,
    migration_command,
    state_folder,
)
from wrangler_py.cli.shared_options import AllowUnsupported, FailOnStaleRead, Migrate, PersistTo
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits

if TYPE_CHECKING:
    from wrangler_py.cli.condition_options import ConditionArguments
    from wrangler_py.dashboard.sources import ProjectPlace
    from wrangler_py.devserver.local_hyperdrive import Resolve
    from wrangler_py.devserver.standalone import StandaloneOptions
    from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding

Target = Annotated[str | None, target_argument.argument("all bindings of the Worker by default")]
ConnectionString = Annotated[
    str | None,
    typer.Option(
        "--connection-string", help="Database to serve instead: postgres://user:password@host:port/database"
    ),
]
Port = Annotated[
    int,
    typer.Option("--port", min=0, max=65535, help="Port to listen on; any free one by default", show_default=False),
]


class Databases(NamedTuple):
    """The selected databases, the folder of the project (or the current one), that of its local state, and the
    project's config file."""

    resolve: Resolve
    root: Path
    state: Path
    project: ProjectPlace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingArguments:
    """The options of both commands, except for the databases and the login."""

    database: Annotated[
        str | None, typer.Option("--database", help="Another database of the same server", show_default=False)
    ] = None
    any_database: Annotated[
        bool,
        typer.Option(
            "--any-database",
            help="Serve every database of the same server, for test runners that create their own",
        ),
    ] = False
    pool_size: Annotated[
        int | None,
        typer.Option(
            "--pool-size",
            min=1,
            max=limits.ORIGIN_CONNECTION_LIMIT_MAX,
            help="Maximum number of origin connections; the config's limit by default",
            show_default=False,
        ),
    ] = None
    caching_disabled: Annotated[bool, typer.Option("--caching-disabled", help="Do not cache query results")] = False
    log_queries: Annotated[bool, typer.Option("--log-queries", help="Show each query with its cache status")] = (
        False
    )
    fail_on_stale_read: FailOnStaleRead = False
    allow_unsupported: AllowUnsupported = False
    persist_to: PersistTo = None

    migrate: Migrate = None

    def options(
        self,
        databases: Databases,
        conditions: ConditionArguments,
        *,
        port: int,
        password: str | None = None,
        dashboard_port: int | None,
    ) -> StandaloneOptions:
        """The run with these options."""
        from wrangler_py.devserver.standalone import StandaloneOptions
        from wrangler_py.proxy.options import ProxyOptions

        return StandaloneOptions(
            root=databases.root,
            state=databases.state,
            port=port,
            password=password,
            database=self.database,
            pool_size=self.pool_size,
            caching_disabled=self.caching_disabled,
            log_queries=self.log_queries,
            dashboard_port=dashboard_port,
            project=databases.project,
            migrate=migration_command(databases.root, self.migrate),
            report=conditions.query_report(),
            proxy=conditions.add_to(
                ProxyOptions(
                    fail_on_stale_read=self.fail_on_stale_read,
                    serves_tools=True,
                    any_database=self.any_database,
                    allow_unsupported=self.allow_unsupported,
                )
            ),
        )


def databases(target: str | None, connection_string: str | None, persist_to: Path | None) -> Databases:
    """Resolve the arguments. Raises `WranglerError` if they are invalid or exclude each other."""
    from wrangler_py.hyperdrive.binding_resolution import resolve_string
    from wrangler_py.hyperdrive.limits import DEFAULT_BINDING

    given = global_options()
    config = find_project_config(given)
    if config is None and target is None and connection_string is None:
        raise WranglerError(
            "There is no project here that has bindings.",
            hint="Name a config (`wrangler-py hyperdrive list` shows them), give --connection-string, or go to a\n"
            "folder with a wrangler.toml.",
        )
    if connection_string is not None and target is not None:
        raise WranglerError("Give a config or binding, or --connection-string, not both.", exit_status=2)
    if connection_string is None:
        target_argument.find(target, config, given)  # once, since `resolve` runs again whenever a config changes
    root = given.cwd if config is None else config.root

    def resolve() -> Sequence[ResolvedBinding]:
        if connection_string is not None:
            return (resolve_string(DEFAULT_BINDING, connection_string, "--connection-string"),)
        return [each.resolve() for each in target_argument.find(target, config, given, quiet=True)]

    from wrangler_py.dashboard.sources import ProjectPlace

    project = None if config is None else ProjectPlace(config.path.resolve(), given.environment)
    return Databases(resolve, root, state_folder(root, given.cwd, persist_to), project)
