"""The `_redirects` file: redirects and rewrites, ahead of the files. Does no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from wrangler_py.worker.assets.rule_files import InvalidLine, meaningful_lines
from wrangler_py.worker.assets.rules import (
    PLACEHOLDER,
    SPLAT,
    InvalidRule,
    checked_url,
    compile_pattern,
    fill_in,
    has_host,
)

MAX_STATIC_RULES = 2000
MAX_DYNAMIC_RULES = 100
REWRITE = 200
_DEFAULT_STATUS = "302"
_STATUSES = frozenset({"200", "301", "302", "303", "307", "308"})
_COMMENT = re.compile(r"\s+#.*$")
_TO_INDEX = re.compile(r"/index(.html)?$")
_OTHER_HOST = re.compile(r"\w+://|//[^/\\\s?#]", re.ASCII)
_SLASHES = re.compile(r"[/\\]+")


class Redirect(NamedTuple):
    """Where to go, and with which status; 200 serves what is there without telling the browser."""

    to: str
    status: int


@dataclass(frozen=True, slots=True)
class _Rule:
    source: str
    to: str
    status: int

    @property
    def is_static(self) -> bool:
        return SPLAT not in self.source and PLACEHOLDER.search(self.source) is None


class RedirectRules:
    """The rules of a `_redirects` file. Those without placeholders that stand before the others are static."""

    def __init__(self, rules: list[_Rule], invalid: list[InvalidLine]) -> None:
        self.count = len(rules)
        self.invalid = tuple(invalid)
        self._static: dict[str, Redirect] = {}
        self._dynamic: list[tuple[re.Pattern[str], Redirect]] = []
        dynamic_from = next((index for index, rule in enumerate(rules) if not rule.is_static), len(rules))
        for rule in rules[:dynamic_from]:
            self._static[rule.source] = Redirect(rule.to, rule.status)
        for rule in rules[dynamic_from:]:
            if (pattern := compile_pattern(rule.source)) is not None:
                self._dynamic.append((pattern, Redirect(rule.to, rule.status)))
        self.slow = tuple(rule for rule in rules[dynamic_from:] if rule.is_static)

    @classmethod
    def parse(cls, text: str, *, html_handling: str = "auto-trailing-slash") -> RedirectRules:
        """Read a file's text. Lines that are no rule are in `invalid`."""
        rules: list[_Rule] = []
        invalid: list[InvalidLine] = []
        counts = _Counts()
        seen: set[str] = set()
        lines = text.count("\n") + 1
        for number, line in meaningful_lines(text, invalid):
            try:
                source, target, status = _tokens(line)
                source = checked_url(source, relative=True, ports=False)
                if (message := counts.over_limit(source, lines - number + 1)) is not None:
                    invalid.append(InvalidLine(message))
                    if counts.dynamic > MAX_DYNAMIC_RULES:
                        break
                    continue
                rule = _checked_rule(source, target, status, html_handling)
                if source in seen:
                    raise InvalidRule(f"Ignoring duplicate rule for path {source}.")
                seen.add(source)
                if rule.status == REWRITE and has_host(rule.to):
                    raise InvalidRule(f"Proxy (200) redirects can only point to relative paths. Got {rule.to}")
                rules.append(rule)
            except InvalidRule as error:
                invalid.append(InvalidLine(str(error), line, number))
        return cls(rules, invalid)

    def match(self, path: str) -> Redirect | None:
        """The redirect for a path, as it stands in the request."""
        if (static := self._static.get(path)) is not None:
            return static
        for pattern, redirect in self._dynamic:
            if (match := pattern.fullmatch(path)) is not None:
                target = fill_in(redirect.to, match.groupdict()).strip()
                if not _OTHER_HOST.match(redirect.to):
                    # Text from the request must not lead to another host, as two slashes would.
                    path, rest = _split(target)
                    target = _SLASHES.sub("/", path) + rest
                return Redirect(target, redirect.status)
        return None

    def notes(self) -> list[str]:
        """Hints about rules that work, and could work faster."""
        return [
            f"The redirect rule {rule.source} → {rule.status} {rule.to} could be made more performant by bringing "
            "it above any lines with splats or placeholders."
            for rule in self.slow
        ]


class _Counts:
    """How many rules there are of each kind."""

    def __init__(self) -> None:
        self.static = self.dynamic = 0

    def over_limit(self, source: str, lines_left: int) -> str | None:
        """Count a rule; what to say if it is one too many."""
        if not self.dynamic and SPLAT not in source and PLACEHOLDER.search(source) is None:
            self.static += 1
            if self.static > MAX_STATIC_RULES:
                return f"Maximum number of static rules supported is {MAX_STATIC_RULES}. Skipping line."
            return None
        self.dynamic += 1
        if self.dynamic > MAX_DYNAMIC_RULES:
            return (
                f"Maximum number of dynamic rules supported is {MAX_DYNAMIC_RULES}. "
                f"Skipping remaining {lines_left} lines of file."
            )
        return None


def _split(target: str) -> tuple[str, str]:
    """The path of a target, and its query and fragment."""
    end = re.search(r"[?#]", target)
    return (target, "") if end is None else (target[: end.start()], target[end.start() :])


def _tokens(line: str) -> tuple[str, str, str]:
    tokens = _COMMENT.sub("", line).split()
    if not 2 <= len(tokens) <= 3:
        raise InvalidRule(f"Expected exactly 2 or 3 whitespace-separated tokens. Got {len(tokens)}.")
    return tokens[0], tokens[1], tokens[2] if len(tokens) == 3 else _DEFAULT_STATUS


def _checked_rule(source: str, target: str, status: str, html_handling: str) -> _Rule:
    to = checked_url(target, search=True, fragment=True)
    if status not in _STATUSES:
        raise InvalidRule(f"Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got {status}.")
    to_index = _TO_INDEX.search(to) is not None and not has_host(to)
    if to_index and (source.endswith("/*") or (source.endswith("/") and html_handling != "none")):
        raise InvalidRule(
            "Infinite loop detected in this rule and has been ignored. This will cause a redirect to strip `.html` "
            "or `/index` and end up triggering this rule again. Please fix or remove this rule to silence this "
            "warning."
        )
    return _Rule(source, to, int(status))
