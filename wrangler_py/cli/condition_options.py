"""The options of `dev`, `hyperdrive proxy` and `hyperdrive exec` for latency, faults and the query log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.devserver.query_report import QueryReport
    from wrangler_py.proxy.options import ProxyOptions

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionArguments:
    """The options that all three commands share."""

    latency: Annotated[
        list[str] | None,
        typer.Option(
            "--latency",
            metavar="[NAME=]TIME",
            help="Simulate a distant database: add TIME, such as 25ms or 20-40ms, to each round trip; "
            "may be repeated",
        ),
    ] = None
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="KIND[:RATE][:/PATTERN/]",
            help="Make queries fail. KIND is pool-exhausted, connection-refused, connection-lost, "
            "statement-timeout or restart; RATE, such as 5%, and PATTERN select the queries; may be repeated",
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="Make the random choices of --latency and --fault the same in each run",
            show_default=False,
        ),
    ] = None
    query_log_records: Annotated[
        int | None,
        typer.Option(
            "--query-log-records", min=0, help="Maximum number of queries in the query log  [default: 20000]"
        ),
    ] = None
    query_log_mb: Annotated[
        int | None,
        typer.Option("--query-log-mb", min=1, help="Maximum size of the query log, in megabytes  [default: 64]"),
    ] = None

    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a summary of the queries at the end: a .json or .html file, or - to print it",
            show_default=False,
        ),
    ] = None

    def query_report(self) -> QueryReport | None:
        """The requested report. Raises WranglerError if it can't be written."""
        if self.report is None:
            return None
        from wrangler_py.cli.resolved_options import global_options
        from wrangler_py.devserver.query_report import QueryReport

        if self.query_log_records == 0:
            raise WranglerError(
                "--report summarizes the query log, which --query-log-records 0 turns off.",
                hint="Leave one of them out.",
                exit_status=2,
            )
        return QueryReport.read(self.report, global_options().cwd)

    def add_to(self, options: ProxyOptions) -> ProxyOptions:
        """`options` with these arguments. Raises WranglerError for a malformed latency or fault."""
        from wrangler_py.proxy.conditions import parse_fault, parse_latency

        return replace(
            options,
            latencies=tuple(parse_latency(text) for text in self.latency or ()),
            faults=tuple(parse_fault(text) for text in self.fault or ()),
            seed=self.seed,
            query_log_records=options.query_log_records
            if self.query_log_records is None
            else self.query_log_records,
            query_log_bytes=options.query_log_bytes if self.query_log_mb is None else self.query_log_mb * _MB,
        )
