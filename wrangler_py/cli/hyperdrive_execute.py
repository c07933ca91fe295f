"""`wrangler-py hyperdrive execute`: SQL at the origin of a config or binding."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wrangler_py.cli import printing, target_argument
from wrangler_py.cli.resolved_options import find_project_config, global_options, state_folder
from wrangler_py.cli.shared_options import AsJSON, PersistTo
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from psycopg import Cursor
    from psycopg.errors import Diagnostic

    from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
    from wrangler_py.hyperdrive.config import Origin, PoolConfig

NULL = "NULL"

_BOOLEAN, _JSON_TYPES = 16, frozenset({114, 3802})
_INTEGERS, _FLOATS = frozenset({20, 21, 23, 26}), frozenset({700, 701})
"""Type OIDs, fixed in PostgreSQL's catalog (pg_type.dat)."""


def execute(
    target: Annotated[str | None, target_argument.argument("the Worker's only binding by default")] = None,
    command: Annotated[str | None, typer.Option("--command", help="SQL to run")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="File of SQL to run, or - for standard input")] = None,
    as_json: AsJSON = False,
    persist_to: PersistTo = None,
) -> None:
    """Run SQL at the origin of a config or binding.

    It stops at the first error, shows the statement that failed, and exits with status 1.
    """
    from wrangler_py.hyperdrive import limits
    from wrangler_py.hyperdrive.connection_test import check_name_resolves, explain
    from wrangler_py.hyperdrive.psycopg_connection import connect
    from wrangler_py.hyperdrive.script import run, split

    script, source = _script(command, file)
    if not split(script):
        raise WranglerError(f"There is no statement to run in {source}.", exit_status=2)
    with _pool(target, persist_to) as pool:
        import psycopg

        origin = pool.origin
        check_name_resolves(origin)
        with contextlib.ExitStack() as stack:
            try:
                timeout_s = pool.connect_timeout_s or limits.CONNECT_TIMEOUT_S
                connection = stack.enter_context(
                    connect(origin, pool.tls, timeout_s=timeout_s, options=pool.options)
                )
            except psycopg.Error as error:
                raise explain(error, origin, pool.source) from None
            connection.add_notice_handler(_print_notice)
            results: list[dict[str, Any]] = []
            try:
                for cursor in run(connection, script, source):
                    if as_json:
                        results.append(_as_json(cursor))
                    else:
                        _print(cursor)
                if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                    raise WranglerError(
                        "The SQL left a transaction open; it was rolled back.",
                        hint="End the transaction with COMMIT.",
                    )
            finally:
                _note_execution(origin, script)
                if as_json:
                    printing.out(json.dumps(results, indent=2, ensure_ascii=False))


def _note_execution(origin: Origin, script: str) -> None:
    """Tell running sessions that their cached answers may be out of date."""
    from wrangler_py.hyperdrive.execution_log import ExecutionLog
    from wrangler_py.sql.analyse import analyse

    facts = analyse(script)
    if not facts.read_only or facts.writes_unknown or facts.unknown_functions:
        # If the store cannot be written, no session can be told.
        with contextlib.suppress(WranglerError):
            ExecutionLog().record(origin)


def _script(command: str | None, file: Path | None) -> tuple[str, str]:
    """The SQL, and the name of its source for errors."""
    if command is None and file is None:
        raise WranglerError(
            "Give the SQL to run with --command SQL or --file FILE.",
            hint="--file - reads it from standard input.",
            exit_status=2,
        )
    if command is not None and file is not None:
        raise WranglerError("Give --command or --file, not both.", exit_status=2)
    if command is not None:
        from wrangler_py.hyperdrive.connection_string import check_text

        check_text(command, "command")
        return command, "command"
    assert file is not None
    from_pipe = file == Path("-")
    source = "standard input" if from_pipe else str(file)
    try:
        if from_pipe:
            return sys.stdin.buffer.read().decode("utf-8-sig"), source
        return (global_options().cwd / file).read_text(encoding="utf-8-sig"), source
    except UnicodeDecodeError:
        raise WranglerError(f"{source} is not UTF-8 text.") from None


