"""Finds the function that keeps a query from being cached.

The product looks for names in the text, comments included; it says of itself that it doesn't understand the
query. So does this: the name of a function that PostgreSQL calls STABLE or VOLATILE, followed by a parenthesis,
counts wherever it stands: in code, in a comment, in a string literal, quoted or with a schema. So do the SQL
keywords without parentheses, as whole words. A column that is called as a function is, without a parenthesis
(`version`, `random`), does not count. `USER` counts only where the parser sees the keyword: as a word it is in
too many tables, columns and comments.

Some names have IMMUTABLE overloads beside others (`length`, `date`, `generate_series`; MIXED in the list). A name
alone says nothing there, so the parse tree decides: the call counts unless its number of arguments, and the types
that literals and casts show, leave only IMMUTABLE overloads. Where a column's type would decide, it counts, with
one exception: `DATE(column)` is cached, since the product's own documentation has it as its cacheable example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wrangler_py.sql.facts import FunctionCall, SQLFacts
from wrangler_py.sql.postgres_functions import MIXED, STABLE, VOLATILE

KEYWORDS = frozenset(
    {
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "localtime",
        "localtimestamp",
        "session_user",
        "system_user",
    }
)
"""Functions that SQL writes without parentheses. All are STABLE."""

_NAMED = re.compile(rf'(?<![\w$])(?:({"|".join(sorted(KEYWORDS))})(?![\w$])|([a-z_][\w$]*)"?\s*\()', re.IGNORECASE)

_COUNTED_SYNTAX = {"extract", "overlaps"}
"""Functions with special syntax whose name is in the text anyway."""

_CACHED_BY_DOCUMENTATION = {"date"}

_STABLE = frozenset(map(str.lower, STABLE))
_VOLATILE = frozenset(map(str.lower, VOLATILE))

_IMPLICIT_CASTS = {
    "int2": {"int4", "int8", "numeric", "float4", "float8"},
    "int4": {"int8", "numeric", "float4", "float8"},
    "int8": {"numeric", "float4", "float8"},
    "numeric": {"float4", "float8"},
    "float4": {"float8"},
    "date": {"timestamp", "timestamptz"},
    "timestamp": {"timestamptz"},
    "time": {"timetz", "interval"},
    "varchar": {"text", "bpchar", "name"},
    "bpchar": {"text", "varchar", "name"},
    "name": {"text"},
    "text": {"bpchar", "varchar", "name", "regclass"},
}


@dataclass(frozen=True, slots=True)
class VolatileName:
    """A name that counts: `name` in lower case, `position` its index in the text."""

    name: str
    position: int
    volatile: bool
    """VOLATILE; else STABLE."""
    depends_on_types: bool
    """The name has IMMUTABLE overloads too, and the text doesn't show that one of them is called."""
    called: bool
    """The query calls it; else the name is just in the text, in a comment or a string."""

    @property
    def written(self) -> str:
        """As people write it: `NOW()`, `CURRENT_DATE`."""
        return self.name.upper() + ("" if self.name in KEYWORDS or self.name == "user" else "()")


def first_volatile_name(sql: str, facts: SQLFacts) -> VolatileName | None:
    """The first name in the text that keeps it from being cached; None if there is none."""
    return min(
        (*_in_text(sql, facts), *_in_tree(sql, facts)),
        key=lambda found: (found.position, not found.called),
        default=None,
    )


def _in_text(sql: str, facts: SQLFacts) -> Iterator[VolatileName]:
    for match in _NAMED.finditer(sql):
        name = match[match.lastindex or 0].lower()
        if name in _VOLATILE or name in _STABLE or name in KEYWORDS:
            called = name in facts.functions_called
            yield VolatileName(name, match.start(), name in _VOLATILE, False, called)
            return


def _in_tree(sql: str, facts: SQLFacts) -> Iterator[VolatileName]:
    for statement in facts.statements:
        for call in statement.calls:
            if volatility := _volatility(call):
                position = _position(sql, call)
                mixed = call.name in MIXED and not _is_always(call)
                yield VolatileName(call.name, position, volatility == "v", mixed, True)


def _position(sql: str, call: FunctionCall) -> int:
    """Where the name of the call is, after its schema and opening quote."""
    start = len(sql.encode("utf-8", "surrogateescape")[: call.location].decode("utf-8", "replace"))
    name = re.compile(re.escape(call.name), re.IGNORECASE)
    match = name.search(sql, start + len(call.schema or "") * (not call.syntax))
    return match.start() if match else start


def _volatility(call: FunctionCall) -> str | None:
    """`s` or `v` for a call of PostgreSQL's own function that isn't surely IMMUTABLE, else None."""
    name = call.name
    if call.syntax and name not in _COUNTED_SYNTAX:
        return "s" if name == "user" or name in KEYWORDS else None
    if not call.builtin:
        return None
    if name in MIXED:
        possible = _possible_volatilities(call)
        if possible == {"i"} or (name in _CACHED_BY_DOCUMENTATION and "i" in possible):
            return None
        return "v" if "v" in possible else "s"
    return "v" if name in VOLATILE else "s" if name in STABLE else None


def _is_always(call: FunctionCall) -> bool:
    """Whether no IMMUTABLE overload fits the call."""
    return "i" not in _possible_volatilities(call)


def _possible_volatilities(call: FunctionCall) -> set[str]:
    """The volatilities of the overloads that the call may mean, as far as its text shows."""
    given = call.argument_types
    fitting = [
        (volatility, types)
        for volatility, types, required in MIXED[call.name]
        if required <= len(given) <= len(types)
        and all(_accepts(declared, shown) for declared, shown in zip(types, given, strict=False))
    ]
    if fitting and given and None not in given:
        # PostgreSQL keeps the overloads with the most arguments of exactly the declared type.
        exact = [sum(map(_is_exactly, types, given)) for _, types in fitting]
        fitting = [overload for overload, count in zip(fitting, exact, strict=True) if count == max(exact)]
    return {volatility for volatility, _ in fitting} or {"s"}


def _is_exactly(declared: str, shown: str | None) -> bool:
    """A string literal without a type is taken for a text where there is a choice."""
    return declared == ("text" if shown == "unknown" else shown)


def _accepts(declared: str, shown: str | None) -> bool:
    return (
        shown is None
        or shown in (declared, "unknown")
        or declared.startswith("any")
        or declared in _IMPLICIT_CASTS.get(shown, ())
    )
