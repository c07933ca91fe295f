"""Checks the compatibility flags and date that a Python Worker needs.

Source: Hyperdrive's documentation, "Python Workers"; the refusal is wrangler's.
"""

from __future__ import annotations

from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.project.python_flags import EXTERNAL_SDK, enabled_flags
from wrangler_py.project.section import Section

PYTHON_FLAG = "python_workers"
PYTHON_HYPERDRIVE_DATE = "2026-09-08"
"""From this compatibility date on, Python Workers reach Hyperdrive."""


def flag_refusal(section: Section) -> WranglerError | None:
    """The error, with its fix, if `section` keeps a Python Worker from running; otherwise None."""
    if PYTHON_FLAG in section.compatibility_flags:
        return None
    return WranglerError(
        f"The `{PYTHON_FLAG}` compatibility flag is required to use Python.",
        hint=f'Add "{PYTHON_FLAG}" to compatibility_flags in the config file.\n'
        "`wrangler-py dev --fix` does that, then starts.",
    )


def date_warning(section: Section) -> str | None:
    """A warning if the compatibility date is missing or too early for Hyperdrive."""
    date = section.compatibility_date
    remedy = f'Set compatibility_date to "{PYTHON_HYPERDRIVE_DATE}" or later.'
    if date is None:
        return f"The config file has no compatibility_date, which a deployment needs. {remedy}"
    if section.hyperdrive and date < PYTHON_HYPERDRIVE_DATE:
        return (
            f"With the compatibility date {date}, a Python Worker cannot reach Hyperdrive in production. {remedy}"
        )
    return None


def sdk_warning(section: Section, root: Path) -> str | None:
    """A warning if the Worker would not find the `workers` module in production; otherwise None."""
    if EXTERNAL_SDK not in enabled_flags(section.compatibility_date, section.compatibility_flags):
        return None
    if (root / "pyproject.toml").is_file() or (root / "python_modules" / "workers").is_dir():
        return None
    return (
        "There is no pyproject.toml. From compatibility date 2026-04-21 on, the runtime has no `workers` module of "
        "its own: pywrangler adds it to the Worker, and needs this file to deploy. Create one that lists the "
        "Worker's packages as dependencies and has "
        '[dependency-groups] dev = ["workers-py", "workers-runtime-sdk"].'
    )
