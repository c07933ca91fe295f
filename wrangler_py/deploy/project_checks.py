"""Checks of the project's files, without asking anyone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wrangler_py.deploy.check_results import Finding
from wrangler_py.deploy.python_packages import package_problems
from wrangler_py.devserver.session_summary import SessionSummary
from wrangler_py.devserver.wrangler_command import wrangler_version
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import check_drivers
from wrangler_py.project.python_compatibility import date_warning, flag_refusal, sdk_warning
from wrangler_py.project.section import Section

MOST_CONNECTIONS = 6
"""Outgoing connections that a request can have at once."""


def is_python(section: Section) -> bool:
    """Whether the Worker is in Python."""
    return section.main is not None and section.main.endswith(".py")


def project_findings(file: ConfigFile, environment: str | None) -> Iterator[Finding]:
    """Problems that would keep the project from working at Cloudflare."""
    section, root = file.section(environment), file.root.resolve()
    for message in file.warnings(environment):
        yield Finding("config-file", "warning", message)
    yield from _compatibility(section, root)
    if is_python(section):
        yield from _python(section, root)
    else:
        for problem in check_drivers(root, section):
            # It is installed here or above; whether this Worker uses it is not known.
            yield Finding("drivers", "warning", problem.message, problem.fix)
    for binding in section.hyperdrive:
        if binding.has_placeholder:
            yield Finding(
                "hyperdrive",
                "problem",
                f"no config has the id of the binding env.{binding.binding}: {binding.id}",
                f"`wrangler-py hyperdrive bind CONFIG --binding {binding.binding}` writes that of a local config,\n"
                f"and `wrangler-py hyperdrive push {binding.binding}` brings it to Cloudflare.",
            )


def _compatibility(section: Section, root: Path) -> Iterator[Finding]:
    if section.compatibility_date is None and not is_python(section):
        yield Finding(
            "compatibility",
            "problem",
            "The config file has no compatibility_date, which a deployment needs.",
            'Set compatibility_date to "2026-09-08" or later.',
        )
    if section.node_compat and wrangler_version(root) >= 4:
        yield Finding(
            "compatibility",
            "problem",
            "The config file sets `node_compat`, which wrangler 4 refuses.",
            "`wrangler-py node-compat enable` replaces it with the compatibility flag nodejs_compat.",
        )


def _python(section: Section, root: Path) -> Iterator[Finding]:
    refusal = flag_refusal(section)
    if refusal is not None:
        yield Finding("compatibility", "problem", refusal.message, refusal.hint)
    for message in filter(None, (date_warning(section), sdk_warning(section, root))):
        yield Finding("compatibility", "problem", message)
    assert section.main is not None
    main = root / section.main
    if not main.is_file():
        yield Finding("config-file", "problem", f"`main` names {section.main}, and there is no such file.")
        return
    for message in package_problems(main, root, section):
        yield Finding("packages", "problem", message)


def session_findings(summary: SessionSummary | None) -> Iterator[Finding]:
    """Findings of the last dev session that matter in production."""
    if summary is None:
        return
    when = f"The dev session that ended {summary.ended_on[:16].replace('T', ' ')} UTC"
    if summary.stale_reads:
        yield Finding(
            "last-session",
            "warning",
            f"{when} had {_times(summary.stale_reads, 'stale read')}: answers from the cache that were older than "
            "the Worker's own writes.",
            "For reads that must be fresh, bind a second config made with --caching-disabled.",
        )
    for statement in summary.never_cached:
        yield Finding(
            "last-session",
            "warning",
            f"{when} ran a statement {_times(statement.count, 'time')} that is never cached ({statement.status}): "
            f"{statement.sql}",
            "`wrangler-py hyperdrive explain` tells why, and what to change.",
        )
    for statement in summary.repeated:
        yield Finding(
            "last-session",
            "warning",
            f"{when} ran the same statement {statement.count} times in one request: {statement.sql}",
            "One query for all, with a join or an array of values, saves the round trips.",
        )
    if summary.most_connections > MOST_CONNECTIONS:
        yield Finding(
            "last-session",
            "warning",
            f"{when} had a request with {summary.most_connections} connections at once; Workers have no more than "
            f"{MOST_CONNECTIONS}, and later ones wait.",
            "Use one client for the whole request.",
        )


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
