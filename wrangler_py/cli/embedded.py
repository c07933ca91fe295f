"""`wrangler-py embedded`: the project's embedded PostgreSQL and its databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.arguments_after_dashes import ArgumentsAfterDashes
from wrangler_py.cli.resolved_options import (
    global_options,
    migration_command,
    project_config,
    state_folder,
)
from wrangler_py.cli.shared_options import Migrate, PersistTo, Yes
from wrangler_py.cli.typer_adapter import App, spread_options
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.devserver.embedded import EmbeddedPostgres
    from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding

app = App("embedded", help="Inspect, reset and snapshot the embedded PostgreSQL.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the snapshot")]
Force = Annotated[bool, typer.Option("--force", help="Close connections of other programs to the database")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The databases that a command works on."""

    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="Only this database; by default, those of all bindings", show_default=False
        ),
    ] = None
    persist_to: PersistTo = None

    @property
    def state(self) -> Path:
        return _state(self.persist_to)

    def bindings(self) -> tuple[ResolvedBinding, ...]:
        """The project's bindings to the embedded PostgreSQL. Raises WranglerError if there is none."""
        from wrangler_py.devserver.targets import resolve_bindings
        from wrangler_py.hyperdrive.binding_resolution import EmbeddedDatabase
        from wrangler_py.project.variables import environment_variables

        given = global_options()
        config = project_config(given)
        environ = environment_variables(config.root, given.environment, env_files=given.env_files)
        section = config.section(given.environment)
        found = [
            each
            for each in resolve_bindings(section, environ)
            if isinstance(each.database, EmbeddedDatabase) and self.database in (None, each.database.name)
        ]
        if not found:
            which = f"the database {self.database} of " if self.database else ""
            raise WranglerError(
                f"No binding of {config.path.name} uses {which}the embedded PostgreSQL.",
                hint="A binding uses it unless it has a local connection string or a config with another database.",
            )
        return tuple(found)

    def names(self) -> list[str]:
        """The names of these databases."""
        from wrangler_py.devserver.origins import embedded_databases

        return [self.database] if self.database is not None else list(embedded_databases(self.bindings()))


@app.command()
def status(persist_to: PersistTo = None) -> None:
    """Show the state and the databases of the server."""
    from wrangler_py.devserver.embedded_tool import read_status

    found = read_status(_state(persist_to))
    if found.data is None:
        printing.out(f"There is no data yet in {found.folder}. `wrangler-py dev` creates it.")
        return
    printing.out(f"PostgreSQL {found.version}, {'running' if found.running else 'not running'}")
    printing.out(f"Data         {found.data} ({_size(found.bytes)})")
    printing.out(f"Log          {found.folder / 'log'}")
    if found.running:
        printing.out(f"Socket       {found.host}, port {found.port}, user postgres")
        printing.out(f"Password     in {found.folder / 'password'}")
    else:
        printing.out("It runs while `dev`, `hyperdrive proxy`, `hyperdrive exec` or a test run uses it.")
    printing.out("Connect      wrangler-py embedded psql, or by TCP: wrangler-py hyperdrive proxy")
    if found.databases:
        printing.table(("Database", "Size"), [(each.name, _size(each.bytes)) for each in found.databases])
    if found.snapshots:
        _show_snapshots(found.snapshots)


@app.command()
@spread_options
def reset(yes: Yes = False, force: Force = False, migrate: Migrate = None, *, place: Place) -> None:
    """Replace the database with a new one.

    Runs schema.sql, the migration command and seed.sql in the new one. If one of them fails, the old data stays.
    """
    from wrangler_py.devserver import embedded_tool

    root = project_config(global_options()).root
    bindings = place.bindings()
    names = place.names()
    listed = ", ".join(names)
    _confirm(f"Delete all data in {listed} and start again?", yes)
    command = migration_command(root, migrate)
    with _running(place.state) as server:
        run = None if command is None else _migration(command, bindings, server, root)
        embedded_tool.reset(server, names, root, run, force=force)
    printing.success(f"Reset {listed}")


@app.command()
@spread_options
def snapshot(name: Name, force: Force = False, *, place: Place) -> None:
    """Save a copy of the database under a name.

    If there is a snapshot of that name, the new one replaces it.
    """
    from wrangler_py.devserver import embedded_tool

    embedded_tool.check_snapshot_name(name)
    names = place.names()
    with _running(place.state) as server:
        replaced = embedded_tool.take_snapshot(server, names, name, force=force)
    rest = f", replacing that of {replaced}" if replaced is not None else ""
    printing.success(f"Saved {', '.join(names)} to snapshot {name}{rest}")


@app.command()
@spread_options
def restore(name: Name, force: Force = False, *, place: Place) -> None:
    """Restore the database from a snapshot."""
    from wrangler_py.devserver import embedded_tool

    names = place.names()
    with _running(place.state) as server:
        restored = embedded_tool.restore(server, names, name, force=force)
    printing.success(f"Restored {', '.join(restored)} from snapshot {name}")


