"""SQL laid out in lines, by PostgreSQL's own parser."""

from __future__ import annotations

from functools import lru_cache

LONGEST = 100_000
"""A longer text is shown as it was sent."""


@lru_cache(maxsize=256)
def format_sql(sql: str) -> str | None:
    """`sql` in lines, without its comments; None where it cannot be parsed."""
    if len(sql) > LONGEST:
        return None
    import postgast

    try:
        return str(postgast.format_sql(sql)).removesuffix(";")
    except (postgast.PgQueryError, ValueError, KeyError, RecursionError):
        return None
