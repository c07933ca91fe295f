"""`wrangler-py node-compat`: Node.js compatibility in the config file."""

from __future__ import annotations

from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import global_options, project_config
from wrangler_py.cli.typer_adapter import App

FLAG = "nodejs_compat"
LEGACY_REFUSED = "Wrangler 4 refuses the key `node_compat`"

app = App(help="Show or change Node.js compatibility in the config file.")


@app.callback()
def node_compat() -> None:
    """Show or change Node.js compatibility in the config file."""


@app.command()
def status() -> None:
    """Show which kind of Node.js compatibility is on."""
    file, environment = project_config(), global_options().environment
    section = file.section(environment)
    place = file.place(environment)
    flags = [flag for flag in (FLAG, f"{FLAG}_v2") if flag in section.compatibility_flags]
    if flags:
        printing.out(f"Node.js compatibility is on in {place}: compatibility flag {flags[0]}.")
    elif section.node_compat:
        printing.out(f"Node.js compatibility is on in {place}, by the deprecated setting node_compat.")
    elif "nodejs_als" in section.compatibility_flags:
        printing.out(f"Only AsyncLocalStorage is on in {place}: compatibility flag nodejs_als.")
    else:
        printing.out(f"Node.js compatibility is off in {place}.")
    if section.node_compat:
        printing.warn(f"{LEGACY_REFUSED}: `wrangler-py node-compat enable` replaces it.")


@app.command()
def enable(
    legacy: Annotated[bool, typer.Option("--legacy", help="Set `node_compat`, for wrangler 3 and older")] = False,
) -> None:
    """Turn Node.js compatibility on."""
    file, environment = project_config(), global_options().environment
    section = file.section(environment)
    place = file.place(environment)
    if legacy:
        # The two together are an error in wrangler.
        file.remove_compatibility_flag(FLAG, environment)
        file.set_node_compat(environment)
        file.save()
        printing.success(f"Set node_compat in {place}.")
        printing.warn(f"{LEGACY_REFUSED}; without --legacy, the flag {FLAG} is set instead.")
        return
    had_flag, had_legacy = FLAG in section.compatibility_flags, section.node_compat
    file.remove_node_compat(environment)
    file.set_compatibility_flag(FLAG, environment)
    file.save()
    if had_legacy:
        printing.success(f"Replaced node_compat with the compatibility flag {FLAG} in {place}.")
        printing.info(f"{LEGACY_REFUSED}.")
    elif had_flag:
        printing.out(f"Node.js compatibility is already on in {place}: compatibility flag {FLAG}.")
    else:
        printing.success(f"Added the compatibility flag {FLAG} in {place}.")
    if environment is not None and "node_compat" in file.data:
        printing.warn(f"The top level of {file.path.name} still has node_compat. {LEGACY_REFUSED}.")


@app.command()
def disable() -> None:
    """Turn Node.js compatibility off."""
    file, environment = project_config(), global_options().environment
    before = file.text
    file.remove_node_compat(environment)
    for flag in (FLAG, f"{FLAG}_v2"):
        file.remove_compatibility_flag(flag, environment)
    place = file.place(environment)
    if file.text == before:
        printing.out(f"Node.js compatibility is already off in {place}.")
        return
    file.save()
    printing.success(f"Turned Node.js compatibility off in {place}.")
