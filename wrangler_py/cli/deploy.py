"""`wrangler-py deploy`: the checks, then the official tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.dev_on_wrangler import DevCommand
from wrangler_py.cli.shared_options import PersistTo
from wrangler_py.cli.typer_adapter import App
from wrangler_py.errors import WranglerError

app = App()


@app.command("deploy", cls=DevCommand)
def deploy(
    context: typer.Context,
    script: Annotated[
        Path | None,
        typer.Argument(metavar="SCRIPT", help="The Worker's entry file, instead of `main`", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and build, but deploy nothing")] = False,
    ignore_problems: Annotated[
        bool, typer.Option("--ignore-problems", help="Deploy despite problems that the checks find")
    ] = False,
    persist_to: PersistTo = None,
) -> None:
    """Check the project, then deploy it with the official tool.

    That is `pywrangler deploy` for Python and the project's own `wrangler deploy` otherwise. Options that
    wrangler-py does not know, and everything after `--`, go to this tool, whose exit status is returned.
    """
    from wrangler_py.cli import check
    from wrangler_py.cli.resolved_options import global_options, project_config
    from wrangler_py.deploy.official_deploy import deploy_command, run_deploy

    options = global_options()
    file = project_config(options)
    section, root = file.section(options.environment), file.root.resolve()
    findings, account = check.find(offline=False, persist_to=persist_to)
    check.show(findings)
    if check.has_problem(findings) and not ignore_problems:
        raise WranglerError(
            "Nothing was deployed, because of the problems above.",
            hint="Use --ignore-problems to deploy anyway; `wrangler-py check` only runs the checks.",
        )
    arguments = [] if script is None else [str(script)]
    if options.config is not None:
        arguments += ["--config", str(options.config)]
    if options.environment is not None:
        arguments += ["--env", options.environment]
    for path in options.env_files:
        arguments += ["--env-file", str(path)]
    if dry_run:
        arguments.append("--dry-run")
    command = (*deploy_command(root, section), *arguments)
    # The other arguments may hold secrets, as --var does.
    others = " …" if context.args else ""
    printing.info(f"Running {Path(command[0]).name} {' '.join(command[1:])}{others}")
    raise typer.Exit(run_deploy((*command, *context.args), root=root, cwd=options.cwd, account_id=account))
