"""Checks the versions of the JavaScript drivers in a project against Hyperdrive's requirements.

Source: the table of supported drivers in Hyperdrive's documentation, "Connect to PostgreSQL".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from wrangler_py.project.package_manager import package_manager
from wrangler_py.project.section import Section

Version = tuple[int, int, int, bool]
"""Major, minor, patch, and whether it is a release rather than a pre-release of it."""

MINIMUM_VERSIONS: dict[str, str] = {
    "postgres": "3.4.4",
    "pg": "8.11.0",
    "drizzle-orm": "0.26.2",
    "kysely": "0.26.3",
}
BROKEN_VERSIONS: dict[str, tuple[str, str, str]] = {
    "pg": ("8.11.4", "reads connection strings wrongly", "8.11.5"),
}
"""A version that does not work, the reason, and the version that fixed it."""

NODE_COMPAT_FLAGS = frozenset({"nodejs_compat", "nodejs_compat_v2"})
NODE_COMPAT_DATE = "2024-09-23"
"""From this compatibility date on, `nodejs_compat` covers packages that import Node.js's modules by bare names."""

_NEEDS_NODE_COMPAT = ("pg", "postgres")


@dataclass(frozen=True, slots=True)
class DriverProblem:
    """A problem with a driver, and the command or the line of the config file that fixes it."""

    message: str
    fix: str


def installed_package(root: Path, name: str) -> str | None:
    """The version of the package `name` as Node.js finds it from the folder `root`; None if it is missing."""
    for folder in (root, *root.parents):
        package = folder / "node_modules" / name / "package.json"
        if package.is_file():
            try:
                version = json.loads(package.read_text(encoding="utf-8")).get("version")
            except (OSError, ValueError, AttributeError):
                return None
            return version if isinstance(version, str) else None
    return None


def check_drivers(root: Path, section: Section) -> list[DriverProblem]:
    """Problems of the drivers installed for the project in `root` with Hyperdrive."""
    installed = {name: installed_package(root, name) for name in MINIMUM_VERSIONS}
    manager = package_manager(root)
    problems = []
    for name, version in installed.items():
        if version is None:
            continue
        minimum = MINIMUM_VERSIONS[name]
        broken, reason, fixed = BROKEN_VERSIONS.get(name, ("", "", ""))
        if version == broken:
            problems.append(DriverProblem(f"{name} {version} {reason}.", manager.add(f"{name}@^{fixed}")))
        elif parse_version(version) < parse_version(minimum):
            problems.append(
                DriverProblem(
                    f"{name} {version} is too old for Hyperdrive, which works with {minimum} and later.",
                    manager.add(f"{name}@latest"),
                )
            )
    drivers = [name for name in _NEEDS_NODE_COMPAT if installed[name] is not None]
    if drivers and (problem := _check_node_compat(drivers, section)):
        problems.append(problem)
    return problems


def parse_version(text: str) -> Version:
    """`text` for comparison; a text that is not a version is older than all versions."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)(-)?", text)
    if match is None:
        return (0, 0, 0, False)
    return (int(match[1]), int(match[2]), int(match[3]), match[4] is None)


def _check_node_compat(drivers: list[str], section: Section) -> DriverProblem | None:
    names = " and ".join(drivers)
    if section.node_compat:
        return None
    flags = NODE_COMPAT_FLAGS.intersection(section.compatibility_flags)
    if not flags:
        return DriverProblem(
            f"{names} cannot work without Node.js compatibility, which is off in the config file.",
            "wrangler-py node-compat enable",
        )
    if "nodejs_compat_v2" in flags or (section.compatibility_date or NODE_COMPAT_DATE) >= NODE_COMPAT_DATE:
        return None
    return DriverProblem(
        f"nodejs_compat is complete enough for {names} only from the compatibility date {NODE_COMPAT_DATE} on.",
        f'Set compatibility_date to "{NODE_COMPAT_DATE}" or later in the config file',
    )