@app.command()
def snapshots(persist_to: PersistTo = None) -> None:
    """List the snapshots."""
    from wrangler_py.devserver import embedded_tool

    with _running(_state(persist_to)) as server, embedded_tool.administration(server) as connection:
        found = embedded_tool.snapshots(connection)
    if not found:
        printing.info("There are no snapshots. Create one with `wrangler-py embedded snapshot NAME`.")
        return
    _show_snapshots(found)


@app.command()
def delete(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of the snapshot")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All data of the embedded PostgreSQL, instead of a snapshot")
    ] = False,
    yes: Yes = False,
    persist_to: PersistTo = None,
) -> None:
    """Delete a snapshot, or all data."""
    from wrangler_py.devserver import embedded_tool
    from wrangler_py.devserver.embedded import EmbeddedPostgres, server_folder, tests_state

    state = _state(persist_to)
    if name is None and not everything:
        raise WranglerError("Give the name of a snapshot, or --all to delete all data.", exit_status=2)
    if name is not None and everything:
        raise WranglerError("Give the name of a snapshot or --all, not both.", exit_status=2)
    if name is None:
        places = [place for place in (state, tests_state(state)) if server_folder(place).exists()]
        if not places:
            printing.info(f"There is no data in {server_folder(state)}.")
            return
        _confirm("Delete all databases and snapshots of the embedded PostgreSQL?", yes)
        for place in places:
            EmbeddedPostgres.remove(place)
            printing.success(f"Deleted {server_folder(place)}")
        return
    with _running(state) as server:
        embedded_tool.delete_snapshot(server, name)
    printing.success(f"Deleted snapshot {name}")


class _PsqlCommand(ArgumentsAfterDashes):
    USAGE = "[-- ARGUMENTS...]"


@app.command(cls=_PsqlCommand)
def psql(
    context: typer.Context,
    database: Annotated[
        str | None,
        typer.Argument(metavar="DATABASE", help="By default, that of the first binding", show_default=False),
    ] = None,
    persist_to: PersistTo = None,
) -> None:
    """Open psql. What follows `--` goes to psql."""
    from wrangler_py.devserver.embedded_psql import run_psql
    from wrangler_py.devserver.embedded_tool import read_status

    given = global_options()
    if given.config is not None and not given.config.exists() and not context.args:
        raise WranglerError(
            f"No such config file: {given.config}",
            hint="-c is --config here. Options of psql go after `--`: wrangler-py embedded psql -- -c SQL",
        )
    state = _state(persist_to)
    if database is None:
        database = Place(persist_to=persist_to).names()[0]
    else:
        found = read_status(state)
        known = [each.name for each in found.databases]
        known += [f"{each.database}@{each.name}" for each in found.snapshots]
        if database not in known:
            raise WranglerError(
                f"The embedded PostgreSQL has no database {database!r}.",
                hint=f"Databases: {', '.join(known) or 'none yet; `wrangler-py dev` creates them'}",
            )
    with _running(state) as server:
        status = run_psql(server, database, context.args, cwd=given.cwd)
    raise typer.Exit(status)


def _state(persist_to: Path | None) -> Path:
    given = global_options()
    return state_folder(project_config(given).root, given.cwd, persist_to)


@contextmanager
def _running(state: Path) -> Iterator[EmbeddedPostgres]:
    """The server of `state`, started if it does not run; it stops again if nothing else uses it."""
    from wrangler_py.devserver.embedded import EmbeddedPostgres
    from wrangler_py.devserver.embedded_tool import holding

    with holding(EmbeddedPostgres.start(state)) as server:
        yield server


def _migration(command: str, bindings: tuple[ResolvedBinding, ...], server: EmbeddedPostgres, root: Path) -> Any:
    import asyncio

    from wrangler_py.devserver.migration import migrate
    from wrangler_py.hyperdrive.binding_resolution import EmbeddedDatabase

    pools = {
        each.binding: each.database.pool_config(server.origin(each.database.name), each.config)
        for each in bindings
        if isinstance(each.database, EmbeddedDatabase)
    }

    def run(databases: Mapping[str, str]) -> None:
        printing.info(f"Running: {command}")
        asyncio.run(migrate(command, pools, root, databases=databases))

    return run


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not printing.is_interactive():
        raise WranglerError(
            "This command deletes data and asks first, but there is no terminal to ask on.",
            hint="Use --yes to skip the question.",
        )
    if not printing.confirm(question, False):
        raise WranglerError("Nothing was changed.")


def _show_snapshots(found: Any) -> None:
    rows = [(each.name, each.database, each.made_at, _size(each.bytes)) for each in found]
    printing.table(("Snapshot", "Database", "Created", "Size"), rows)


def _size(number: int) -> str:
    return f"{number / 1_000_000:.1f} MB"
