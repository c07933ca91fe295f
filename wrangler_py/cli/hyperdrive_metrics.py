"""`hyperdrive metrics` and `hyperdrive restart`: a config that serves Workers at Cloudflare."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import find_project_config, global_options, state_folder
from wrangler_py.cli.shared_options import AsJSON, Remote, Yes
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from wrangler_py.cloudflare.analytics import Metrics

RemoteTarget = Annotated[
    str,
    typer.Argument(metavar="CONFIG|BINDING", help="ID or name of a config at Cloudflare, or binding of the Worker"),
]
Target = Annotated[
    str, typer.Argument(metavar="CONFIG|BINDING", help="ID or name of a config, or binding of the Worker")
]
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_D = 31
_BAR = 40


def restart(target: Target, remote: Remote = False, yes: Yes = False) -> None:
    """Close all origin connections of a config.

    Without --remote, this applies to the sessions of `dev` and `hyperdrive proxy` that run on this machine.
    Running queries may fail.
    """
    if not remote:
        from wrangler_py.devserver.restart import restart_in_sessions

        given = global_options()
        project = find_project_config(given)
        for binding in restart_in_sessions(target, given.cwd if project is None else project.root):
            printing.success(f"Restarted {binding}")
        return
    from wrangler_py.cli.hyperdrive_remote import remote_id
    from wrangler_py.cli.remote import open_account
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs

    if not yes and printing.is_interactive():
        question = f"Queries of '{target}' that are running may fail. Restart it?"
        if not printing.confirm(question, False):
            printing.out("Not restarted")
            return
    with open_account() as (api, account):
        configs = HyperdriveConfigs(api, account)
        id = remote_id(target, configs)
        configs.restart(id)
    printing.success(f"Restarted {id} Hyperdrive config")


def metrics(
    target: RemoteTarget,
    since: Annotated[str, typer.Option("--since", help="How far back: 30m, 24h, 7d")] = "24h",
    as_json: AsJSON = False,
) -> None:
    """Show the metrics of a config at Cloudflare.

    The cache statuses are shown beside those of the last dev session.
    """
    from datetime import UTC, datetime

    from wrangler_py.cli.hyperdrive_remote import remote_id
    from wrangler_py.cli.remote import open_account
    from wrangler_py.cloudflare.analytics import read_metrics
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs

    span = _span(since)
    with open_account() as (api, account):
        id = remote_id(target, HyperdriveConfigs(api, account))
        end = datetime.now(UTC)
        found = read_metrics(api, account, id, end - span, end)
    here = _measured_here(id)
    if as_json:
        _print_json(id, since, found, here)
        return
    total, total_here = sum(found.by_cache_status.values()), sum(here.values())
    if not total:
        printing.out(f"Cloudflare counted no queries of {id} in the last {since}.")
    columns = ["Cache status", "At Cloudflare", ""]
    rows = []
    for status in sorted({**found.by_cache_status, **here}, key=lambda each: -found.by_cache_status.get(each, 0)):
        count = found.by_cache_status.get(status, 0)
        rows.append([status, _share(count, total), "█" * round(_BAR / 2 * count / total) if total else ""])
        if here:
            rows[-1].append(_share(here.get(status, 0), total_here))
    if here:
        columns.append("Last dev session")
    if rows:
        printing.table(columns, rows)
    _print_rest(found)


def _print_rest(found: Metrics) -> None:
    if found.by_event_status:
        events = ", ".join(f"{count:,} {status}" for status, count in found.by_event_status.items())
        printing.out(f"Events: {events}")
    if found.query_latency_ms is not None:
        printing.out(f"Query latency at the origin: {found.query_latency_ms:.1f} ms on average")
    if found.query_bytes or found.result_bytes:
        printing.out(f"Bytes: {found.query_bytes:,} of queries, {found.result_bytes:,} of results")
    if found.pool:
        parts = ", ".join(f"{name} {value:,}" for name, value in found.pool.items())
        printing.out(f"Pool, at most: {parts}")
    if found.by_time:
        most = max(sum(counts.values()) for _, counts in found.by_time)
        printing.out()
        printing.out("Queries by time (UTC), █ from the cache and ░ from the origin")
        for time, counts in found.by_time:
            total = sum(counts.values())
            length = round(_BAR * total / most)
            hits = round(length * counts.get("hit", 0) / total) if total else 0
            printing.out(f"{time:%m-%d %H:%M}  {'█' * hits}{'░' * (length - hits)} {total:,}")


def _print_json(id: str, since: str, found: Metrics, here: Mapping[str, int]) -> None:
    import json

    document = {
        "id": id,
        "since": since,
        "cacheStatus": found.by_cache_status,
        "eventStatus": found.by_event_status,
        "queryLatency": found.query_latency_ms,
        "queryBytes": found.query_bytes,
        "resultBytes": found.result_bytes,
        "pool": found.pool,
        "byTime": None
        if found.by_time is None
        else [{"time": f"{t:%Y-%m-%dT%H:%MZ}", **c} for t, c in found.by_time],
        "lastDevSession": {"cacheStatus": here} if here else None,
    }
    printing.out(json.dumps(document, indent=2))


def _measured_here(id: str) -> Mapping[str, int]:
    """The number of the config's queries by cache status in the last dev session of this project."""
    from wrangler_py.devserver.session_summary import read_summary

    options = global_options()
    file = find_project_config(options)
    if file is None:
        return {}
    summary = read_summary(state_folder(file.root, options.cwd, None))
    counts: dict[str, int] = {}
    for entry in file.section(options.environment).hyperdrive if summary is not None else ():
        if entry.id == id and summary is not None:
            for status, count in summary.bindings.get(entry.binding, {}).get("cacheStatus", {}).items():
                counts[status] = counts.get(status, 0) + count
    return counts


def _span(text: str) -> timedelta:
    from datetime import timedelta

    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    span = timedelta(seconds=int(match[1]) * _UNITS_S[match[2]]) if match else timedelta()
    if not timedelta() < span <= timedelta(days=_LONGEST_D):
        raise WranglerError(
            f"--since {text}: give minutes, hours or days, up to {_LONGEST_D}d, as in 24h.", exit_status=2
        )
    return span


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.0%})" if count else "0"
