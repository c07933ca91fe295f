"""`wrangler-py hyperdrive explain`: tells whether Hyperdrive runs and caches a query, and why not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from wrangler_py.cli import printing, target_argument
from wrangler_py.cli.resolved_options import find_project_config, global_options
from wrangler_py.cli.shared_options import AsJSON
from wrangler_py.errors import WranglerError
from wrangler_py.terminal_text import printable

if TYPE_CHECKING:
    from wrangler_py.cache.verdict import Verdict
    from wrangler_py.hyperdrive.config import Caching
    from wrangler_py.session.sql_text import Refusal
    from wrangler_py.sql.facts import SQLFacts

NOT_CACHEABLE = 3
"""Exit status for a query that is not cached."""

_CONTEXT = 60
"""Characters of a long line shown before and after the underlined part."""


def explain(
    sql: Annotated[str | None, typer.Argument(metavar="SQL", help="The query, or - for standard input")] = None,
    target: Annotated[str | None, target_argument.argument("Hyperdrive's defaults without one")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="File with the query; CONFIG or BINDING may follow it")
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Tell whether Hyperdrive caches a query, and why not.

    Exits with status 3 if the query is not cached.
    """
    from wrangler_py.cache.verdict import DISABLED
    from wrangler_py.session.sql_text import TRANSACTION_LOCK_NOTE, SQLText

    if file is not None:
        if target is not None:
            raise WranglerError("Give the SQL or --file FILE, not both.", exit_status=2)
        sql, target = None, sql
    text = _text(sql, file)
    config = _config(target)
    known = SQLText(text.encode("utf-8", "surrogateescape"))
    facts, refusal = known.facts, known.refusal
    verdict = DISABLED if config.caching.disabled else known.verdict
    note = TRANSACTION_LOCK_NOTE if known.takes_transaction_lock else None
    if as_json:
        found = {**_as_json(text, facts, verdict, refusal, config), "note": note}
        printing.out(json.dumps(found, indent=2, ensure_ascii=False))
    elif refusal is not None:
        _print_refusal(refusal)
    else:
        _print(text, facts, verdict, config)
        if note is not None:
            printing.out(f"  {'note':<14}{note}")
    if refusal is not None or not verdict.cacheable:
        raise typer.Exit(NOT_CACHEABLE)


class _Config(NamedTuple):
    """The caching settings that apply, and a name for their source."""

    caching: Caching
    name: str | None


def _text(sql: str | None, file: Path | None) -> str:
    if file is not None or sql == "-":
        octets = sys.stdin.buffer.read() if file is None else (global_options().cwd / file).read_bytes()
        try:
            return octets.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise WranglerError(f"{file or 'Standard input'} is not UTF-8 text.") from None
    if sql is None:
        raise WranglerError(
            "There is no SQL to explain.",
            hint="Give it as the argument, with --file FILE, or - to read it from standard input.",
            exit_status=2,
        )
    return sql


def _config(target: str | None) -> _Config:
    """The caching of the binding or config `target`; the defaults if None."""
    from wrangler_py.hyperdrive.config import Caching
    from wrangler_py.hyperdrive.config_store import UnknownConfigError

    if target is None:
        return _Config(Caching(), None)
    given = global_options()
    try:
        found = target_argument.only(target_argument.find(target, find_project_config(given), given))
    except UnknownConfigError as error:
        if " " not in target:
            raise
        raise WranglerError(
            "This is not a config or binding. The query comes first, then the config.",
            hint=error.hint,
            exit_status=2,
        ) from None
    config = found.config
    return _Config(config.caching, config.name) if config else _Config(Caching(), None)


def _change(verdict: Verdict, config: _Config) -> str | None:
    from wrangler_py.cache.verdict import DISABLED

    if verdict is DISABLED:
        return f"turn it on with `wrangler-py hyperdrive update {config.name} --caching-disabled=false`"
    return verdict.change


def _as_json(
    text: str, facts: SQLFacts, verdict: Verdict, refusal: Refusal | None, config: _Config
) -> dict[str, Any]:
    found = None
    if verdict.position is not None:
        line = text.count("\n", 0, verdict.position) + 1
        column = verdict.position - text.rfind("\n", 0, verdict.position)
        found = {"offset": verdict.position, "line": line, "column": column}
    caching = config.caching
    return {
        "refused": refusal is not None,
        "cacheable": verdict.cacheable,
        "status": verdict.status.value if verdict.status else "hit",
        "reason": refusal.message if refusal else verdict.cause,
        "change": refusal.hint if refusal else _change(verdict, config),
        "function": verdict.function,
        "position": found,
        "max_age": None if caching.disabled else caching.max_age,
        "stale_while_revalidate": None if caching.disabled else caching.stale_while_revalidate,
        "config": config.name,
        "tables": sorted(facts.tables_read),
        "unknown_functions": sorted(facts.unknown_functions),
    }


def _print_refusal(refusal: Refusal) -> None:
    printing.out(f"{printing.style('refused', 'red', 'bold')}: {refusal.message}")
    printing.out(f"  {'change':<14}{refusal.hint}")


def _print(text: str, facts: SQLFacts, verdict: Verdict, config: _Config) -> None:
    if verdict.status is None:
        printing.out(f"{printing.style('hit', 'green', 'bold')}: cached, after a first miss")
    else:
        printing.out(f"{printing.style(verdict.status.value, 'yellow', 'bold')}: not cached")
    printing.out(f"  {'why':<14}{printable(verdict.cause)}")
    if change := _change(verdict, config):
        printing.out(f"  {'change':<14}{change}")
    if verdict.position is not None:
        length = len(verdict.function.removesuffix("()")) if verdict.function else 1
        printing.out()
        for line in _underlined(text, verdict.position, length):
            printing.out(line)
        printing.out()
    if verdict.status is None:
        _print_lifetime(facts, config)


def _print_lifetime(facts: SQLFacts, config: _Config) -> None:
    caching = config.caching
    where = f"of the config {config.name}" if config.name else "the defaults"
    printing.out(
        f"  {'time to live':<14}{caching.max_age} s, then {caching.stale_while_revalidate} s stale while one query "
        f"refreshes it ({where})"
    )
    if facts.tables_read:
        tables = ", ".join(map(printable, sorted(facts.tables_read)))
        printing.out(f"  {'tables':<14}{tables}; a write to them doesn't clear the answer")
    for name in sorted(facts.unknown_functions):
        printing.out(
            f"  {'note':<14}{printable(name)}() is not PostgreSQL's own: Hyperdrive can't know whether "
            "it is IMMUTABLE, and caches it anyway"
        )


def _underlined(text: str, position: int, length: int) -> list[str]:
    """The line with `position`, with its number if there are several, and a line below that marks the position."""
    start = text.rfind("\n", 0, position) + 1
    from rich.cells import cell_len

    end = text.find("\n", position)
    line = text[start : None if end == -1 else end].rstrip("\r")
    before, marked, after = (
        line[: position - start],
        line[position - start :][:length],
        line[position - start + length :],
    )
    if len(before) > _CONTEXT:
        before = "…" + before[-_CONTEXT:]
    if len(after) > _CONTEXT:
        after = after[:_CONTEXT] + "…"
    before, marked, after = (printable(part.replace("\t", " ")) for part in (before, marked, after))
    number = f"{text.count(chr(10), 0, start) + 1}: " if "\n" in text.strip() else ""
    margin = " " * (2 + len(number) + cell_len(before))
    return [
        f"  {number}{before}{printing.style(marked, 'bold')}{after}",
        margin + printing.style("^" * max(1, cell_len(marked)), "yellow", "bold"),
    ]
