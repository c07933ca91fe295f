"""A config of the local store, by what a person calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrangler_py.cli.options import find_project_config, global_options
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.hyperdrive.config import HyperdriveConfig


def stored_config(target: str) -> HyperdriveConfig:
    """The config of that id or name, or that of the Worker's binding. Raises WranglerError if there is none."""
    from wrangler_py.hyperdrive.store import ConfigStore

    store = ConfigStore()
    try:
        return store.get(target)
    except WranglerError:
        options = global_options()
        file = find_project_config(options)
        bindings = file.section(options.environment).hyperdrive if file is not None else ()
        bound = next((store.find(each.id) for each in bindings if each.binding == target), None)
        if bound is None:
            raise
        return bound
