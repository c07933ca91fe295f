"""Keeps wrangler from connecting to Cloudflare instead of the local Hyperdrive."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from wrangler_py.errors import WranglerError
from wrangler_py.project.section import Section

Tool = Literal["wrangler", "pages", "vite", "pywrangler"]
"""The program that runs a Worker: `wrangler dev`, `wrangler pages dev`, Vite's dev server or `pywrangler dev`."""

_REMOTE = frozenset({"--remote", "--remote=true", "-r"})
_LOCAL = frozenset({"--local", "--local=true", "-l"})
_NOT_LOCAL = frozenset({"--no-local", "--local=false"})


def refuse_remote_mode(others: Sequence[str]) -> None:
    """Raise `WranglerError` if one of wrangler's own options, `others`, has it run the Worker at Cloudflare."""
    if _REMOTE.isdisjoint(others) or ("--remote", "false") in pairwise(others):
        return
    raise WranglerError(
        "--remote runs the Worker at Cloudflare, where it reaches the database without the local Hyperdrive.",
        hint="Leave it out, or run wrangler itself: npx wrangler dev --remote",
        exit_status=2,
    )


def local_arguments(section: Section, others: Sequence[str], *, tool: Tool) -> tuple[str, ...]:
    """Arguments that make wrangler use the local Hyperdrive for bindings with `remote = true`.

    Raises `WranglerError` where that cannot be had, because it would disable other remote bindings as well.
    """
    names = [binding.binding for binding in section.hyperdrive if binding.remote]
    if not names:
        return ()
    first = names[0]
    remedy = f"Remove `remote` from the binding {first} to use the local Hyperdrive."
    reason = f"env.{first} has `remote = true`, so wrangler would connect it to the config at Cloudflare"
    if tool in ("pages", "vite"):
        raise WranglerError(f"{reason}, not to the local Hyperdrive.", hint=remedy)
    if not _NOT_LOCAL.isdisjoint(others) or ("--local", "false") in pairwise(others):
        raise WranglerError(f"{reason}, and its option --local, which prevents that, is off.", hint=remedy)
    if section.remote_bindings:
        listed = ", ".join(f"env.{name}" for name in section.remote_bindings)
        raise WranglerError(
            f"{reason}. Its option --local would prevent that, but disable {listed}, too, which wrangler connects "
            "to Cloudflare.",
            hint=remedy,
        )
    return () if not _LOCAL.isdisjoint(others) else ("--local",)


def describe_local(section: Section) -> str | None:
    """A message about `remote = true`; None if no Hyperdrive binding has it."""
    names = [f"env.{binding.binding}" for binding in section.hyperdrive if binding.remote]
    if not names:
        return None
    return (
        f"`remote = true` has no effect here: wrangler runs with --local, and {' and '.join(names)} "
        f"{'is' if len(names) == 1 else 'are'} the local Hyperdrive."
    )