@contextlib.contextmanager
def _pool(target: str | None, persist_to: Path | None) -> Iterator[PoolConfig]:
    """The database of `target`. The embedded PostgreSQL runs at least until the block ends."""
    from wrangler_py.hyperdrive.config import PoolConfig

    resolved, root = _resolve(target)
    database = resolved.database
    if isinstance(database, PoolConfig):
        yield database
        return
    from wrangler_py.devserver.embedded import EmbeddedPostgres

    embedded = EmbeddedPostgres.start(state_folder(root, global_options().cwd, persist_to))
    try:
        yield database.pool_config(embedded.origin(database.name), resolved.config)
    finally:
        embedded.stop()


def _resolve(target: str | None) -> tuple[ResolvedBinding, Path]:
    """`target` as a binding of the Worker's config file, else as a config; and the project's folder.

    None means the only binding there is.
    """
    options = global_options()
    config_file = find_project_config(options)
    if target is None and config_file is None:
        raise WranglerError(
            "There is no project here that has a binding.",
            hint="Name a config (`wrangler-py hyperdrive list` shows them), or go to the project's folder.",
        )
    resolved = target_argument.only(target_argument.find(target, config_file, options)).resolve()
    if resolved.ignored_parameters:
        printing.warn(
            f"These parameters of the connection string ({resolved.source}) have no effect: "
            f"{', '.join(resolved.ignored_parameters)}"
        )
    return resolved, options.cwd if config_file is None else config_file.root


def _print(cursor: Cursor[Any]) -> None:
    columns, rows = _columns(cursor), _rows(cursor)
    if columns is None:
        printing.out(cursor.statusmessage or "")
        return
    printing.table(columns, [[NULL if cell is None else cell for cell in row] for row in rows])
    printing.out(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}")


def _as_json(cursor: Cursor[Any]) -> dict[str, Any]:
    """One statement's outcome: its command tag, and the rows as objects if it returns any."""
    outcome: dict[str, Any] = {"command": cursor.statusmessage or ""}
    columns = _columns(cursor)
    if columns is not None:
        assert cursor.pgresult is not None
        types = [cursor.pgresult.ftype(index) for index in range(len(columns))]
        names = _distinct(columns)
        outcome["results"] = [
            {name: _json_value(cell, oid) for name, cell, oid in zip(names, row, types, strict=True)}
            for row in _rows(cursor)
        ]
    return outcome


def _columns(cursor: Cursor[Any]) -> list[str] | None:
    if cursor.description is None:
        return None
    return [column.name for column in cursor.description]


def _rows(cursor: Cursor[Any]) -> list[list[str | None]]:
    """The rows as the server wrote them: text, None for NULL."""
    result = cursor.pgresult
    assert result is not None
    return [
        [
            None if (value := result.get_value(row, column)) is None else bytes(value).decode()
            for column in range(result.nfields)
        ]
        for row in range(result.ntuples)
    ]


def _json_value(text: str | None, oid: int) -> Any:
    """JSON's own type where it can hold the value exactly, else PostgreSQL's text."""
    if text is None:
        return None
    if oid == _BOOLEAN:
        return text == "t"
    if oid in _INTEGERS:
        return int(text)
    if oid in _FLOATS and text not in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    if oid in _JSON_TYPES:
        return json.loads(text)
    return text


def _distinct(names: list[str]) -> list[str]:
    """`names` with numbers added to the repeated ones, which an object could not hold."""
    distinct: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in distinct:
            count += 1
            candidate = f"{name}_{count}"
        distinct.append(candidate)
    return distinct


def _print_notice(diagnostic: Diagnostic) -> None:
    printing.info(f"{diagnostic.severity}: {diagnostic.message_primary}")
