"""Splits HTML into tokens that keep their source text, for rewriting: no tree is built, nothing is repaired."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_RAW_TEXT: Final = frozenset({
    "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext",
})  # fmt: skip
_START: Final = re.compile(r"""<([A-Za-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)>""")
_END: Final = re.compile(r"</([A-Za-z][^\s/>]*)[^>]*>")
_COMMENT: Final = re.compile(r"<!--(.*?)(?:--!?>|\Z)|<[!?/](?!doctype)([^>]*)>", re.DOTALL | re.IGNORECASE)
_DOCTYPE: Final = re.compile(
    r"""<!doctype\s+([^\s>]+)(?:\s+public\s*(["'])(.*?)\2)?(?:\s*(?:system)?\s*(["'])(.*?)\4)?[^>]*>""",
    re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(r"""([^\s=/>"'][^\s=/>]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?""")


class Attribute(NamedTuple):
    """An attribute of a start tag, its name in lower case."""

    name: str
    value: str
    source: str


class Token(NamedTuple):
    """A part of the source. `name` is a tag's or a doctype's, `content` a text's or a comment's."""

    kind: str
    source: str
    name: str = ""
    content: str = ""
    attributes: tuple[Attribute, ...] = ()
    self_closing: bool = False
    public_id: str | None = None
    system_id: str | None = None


def tokens_of(html: str) -> Iterator[Token]:
    """The tokens, whose sources together are the whole text."""
    at = 0
    while at < len(html):
        token = _tag(html, at) if html[at] == "<" else None
        if token is None:
            end = html.find("<", at + 1)
            end = len(html) if end < 0 else end
            token = Token("text", html[at:end], content=html[at:end])
        yield token
        at += len(token.source)
        if token.kind == "start" and token.name in _RAW_TEXT and not token.self_closing:
            close = re.compile(rf"</{re.escape(token.name)}(?=[\s/>])", re.IGNORECASE).search(html, at)
            end = len(html) if close is None else close.start()
            if end > at:
                yield Token("text", html[at:end], content=html[at:end])
            at = end


def _tag(html: str, at: int) -> Token | None:
    if (found := _START.match(html, at)) is not None:
        given = found[2]
        closing = given.rstrip().endswith("/")
        attributes = tuple(
            Attribute(part[1].lower(), part[2] or part[3] or part[4] or "", part[0])
            for part in _ATTRIBUTE.finditer(given.rstrip().removesuffix("/") if closing else given)
        )
        return Token("start", found[0], found[1].lower(), attributes=attributes, self_closing=closing)
    if (found := _END.match(html, at)) is not None:
        return Token("end", found[0], found[1].lower())
    if (found := _DOCTYPE.match(html, at)) is not None:
        return Token("doctype", found[0], found[1].lower(), public_id=found[3], system_id=found[5])
    if (found := _COMMENT.match(html, at)) is not None:
        return Token("comment", found[0], content=found[2] if found[1] is None else found[1])
    return None
