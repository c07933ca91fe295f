"""The CSS selectors of HTMLRewriter, matched against the elements that are open."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from wrangler_py.worker.platform.values import JsTypeError

_NAME: Final = r"(?:[\w-]|[^\x00-\x7f]|\\.)+"
_SIMPLE: Final = re.compile(
    rf"""(?P<star>\*)|\#(?P<id>{_NAME})|\.(?P<class>{_NAME})|(?P<tag>{_NAME})"""
    rf"""|\[\s*(?P<attribute>{_NAME})\s*(?:(?P<operator>[~^$*|]?=)\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    rf"""|(?P<plain>{_NAME}))\s*(?P<flag>[iIsS])?\s*)?\]"""
    r"""|:(?P<pseudo>first-child|first-of-type)|:(?P<nth>nth-child|nth-of-type)\(\s*(?P<formula>[^)]*)\)"""
    r"""|:not\((?P<not>[^)]*)\)"""
)
_COMBINATOR: Final = re.compile(r"\s*>\s*|\s+")
_FORMULA: Final = re.compile(r"([+-]?\d*)n\s*(?:([+-])\s*(\d+))?|([+-]?\d+)")


class OpenElement(NamedTuple):
    """The properties of an element that selectors test."""

    tag: str
    attributes: dict[str, str]
    position: int
    """Its position among its parent's children, from 1."""
    position_of_type: int


class Selector:
    """One selector, or several with commas between them. Raises TypeError for what it does not know."""

    def __init__(self, text: str) -> None:
        self._choices = [_Choice(part) for part in _split(text)]

    def matches(self, path: list[OpenElement]) -> bool:
        """Whether it selects the last element of a path from the outermost element."""
        return any(choice.matches(path) for choice in self._choices)


def _split(text: str) -> list[str]:
    parts = re.split(r""",(?=(?:[^"'()]|"[^"]*"|'[^']*'|\([^)]*\))*$)""", text)
    if not all(part.strip() for part in parts):
        raise JsTypeError.new("Parser error: The selector is empty.")
    return parts


def _problem(rest: str) -> Exception:
    what = "Unsupported syntax has been encountered in the selector."
    if rest[:1] in {"+", "~"}:
        what = f"Unsupported combinator `{rest[0]}` in selector."
    elif rest.startswith(":"):
        what = "Unsupported pseudo-class or pseudo-element in selector."
    error: Exception = JsTypeError.new(f"Parser error: {what}")
    return error


class _Choice:
    def __init__(self, text: str) -> None:
        self._steps: list[tuple[str, list[re.Match[str]]]] = []
        rest, combinator = text.strip(), " "
        while rest:
            simple: list[re.Match[str]] = []
            while (found := _SIMPLE.match(rest)) is not None and not (simple and found["tag"]):
                simple.append(found)
                rest = rest[found.end() :]
            if not simple:
                raise _problem(rest)
            if simple[0]["tag"] is not None and not re.match(r"[^\W\d]|[-_\\]", simple[0]["tag"]):
                raise JsTypeError.new("Parser error: The selector is empty.")
            self._steps.append((combinator, simple))
            between = _COMBINATOR.match(rest)
            if between is None and rest:
                raise _problem(rest)
            if between is not None:
                combinator = ">" if ">" in between[0] else " "
                rest = rest[between.end() :]
                if not rest:
                    raise JsTypeError.new("Parser error: Dangling combinator in selector.")

    def matches(self, path: list[OpenElement]) -> bool:
        return self._match(path, len(self._steps) - 1)

    def _match(self, path: list[OpenElement], step: int) -> bool:
        combinator, simple = self._steps[step]
        if not path or not all(_is(path[-1], part) for part in simple):
            return False
        if step == 0:
            return True
        if combinator == ">":
            return self._match(path[:-1], step - 1)
        return any(self._match(path[:length], step - 1) for length in range(len(path) - 1, 0, -1))


def _is(element: OpenElement, part: re.Match[str]) -> bool:
    if part["star"]:
        return True
    if part["tag"]:
        return element.tag == part["tag"].lower()
    if part["id"]:
        return element.attributes.get("id") == part["id"]
    if part["class"]:
        return part["class"] in element.attributes.get("class", "").split()
    if part["attribute"]:
        return _has_attribute(element, part)
    if part["pseudo"]:
        return (element.position if part["pseudo"] == "first-child" else element.position_of_type) == 1
    if part["nth"]:
        return _counted(
            element.position if part["nth"] == "nth-child" else element.position_of_type, part["formula"]
        )
    return not Selector(part["not"]).matches([element])


def _has_attribute(element: OpenElement, part: re.Match[str]) -> bool:
    value = element.attributes.get(part["attribute"].lower())
    operator = part["operator"]
    if value is None or operator is None:
        return value is not None
    wanted: str = next((part[name] for name in ("double", "single", "plain") if part[name] is not None), "")
    if part["flag"] in {"i", "I"}:
        value, wanted = value.lower(), wanted.lower()
    tests: dict[str, Any] = {
        "=": lambda: value == wanted,
        "~=": lambda: wanted in value.split(),
        "^=": lambda: bool(wanted) and value.startswith(wanted),
        "$=": lambda: bool(wanted) and value.endswith(wanted),
        "*=": lambda: bool(wanted) and wanted in value,
        "|=": lambda: value == wanted or value.startswith(f"{wanted}-"),
    }
    return bool(tests[operator]())


def _counted(position: int, formula: str) -> bool:
    text = {"odd": "2n+1", "even": "2n"}.get(formula.strip().lower(), formula.strip().lower())
    found = _FORMULA.fullmatch(text)
    if found is None:
        raise JsTypeError.new(
            f"Parser error: Invalid or unescaped character in the selector :nth-child({formula})."
        )
    if found[4] is not None:
        return position == int(found[4])
    step = int(found[1] + "1") if found[1] in {"", "+", "-"} else int(found[1])
    offset = int(f"{found[2]}{found[3]}") if found[3] else 0
    difference = position - offset
    return difference == 0 if step == 0 else difference % step == 0 and difference // step >= 0
