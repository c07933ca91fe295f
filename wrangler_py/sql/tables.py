"""Names of tables as one string: `articles`, `public.articles`, `"Odd name"`.

A name is kept as the text has it, after the parser has folded its case, with quotes where PostgreSQL needs
them, and without a schema if it has none: see `may_be_same_table`.
Views, sequences and foreign tables count as tables.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_LAST_PART = re.compile(r'(?:"(?:[^"]|"")*"|[^."]+)\Z')


def table_name(schema: str | None, name: str) -> str:
    """The written form of a parsed name."""
    quoted = _quoted(name)
    return f"{_quoted(schema)}.{quoted}" if schema else quoted


def unqualified(table: str) -> str:
    """The name without its schema."""
    if '"' not in table:
        return table.rpartition(".")[2]
    match = _LAST_PART.search(table)
    return match[0] if match else table


def is_catalog(table: str) -> bool:
    """Whether `table` is a part of `pg_catalog` or `information_schema`, as far as its name shows."""
    schema, _, name = table.rpartition(".")
    return schema in ("pg_catalog", "information_schema") or (not schema and name.startswith("pg_"))


def may_be_same_table(one: str, other: str) -> bool:
    """Whether two names can mean one table: equal, or equal without schema while one of them has none.

    Which schema a bare name means is up to `search_path`, so it is taken to mean any.
    """
    if one == other:
        return True
    last = unqualified(one)
    return last == unqualified(other) and (last in (one, other))


def _quoted(identifier: str) -> str:
    return identifier if _PLAIN.match(identifier) else '"' + identifier.replace('"', '""') + '"'
