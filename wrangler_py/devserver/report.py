"""Prints the events of a dev session: requests, failures, bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from wrangler_py.cache.counts import QueryCounts
from wrangler_py.console import Level
from wrangler_py.devserver.output import Output
from wrangler_py.devserver.pool_description import describe_default
from wrangler_py.devserver.query_lines import describe_counts, describe_query
from wrangler_py.devserver.worker_process import RequestCutOff
from wrangler_py.devserver.worker_project import WorkerProject
from wrangler_py.hyperdrive.binding_resolution import VARIABLE_PREFIXES, ResolvedBinding
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.hyperdrive.pool_description import (
    describe_caching,
    describe_limit,
    describe_place,
    describe_tls,
    is_this_machine,
)
from wrangler_py.project.python_compatibility import date_warning, sdk_warning
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.terminal_text import printable
from wrangler_py.worker_protocol import HandlerException, LoadError, Log, RequestDone

_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}
_STATUS_STYLES = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}


class Report:
    """Has a method for each kind of event. `queries` is the level at which queries are shown."""

    def __init__(self, output: Output, *, queries: Level = Level.DEBUG) -> None:
        self._output = output
        self._queries = queries
        self._warned: set[str] = set()

    def request(self, event: RequestDone, queries: QueryCounts) -> None:
        """`GET / 200 OK (14 ms, 3 queries: 2 hit, 1 volatile)`."""
        phrase = _PHRASES.get(event.status, "")
        status = self._output.style(
            f"{event.status} {phrase}".rstrip(), _STATUS_STYLES.get(event.status // 100, "bold")
        )
        took = f"{event.ms:.0f} ms"
        if queries.total:
            took += f", {describe_counts(queries.by_status)}"
        if queries.distance_ms >= 1:
            took += f", {queries.distance_ms:.0f} ms of added latency"
        line = f"{printable(event.method)} {printable(event.path)} {status}"
        self._output.info(f"{line} {self._output.style(f'({took})', 'dim')}")

    def cut_off(self, event: RequestCutOff) -> None:
        """`GET / failed: the Worker's process ended meanwhile`."""
        failed = self._output.style("failed", _STATUS_STYLES[5])
        self._output.info(
            f"{printable(event.method)} {printable(event.path)} {failed}: the Worker's process ended meanwhile"
        )

    def query(self, event: QueryEvent) -> None:
        """As much of `describe_query` as fits on a line."""
        if self._output.level.includes(self._queries):
            self._output.aside(self._output.cut(describe_query(event)), self._queries)

    def exception(self, event: HandlerException) -> None:
        first, newline, more = event.summary.partition("\n")
        where = f" ({event.where})" if event.where else ""
        self._output.error(f"{first}{where}{newline}{more}", event.hint)
        self._output.detail(event.traceback)

    def load_error(self, event: LoadError) -> None:
        self._output.error(f"The Worker cannot be loaded: {event.summary}", event.hint)
        self._output.detail(event.traceback)

    def log(self, event: Log) -> None:
        match event.level:
            case "error" | "critical":
                self._output.error(event.message)
            case "warning":
                self._output.warn(event.message)
            case "debug":
                self._output.debug(event.message)
            case _:
                self._output.info(event.message)

    def project(self, project: WorkerProject, pools: Mapping[str, PoolConfig]) -> None:
        """Print the bindings as a table, the names of the variables, and bindings that are not emulated."""
        self.bindings(project.bindings, pools)
        if project.variables:
            self._output.info(f"Variables: {', '.join(project.variables)}")
        if project.assets is not None:
            folder = project.assets.directory
            shown = folder.relative_to(project.root) if folder.is_relative_to(project.root) else folder
            self._output.info(f"Static assets: {shown}")
        platform = (date_warning(project.section), sdk_warning(project.section, project.root))
        for warning in (*platform, *project.warnings):
            if warning is not None:
                self._warn_once(warning)
        for binding, kind in project.section.other_bindings.items():
            self._warn_once(f"env.{binding} ({kind}) is not emulated: using it raises an error that says so.")

    def bindings(self, bindings: Sequence[ResolvedBinding], pools: Mapping[str, PoolConfig]) -> None:
        """Print the bindings as a table, their sources, and which ones send secrets unencrypted."""
        if bindings:
            self._output.table(
                ("Binding", "Config", "Origin", "TLS", "Pool", "Caching"),
                [_row(binding, pools[binding.binding]) for binding in bindings],
            )
        else:
            self._output.info("This Worker has no Hyperdrive binding.")
        for binding in bindings:
            if (reason := describe_default(binding)) is not None:
                self._output.info(reason)
            elif (pool := pools[binding.binding]).source:
                rest = f"; caching and pool are those of the config {pool.name}" if binding.config else ""
                self._output.info(f"env.{binding.binding}: the origin is from {pool.source}{rest}.")
        for name, pool in pools.items():
            if not pool.tls.encrypt and not is_this_machine(pool.origin):
                self._warn_once(
                    f"env.{name} sends its password and data to {pool.origin.host} unencrypted."
                    " Add ?sslmode=require to its connection string."
                )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._output.warn(message)


def _describe_source(pool: PoolConfig) -> str:
    """What gives the origin; the name of a variable is too long for a cell."""
    if pool.source and pool.source.startswith(VARIABLE_PREFIXES):
        return "environment variable"
    return pool.source or pool.name


def _row(binding: ResolvedBinding, pool: PoolConfig) -> tuple[str, ...]:
    return (
        f"env.{binding.binding}",
        _describe_source(pool),
        describe_place(pool),
        describe_tls(pool.tls),
        describe_limit(pool),
        describe_caching(pool.caching),
    )
