"""`hyperdrive restart NAME`: asks the running sessions that serve NAME to close its connections."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wrangler_py.devserver.session_control import running_sessions
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding

RESTART = "restart"


def restart_in_sessions(name: str, root: Path) -> list[str]:
    """Has every running session that serves `name` close its origin connections. A config is known by id or name
    everywhere, a binding only to the sessions of the project in `root`.

    Gives the bindings that were restarted. Raises WranglerError if no session serves it.
    """
    request = {"command": RESTART, "name": name, "root": _canonical(root)}
    answers = [answer for session in running_sessions() if (answer := session.ask(request)) is not None]
    restarted = [str(binding) for answer in answers for binding in answer.get("restarted", ())]
    if restarted:
        return restarted
    if not answers:
        raise WranglerError(
            f"No session is running, so '{name}' cannot be restarted.",
            hint="`wrangler-py dev` and `wrangler-py hyperdrive proxy` start sessions. For a config at Cloudflare, "
            "add --remote.",
        )
    served = sorted({str(binding) for answer in answers for binding in answer.get("served", ())})
    raise WranglerError(
        f"No running session serves '{name}'.",
        hint=f"They serve: {', '.join(served)}." if served else "They serve no config.",
    )


def bindings_of(name: str, root: str, bindings: Sequence[ResolvedBinding], own_root: Path) -> list[str]:
    """In a session: which of its `bindings` is meant by `name`, asked for in the project in `root`."""
    same_project = root == _canonical(own_root)
    return [
        each.binding
        for each in bindings
        if (same_project and each.binding == name)
        or name == each.id
        or (each.config is not None and name == each.config.name)
    ]


def answer(
    request: Mapping[str, Any], bindings: Sequence[ResolvedBinding], own_root: Path
) -> tuple[list[str], Mapping[str, Any]]:
    """In a session: the bindings to restart, and what to answer."""
    name, root = str(request.get("name", "")), str(request.get("root", ""))
    meant = bindings_of(name, root, bindings, own_root) if request.get("command") == RESTART else []
    served = [each.config.name if each.config is not None else each.binding for each in bindings]
    return meant, {"restarted": meant, "served": served}


def _canonical(root: Path) -> str:
    return os.path.normcase(root.resolve())
