"""`analyse`: facts about a SQL text, from PostgreSQL's own parser."""

from __future__ import annotations

import functools
import gc
import operator
from collections.abc import Iterator
from contextlib import contextmanager

from wrangler_py.sql import parse_tree
from wrangler_py.sql.facts import FunctionCall, SessionEffect, SQLFacts, StatementFacts
from wrangler_py.sql.parse_tree import ParseError
from wrangler_py.sql.statement_kinds import statement_facts

__all__ = ["FunctionCall", "SQLFacts", "SessionEffect", "StatementFacts", "analyse"]

_LARGE = 20_000
"""Bytes of SQL from which the tree is so large that walking over it again and again would be most of the work
of Python's garbage collector."""


def analyse(sql: str) -> SQLFacts:
    """The facts of one text, which may hold any number of statements. Never raises.

    Bytes that were not UTF-8 may stand in `sql` as surrogates (`errors="surrogateescape"`). String literals
    are read with `standard_conforming_strings` on, the parser's only way. Costs some tens of microseconds for
    an ordinary query: keep the result for the text.
    """
    try:
        text = sql.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        text = sql.encode("utf-8", "replace")
    try:
        with _collector_at_rest(len(text) > _LARGE):
            statements = tuple([statement_facts(node) for node in parse_tree.parse(text)])
    except ParseError as error:
        return SQLFacts(
            statements=(),
            parse_error=error.message,
            error_position=error.position,
            writes_unknown=True,
            session_effects=SessionEffect.UNKNOWN_SYNTAX,
        )
    calls = [call for statement in statements for call in statement.calls]
    return SQLFacts(
        statements=statements,
        kinds=tuple([statement.kind for statement in statements]),
        read_only=bool(statements) and all(statement.read_only for statement in statements),
        tables_read=frozenset().union(*(statement.tables_read for statement in statements)),
        tables_written=frozenset().union(*(statement.tables_written for statement in statements)),
        writes_unknown=any(statement.writes_unknown for statement in statements),
        changes_schema=any(statement.changes_schema for statement in statements),
        writes_catalogs=any(statement.writes_catalogs for statement in statements),
        session_effects=functools.reduce(
            operator.or_, (statement.effects for statement in statements), SessionEffect.NONE
        ),
        settings=frozenset().union(*(statement.settings for statement in statements)),
        is_cleanup=bool(statements) and all(statement.is_cleanup for statement in statements),
        functions_called=frozenset([call.name for call in calls]),
        unknown_functions=frozenset([call.name for call in calls if not call.builtin]),
    )


@contextmanager
def _collector_at_rest(rest: bool) -> Iterator[None]:
    if not rest or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
