"""`wrangler-py check`: finds what would keep the Worker from being deployed, or from working at Cloudflare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.shared_options import AsJSON, PersistTo
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wrangler_py.cli.remote import Setting
    from wrangler_py.deploy.check_results import Finding
    from wrangler_py.project.config_file import ConfigFile


def check(
    as_json: AsJSON = False,
    strict: Annotated[bool, typer.Option("--strict", help="Also fail on warnings")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Skip the checks that need Cloudflare")] = False,
    persist_to: PersistTo = None,
) -> None:
    """Check the project before it is deployed.

    Checks the config file, the drivers and packages, and the last session of `wrangler-py dev`, and compares the
    bound Hyperdrive configs with those at Cloudflare. Exits with status 1 if there is a
    problem.
    """
    findings, _ = find(offline=offline, persist_to=persist_to)
    failed = has_problem(findings) or (strict and bool(findings))
    if as_json:
        import json

        shown = [
            {"check": each.check, "level": each.level, "message": each.message, "hint": each.hint}
            for each in findings
        ]
        printing.out(json.dumps({"ok": not failed, "findings": shown}, indent=2, ensure_ascii=False))
    else:
        show(findings)
    if failed:
        raise typer.Exit(1)


def find(*, offline: bool, persist_to: Path | None) -> tuple[list[Finding], str | None]:
    """The findings, and the id of the account that was checked."""
    from wrangler_py.cli.remote import find_setting
    from wrangler_py.cli.resolved_options import global_options, project_config, state_folder
    from wrangler_py.deploy.check_results import Finding
    from wrangler_py.deploy.project_checks import project_findings, session_findings
    from wrangler_py.devserver.session_summary import read_summary

    options = global_options()
    file = project_config(options)
    findings = list(project_findings(file, options.environment))
    account = None
    if not offline:
        try:
            account, of_account = _ask_account(find_setting(), file, options.environment)
            findings += of_account
        except WranglerError as error:
            findings.append(Finding("account", "problem", error.message, error.hint))
    findings += session_findings(read_summary(state_folder(file.root, options.cwd, persist_to)))
    return findings, account


def has_problem(findings: Sequence[Finding]) -> bool:
    return any(each.level == "problem" for each in findings)


def show(findings: Sequence[Finding]) -> None:
    """Print the findings."""
    for each in findings:
        if each.level == "problem":
            printing.error(each.message, each.hint)
        else:
            printing.warn(each.message)
            for line in (each.hint or "").splitlines():
                printing.info(f"  {line}")
    if not findings:
        printing.success("No problems found")


def _ask_account(setting: Setting, file: ConfigFile, environment: str | None) -> tuple[str, list[Finding]]:
    from wrangler_py.cli.remote import account_of, open_api
    from wrangler_py.cloudflare.account_certificates import AccountCertificates
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs
    from wrangler_py.deploy.account_checks import account_findings
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.config_store import ConfigStore

    with open_api(setting) as api:
        account = account_of(api, setting)
        found = account_findings(
            file.section(environment),
            HyperdriveConfigs(api, account),
            AccountCertificates(api, account),
            ConfigStore(),
            CertificateStore(),
        )
        return account, list(found)
