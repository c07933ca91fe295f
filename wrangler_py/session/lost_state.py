"""What a text of several statements leaves in its session, for later queries: lost here, and not at a server.

The session is reset when the connection goes back to the pool.
"""

from __future__ import annotations

from wrangler_py.sql.facts import SessionEffect as Effect
from wrangler_py.sql.facts import StatementFacts

_RESET = "Hyperdrive resets the session when the connection goes back to the pool."
SET_NOTE = (
    f"SET outside a transaction holds for that query only: {_RESET} "
    "Set it inside a transaction, or in the connection string."
)
TEMPORARY_TABLE_NOTE = (
    f"A temporary table made outside a transaction is gone after that query: {_RESET} "
    "Create and use it inside one transaction, or use a WITH query."
)
CURSOR_NOTE = (
    f"A WITH HOLD cursor declared outside a transaction is gone after that query: {_RESET} "
    "Use the cursor inside one transaction."
)

_Left = dict[str, set[str]]
_UNNAMED = ""
"""For what the text doesn't name."""


def notes_on(statements: tuple[StatementFacts, ...]) -> tuple[str, ...]:
    """What to tell whoever sends these statements in one text, outside a transaction."""
    left: _Left = {TEMPORARY_TABLE_NOTE: set(), CURSOR_NOTE: set(), SET_NOTE: set()}
    committed = _copy(left)
    inside = False
    for statement in statements:
        if statement.kind == "begin":
            inside = True
        elif statement.kind in ("commit", "prepare_transaction"):
            committed, inside = _copy(left), inside and statement.chains
        elif statement.kind == "rollback":
            left, inside = _copy(committed), inside and statement.chains
        else:
            _run(left, statement)
    last = committed if inside else left  # a transaction that is left open keeps what it has
    return tuple(note for note, names in last.items() if names)


def _run(left: _Left, statement: StatementFacts) -> None:
    effects = statement.effects
    if effects & Effect.TEMP_TABLE:
        left[TEMPORARY_TABLE_NOTE] |= statement.tables_written or {_UNNAMED}
    elif statement.kind == "drop":
        left[TEMPORARY_TABLE_NOTE] -= statement.tables_written
    if effects & Effect.HOLD_CURSOR:
        left[CURSOR_NOTE].add(statement.target or _UNNAMED)
    elif statement.kind == "close":
        _take_away(left[CURSOR_NOTE], {statement.target} if statement.target else None)
    if effects & (Effect.SET | Effect.SET_CONFIG):
        left[SET_NOTE] |= statement.settings or {_UNNAMED}
    elif effects & Effect.RESET:
        _take_away(left[SET_NOTE], statement.settings or None)


def _take_away(names: set[str], some: set[str] | frozenset[str] | None) -> None:
    """Removes `some` of `names`, or all."""
    if some is None:
        names.clear()
    else:
        names -= some


def _copy(left: _Left) -> _Left:
    return {note: set(names) for note, names in left.items()}
