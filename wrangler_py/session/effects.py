"""Effects of the translation of messages outside of the two sessions, for the shell to carry out."""

from __future__ import annotations

from typing import NamedTuple


class Notice(NamedTuple):
    """A notice to the user: each `text` once, if `once`."""

    text: str
    once: bool


class QueryRefused(NamedTuple):
    """A query was not sent to the origin; the client gets `response` instead."""

    sql: bytes
    response: bytes


class SchemaChange(NamedTuple):
    """A statement that may change the schema is about to be sent."""


class DatabasesNeeded(NamedTuple):
    """A statement is about to be sent that fails while other clients are connected to these databases."""

    databases: frozenset[str]


Effect = Notice | QueryRefused | SchemaChange | DatabasesNeeded

SCHEMA_CHANGE = SchemaChange()
