"""Properties of a statement's text that the findings need: its shape, and whether it only reads."""

from __future__ import annotations

import re
from functools import lru_cache

from wrangler_py.sql.analyse import analyse
from wrangler_py.sql.facts import SessionEffect, SQLFacts

_CONSTANT = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?(?![\w$])")
_SPACE = re.compile(r"\s+")
_LONGEST = 20_000
"""Longer texts are not analysed, because that takes longer than the query."""
MAX_KEPT = 2_000


@lru_cache(maxsize=MAX_KEPT)
def shape_of(sql: str) -> str:
    """`sql` without its constants, so that texts that differ only in their values have one shape."""
    return _SPACE.sub(" ", _CONSTANT.sub("?", sql)).strip()


def shortened(sql: str, length: int = 80) -> str:
    """`sql` on one line, cut to `length` characters."""
    line = _SPACE.sub(" ", sql).strip()
    return line if len(line) <= length else line[: length - 1] + "…"


@lru_cache(maxsize=MAX_KEPT)
def only_reads(sql: str) -> bool:
    """Whether it is one or more queries that write nothing."""
    facts = _facts(sql)
    if facts is None or not facts.statements:
        return False
    return all(
        statement.why_not_read_only is None
        and not (statement.tables_written or statement.writes_unknown or statement.changes_schema)
        for statement in facts.statements
    )


@lru_cache(maxsize=MAX_KEPT)
def controls_transaction(sql: str) -> bool:
    """Whether it has only BEGIN, COMMIT and other transaction control."""
    facts = _facts(sql)
    if facts is None or not facts.statements:
        return False
    return all(statement.effects & SessionEffect.TRANSACTION_CONTROL for statement in facts.statements)


def _facts(sql: str) -> SQLFacts | None:
    return analyse(sql) if len(sql) <= _LONGEST else None
