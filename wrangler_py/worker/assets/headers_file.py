"""The `_headers` file: headers that are set on, or removed from, the responses of static assets. Does no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wrangler_py.worker.assets.rule_files import InvalidLine, meaningful_lines
from wrangler_py.worker.assets.rules import SPLAT, InvalidRule, checked_url, compile_pattern, fill_in

MAX_RULES = 100
_PROBABLY_A_PATH = re.compile(r"[^\s]+://|/")
_REMOVE = "! "
_SPLAT_PLACEHOLDER = re.compile(r":splat(?!\w)", re.ASCII)


@dataclass(slots=True)
class HeaderRule:
    """The headers for the paths of one pattern."""

    path: str
    line: str
    set: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.set and not self.unset

    def add(self, name: str, value: str) -> None:
        """Set a header; values that are given twice are joined."""
        self.set[name] = f"{self.set[name]}, {value}" if name in self.set else value


class HeaderRules:
    """The rules of a `_headers` file, in its order."""

    def __init__(self, rules: list[HeaderRule], invalid: list[InvalidLine]) -> None:
        self.count = len(rules)
        self.invalid = tuple(invalid)
        # A pattern that stands there twice keeps its first place and its last headers.
        by_path = {rule.path: rule for rule in rules}
        self._rules = [(pattern, rule) for rule in by_path.values() if (pattern := compile_pattern(rule.path))]

    @classmethod
    def parse(cls, text: str) -> HeaderRules:
        """Read a file's text. Lines that are no rule are in `invalid`."""
        rules: list[HeaderRule] = []
        invalid: list[InvalidLine] = []
        rule: HeaderRule | None = None
        skipping = False
        lines = text.count("\n") + 1
        for number, line in meaningful_lines(text, invalid):
            if _PROBABLY_A_PATH.match(line):
                if len(rules) >= MAX_RULES:
                    left = lines - number + 1
                    limit = f"Maximum number of rules supported is {MAX_RULES}."
                    invalid.append(InvalidLine(f"{limit} Skipping remaining {left} lines of file."))
                    break
                if rule is not None:
                    _finish(rule, rules, invalid, number)
                rule = None
                try:
                    rule = HeaderRule(_checked_path(line), line)
                except InvalidRule as error:
                    invalid.append(InvalidLine(str(error), line, number))
                skipping = rule is None
            elif not skipping:
                try:
                    _read_header(line, rule)
                except InvalidRule as error:
                    invalid.append(InvalidLine(str(error), line, number))
        if rule is not None:
            _finish(rule, rules, invalid, None)
        return cls(rules, invalid)

    def apply(self, headers: list[tuple[str, str]], host: str, path: str) -> list[tuple[str, str]]:
        """`headers` as the rules that match have them.

        The first rule that sets a header replaces it, others add to it.
        """
        given: set[str] = set()
        for pattern, rule in self._rules:
            match = pattern.fullmatch(f"https://{host}{path}" if rule.path.startswith("https://") else path)
            if match is None:
                continue
            unset = {name.lower() for name in rule.unset}
            headers = [pair for pair in headers if pair[0] not in unset]
            for name, value in rule.set.items():
                if name not in given:
                    headers = [pair for pair in headers if pair[0] != name]
                    given.add(name)
                headers = [*headers, (name, fill_in(value, match.groupdict()))]
        return headers


def _finish(rule: HeaderRule, rules: list[HeaderRule], invalid: list[InvalidLine], number: int | None) -> None:
    if rule.is_empty:
        invalid.append(InvalidLine("No headers specified", rule.line, number))
    else:
        rules.append(rule)


def _checked_path(line: str) -> str:
    path = checked_url(line, ports=False)
    splats = path.count(SPLAT)
    if splats > 1:
        raise InvalidRule(
            "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead. "
            f"Skipping {path}."
        )
    if splats and _SPLAT_PLACEHOLDER.search(path):
        raise InvalidRule(
            "Cannot combine a wildcard * with a :splat placeholder because wildcards are converted to :splat "
            f"at runtime. Skipping {path}."
        )
    return path


def _read_header(line: str, rule: HeaderRule | None) -> None:
    """Put `Name: value` or `! Name` into `rule`. Raises InvalidRule."""
    name, colon, value = line.partition(":")
    if not colon:
        if rule is None:
            raise InvalidRule("Expected a path beginning with at least one forward-slash")
        if not line.startswith(_REMOVE):
            raise InvalidRule("Expected a colon-separated header pair (e.g. name: value)")
        rule.unset.append(line.removeprefix(_REMOVE))
        return
    name, value = name.strip().lower(), value.strip()
    if " " in name:
        raise InvalidRule("Header name cannot include spaces")
    if not name:
        raise InvalidRule("No header name specified")
    if not value:
        raise InvalidRule("No header value specified")
    if rule is None:
        raise InvalidRule(f"Path should come before header ({name}: {value})")
    rule.add(name, value)
