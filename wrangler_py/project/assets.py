"""The `assets` table of the config file, checked as wrangler checks it and refused in its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wrangler_py.errors import WranglerError
from wrangler_py.worker_protocol import AssetSettings

HTML_HANDLING = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
NOT_FOUND_HANDLING = ("single-page-application", "404-page", "none")
ASSETS_KEYS = frozenset(
    {"base_path", "binding", "directory", "html_handling", "not_found_handling", "run_worker_first"}
)

NAVIGATION_FLAG = "assets_navigation_prefers_asset_serving"
NO_NAVIGATION_FLAG = "assets_navigation_has_no_effect"
NAVIGATION_DATE = "2025-04-01"
"""From this compatibility date on the first flag is the default."""

_MAX_RULES = 100
_MAX_RULE_LENGTH = 100
_OR_MAIN = "or provide a Worker script in your configuration file (`main`)."


@dataclass(frozen=True, slots=True)
class Assets:
    """The folder of static assets, and how it is served."""

    directory: Path
    binding: str | None = None
    html_handling: str = HTML_HANDLING[0]
    not_found_handling: str = "none"
    base_path: str = "/"
    run_worker_first: bool | tuple[str, ...] = False

    def settings(self, flags: Sequence[str], date: str | None) -> AssetSettings:
        """How a Worker with these compatibility flags serves them; `date` is its compatibility date, None today."""
        by_date = date is None or date >= NAVIGATION_DATE
        return AssetSettings(
            directory=self.directory,
            binding=self.binding,
            html_handling=self.html_handling,
            not_found_handling=self.not_found_handling,
            base_path=self.base_path,
            run_worker_first=self.run_worker_first,
            navigation_prefers_assets=NAVIGATION_FLAG in flags or (by_date and NO_NAVIGATION_FLAG not in flags),
        )


def binding_of(table: Any) -> str | None:
    """The name of the binding in an `assets` table that may be wrong."""
    name = table.get("binding") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None


def read_assets(table: Any, root: Path, file: str, environment: str | None, *, has_worker: bool) -> Assets:
    """Check the effective `assets` table, whose folder is relative to `root`; `file` names its file in messages.

    Raises WranglerError, for all that is wrong with it at once.
    """
    place = file if environment is None else f"{file} (environment {environment})"
    if not isinstance(table, dict):
        kind = "boolean" if isinstance(table, bool) else "string" if isinstance(table, str) else "number"
        shown = json.dumps(table, default=str)
        raise WranglerError(
            f'{place}: "assets" should be an object, but got value {shown} of type {kind}.',
            hint='Give `assets` a `directory`, such as "./public".',
        )
    if problems := list(_problems(table)):
        raise WranglerError("\n".join(f"{place}: {problem}" for problem in problems))
    first = table.get("run_worker_first", False)
    if isinstance(first, list):
        _check_rules(first, place)
    if not has_worker and table.get("binding") is not None:
        raise WranglerError(
            f"{place}: Cannot use assets with a binding in an assets-only Worker.",
            hint=f"Please remove the asset binding from your configuration file, {_OR_MAIN}",
        )
    if not has_worker and first is not False:
        raise WranglerError(
            f"{place}: Cannot set run_worker_first without a Worker script.",
            hint=f"Please remove run_worker_first from your configuration file, {_OR_MAIN}",
        )
    return Assets(
        directory=_directory(table, root, place),
        binding=table.get("binding"),
        html_handling=table.get("html_handling", HTML_HANDLING[0]),
        not_found_handling=table.get("not_found_handling", "none"),
        base_path=_base_path(table.get("base_path", "/"), place),
        run_worker_first=tuple(first) if isinstance(first, list) else first,
    )


def assets_warnings(table: Any, file: str, prefix: str) -> Iterator[str]:
    """Settings of an `assets` table that are probably mistakes."""
    if not isinstance(table, dict):
        return
    unexpected = [key for key in table if key not in ASSETS_KEYS]
    if unexpected:
        names = ", ".join(json.dumps(key) for key in unexpected)
        yield f"{file}: Unexpected fields found in {prefix}assets field: {names}"
    if table.get("run_worker_first") is True and table.get("binding") is None:
        yield (
            f"{file}: run_worker_first=true set without an assets binding. "
            "Setting run_worker_first to true will always invoke your Worker script. "
            "To fetch your assets from your Worker, please set the [assets.binding] key in your configuration file."
        )


def _problems(table: Mapping[str, Any]) -> Iterator[str]:
    choices = {"html_handling": HTML_HANDLING, "not_found_handling": NOT_FOUND_HANDLING}
    for key in ("directory", "binding", "html_handling", "not_found_handling", "base_path"):
        value = table.get(key)
        if value is None:
            continue
        allowed = choices.get(key)
        shown = json.dumps(value, default=str)
        if not isinstance(value, str):
            yield f'Expected "assets.{key}" to be of type string but got {shown}.'
        elif allowed is not None and value not in allowed:
            listed = json.dumps(allowed, separators=(",", ":"))
            yield f'Expected "assets.{key}" field to be one of {listed} but got {shown}.'
    first = table.get("run_worker_first", False)
    if isinstance(first, list):
        for index, rule in enumerate(first):
            if not isinstance(rule, str):
                shown = json.dumps(rule, default=str)
                yield f'Expected "assets.run_worker_first.[{index}]" to be of type string but got {shown}.'
    elif not isinstance(first, bool):
        shown = json.dumps(first, default=str)
        yield f'The field "assets.run_worker_first" should be an array of strings or a boolean, but got {shown}.'


def _base_path(value: str, place: str) -> str:
    """The prefix in its normal form, with a slash at both ends."""
    if not value:
        problem = "The value must not be empty."
    elif value.startswith("//") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value):
        problem = "The value must be a pathname, not a URL."
    elif "\\" in value:
        problem = "The value must not contain backslashes."
    elif re.search(r"[\x00-\x1f\x7f]", value):
        problem = "The value must not contain control characters."
    elif "?" in value or "#" in value:
        problem = "The value must not contain query strings or fragments."
    elif "%" in value:
        problem = "The value must not contain percent-encoded sequences."
    else:
        segments: list[str] = []
        for segment in value.split("/"):
            if segment == "..":
                del segments[-1:]
            elif segment not in ("", "."):
                segments.append(segment)
        return f"/{'/'.join(segments)}/" if segments else "/"
    raise WranglerError(f"{place}: Invalid assets base_path: {problem}")


def _directory(table: Mapping[str, Any], root: Path, place: str) -> Path:
    named: str | None = table.get("directory")
    if named is None:
        raise WranglerError(
            f"{place}: The `assets` property in your configuration is missing the required `directory` property.",
            hint='Set it to the folder of your assets, such as "./public".',
        )
    if not named:
        raise WranglerError(f"{place}: The assets directory cannot be an empty string.")
    directory = root / named
    what = 'specified by the "assets.directory" field in your configuration file'
    try:
        exists, is_folder = directory.exists(), directory.is_dir()
    except (OSError, ValueError):
        exists = is_folder = False
    if not exists:
        raise WranglerError(
            f"{place}: The directory {what} does not exist:\n{directory}",
            hint="Create it, or build the project first, or have `directory` name another one.",
        )
    if not is_folder:
        raise WranglerError(f"{place}: The path {what} doesn't point to a directory:\n{directory}")
    return directory


def _check_rules(rules: Sequence[str], place: str) -> None:
    """Raises WranglerError for patterns of `run_worker_first` that the platform refuses."""
    key = "`run_worker_first`"
    if not rules:
        raise WranglerError(f"{place}: No {key} rules were provided; must provide at least 1 rule.")
    if len(rules) > _MAX_RULES:
        raise WranglerError(
            f"{place}: Too many {key} rules were provided; {len(rules)} rules provided exceeds max of {_MAX_RULES}."
        )
    negative = [rule for rule in rules if rule.startswith("!/")]
    positive = [rule for rule in rules if rule.startswith("/")]
    if negative and not positive:
        raise WranglerError(
            f"{place}: Only negative {key} rules were provided; must provide at least 1 non-negative rule"
        )
    invalid = [
        f"'{rule}': negative rules must start with '!/'"
        if rule.startswith("!")
        else f"'{rule}': rules must start with '/' or '!/'"
        for rule in rules
        if not rule.startswith(("/", "!/"))
    ]
    invalid += [*_invalid_among(positive), *_invalid_among(negative)]
    if invalid:
        raise WranglerError("\n".join([f"{place}: Invalid routes in {key}:", *invalid]))


def _invalid_among(rules: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for rule in rules:
        if len(rule) > _MAX_RULE_LENGTH:
            yield f"'{rule}': all rules must be less than {_MAX_RULE_LENGTH} characters in length"
        if rule in seen:
            yield f"'{rule}': rule is a duplicate; rules must be unique"
        seen.add(rule)
        if rule.endswith("*"):
            for other in rules:
                if other != rule and other.startswith(rule[:-1]):
                    yield f"'{other}': rule '{rule}' makes it redundant"
