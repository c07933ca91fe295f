"""PostgreSQL's own parser (libpg_query, through postgast): SQL text in, a tree of dicts and lists out.

The parser's JSON is read rather than its protobuf messages: it is several times faster to walk in Python, and
protobuf refuses trees deeper than 100, which fifty joined tables or concatenated strings already are.
"""

from __future__ import annotations

import json
import re
from typing import Any

Node = dict[str, Any]

_MAX_NESTING = 5_000
"""Deepest tree asked of the parser. It writes its result recursively, so that some 10,000 to 50,000 levels
(by platform) would overflow the C stack; a server refuses from about 7,000 (`max_stack_depth`)."""

_MAY_NEST = re.compile(
    rb"[-+*/<>=~!@#%^&|`?:.(\[]"
    rb"|\b(?:UNION|INTERSECT|EXCEPT|JOIN|IS|ISNULL|NOTNULL|NOT|COLLATE|AT|LIKE|ILIKE|SIMILAR|BETWEEN|IN|CASE)\b",
    re.IGNORECASE,
)

_OPENING = {"ASCII_40", "ASCII_91"}
_CLOSING = {"ASCII_41", "ASCII_93"}
_CHAINING = {"UNION", "INTERSECT", "EXCEPT", "JOIN"}
"""Each nests what stands before it, whatever commas or ANDs are in between."""
_ENDING = {"ASCII_44", "AND", "OR", "SELECT"}
"""An operator after one of these doesn't nest what stands before it (AND and OR make flat lists)."""
_FLAT = {"IDENT", "SCONST", "ICONST", "FCONST", "PARAM", "SQL_COMMENT", "C_COMMENT", "ASCII_46"}


class ParseError(Exception):
    """The parser refuses the text; `position` is the offending byte's offset, or None."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def parse(text: bytes) -> list[Node]:
    """The statements of UTF-8 `text`: for each a dict of one item, the node's name and its fields.

    Raises ParseError for what PostgreSQL's grammar refuses, a NUL byte, and nesting that no server takes.
    """
    from postgast.native import lib

    if b"\0" in text:
        raise ParseError("SQL can't contain a NUL byte", text.index(b"\0"))
    if len(text) > 2 * _MAX_NESTING and _nesting(text) > _MAX_NESTING:
        raise ParseError("nested too deeply")
    result = lib.pg_query_parse(text)
    try:
        if result.error:
            error = result.error.contents
            message = (error.message or b"syntax error").decode("utf-8", "replace")
            # cursorpos counts characters from 1, and is 0 when there is none.
            raise ParseError(message, error.cursorpos - 1 if error.cursorpos > 0 else None)
        tree: bytes = result.parse_tree
    finally:
        lib.pg_query_free_parse_result(result)
    decoded = _decode(tree.decode("utf-8", "surrogateescape"))
    return [raw["stmt"] for raw in decoded["stmts"] if "stmt" in raw]


def _nesting(text: bytes) -> int:
    """A bound for how deep the tree of `text` gets, never too low, from its tokens; 0 if it has few."""
    if len(_MAY_NEST.findall(text)) <= _MAX_NESTING:
        return 0
    from postgast import PgQueryError, scan
    from postgast.pg_query_pb2 import Token

    try:
        tokens = scan(text.decode("utf-8", "replace")).tokens
    except PgQueryError:
        return 0  # not even tokens: the parser stops where the scanner does
    roles = {
        Token.Value(name): role
        for role, names in enumerate((_OPENING, _CLOSING, _CHAINING, _ENDING, _FLAT))
        for name in names
    }
    outer: list[tuple[int, int]] = []
    depth = deepest = chain = run = 0
    for token in tokens:
        match roles.get(token.token):
            case 0:
                outer.append((chain, run))
                depth += chain + run + 1
                chain = run = 0
            case 1 if outer:
                chain, run = outer.pop()
                depth -= chain + run + 1
            case 2:
                chain += 1
            case 3:
                run = 0
            case 4:
                pass
            case _:
                run += 1
        deepest = max(deepest, depth + chain + run)
    return deepest


_JSON_LEXEME = re.compile(r'[{}\[\]:,]|"(?:[^"\\]|\\.)*"|[^\s{}\[\]:,"]+')


def _decode(text: str) -> Node:
    try:
        tree: Node = json.loads(text)
    except RecursionError:
        return decode_deep(text)
    return tree


def decode_deep(text: str) -> Node:
    """What json.loads does, without recursion."""
    root: list[Any] = []
    stack: list[Any] = [root]
    key: str | None = None
    expects_key = False
    for match in _JSON_LEXEME.finditer(text):
        lexeme = match[0]
        container = stack[-1]
        if lexeme in ",:":
            continue
        if lexeme in "}]":
            stack.pop()
            expects_key = isinstance(stack[-1], dict)
            continue
        if expects_key:
            key = json.loads(lexeme)
            expects_key = False
            continue
        value: Any = {} if lexeme == "{" else [] if lexeme == "[" else json.loads(lexeme)
        if isinstance(container, dict):
            assert key is not None
            container[key] = value
        else:
            container.append(value)
        if lexeme in "{[":
            stack.append(value)
        expects_key = isinstance(stack[-1], dict)
    tree: Node = root[0]
    return tree
