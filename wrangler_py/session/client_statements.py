"""What a client has prepared, by its own names.

The books are written ahead: they say what is so once all that the client has sent is done. Each change gives what
takes it back, should an error have the origin skip it; of several, the last is taken back first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.pgwire.frontend_kinds import PARSE

if TYPE_CHECKING:
    from wrangler_py.pgwire.outstanding_requests import OutstandingRequest
    from wrangler_py.session.statements import Statement

MAX_FORMER = 100
"""How many former names, and how many statements that are gone, are remembered."""
_SCHEMA_HAS_CHANGED = re.compile(rb"\0C(?:0A|3F|42|XX)")

Undo = Callable[[], object]


class UnnamedChange:
    """Called, it puts the statement from `before` back, unless what was sent later has changed it, too."""

    __slots__ = ("_change", "_statements", "before")

    def __init__(self, statements: ClientStatements, change: int) -> None:
        self.before = statements.unnamed
        self._statements = statements
        self._change = change

    def __call__(self) -> None:
        if self._statements.unnamed_changes == self._change:
            self._statements.unnamed = self.before
            self._statements.unnamed_changes -= 1


class ClientStatements:
    """`unnamed` is the statement without a name, `b""` where a name is asked for."""

    __slots__ = ("_former", "_gone", "_named", "_unsure", "unnamed", "unnamed_changes")

    def __init__(self) -> None:
        self.unnamed: Statement | None = None
        self.unnamed_changes = 0
        self._named: dict[bytes, Statement] = {}
        self._former: dict[bytes, bytes] = {}
        """Names that statements had, by the pool's: errors that are to come may have those."""
        self._gone: set[tuple[bytes, Statement]] = set()
        """What something later has removed, and was not prepared after all: not to be brought back."""
        self._unsure: set[bytes] = set()
        """Names whose Parse the origin was spared, and the use right behind it failed: at a server it might have
        been the Parse that fails. They may be parsed again."""

    def get(self, name: bytes) -> Statement | None:
        return self._named.get(name) if name else self.unnamed

    def is_taken(self, name: bytes) -> bool:
        """Whether a server refuses a Parse with this name."""
        return name in self._named and name not in self._unsure

    def may_be_taken(self, name: bytes) -> bool:
        return name in self._named

    def own_name(self, pool_name: bytes) -> bytes:
        """The client's name for what the pool calls `pool_name`, which is given if it has none."""
        names = (name for name, statement in self._named.items() if statement.name == pool_name)
        return next(names, self._former.get(pool_name, pool_name))

    def put(self, name: bytes, statement: Statement) -> Undo:
        if not name:
            return self.set_unnamed(statement)
        self._unsure.discard(name)
        self._gone.discard((name, statement))
        before = self._named.get(name)
        self._named[name] = statement
        return partial(self._unput, name, statement, before)

    def set_unnamed(self, statement: Statement | None) -> UnnamedChange:
        self.unnamed_changes += 1
        undo = UnnamedChange(self, self.unnamed_changes)
        self.unnamed = statement
        return undo

    def remove(self, name: bytes) -> Undo | None:
        """None if there is no such statement."""
        if not name:
            return self.set_unnamed(None) if self.unnamed is not None else None
        statement = self._named.pop(name, None)
        if statement is None:
            return None
        self._unsure.discard(name)
        self._note_former(name, statement)
        return partial(self._restore, {name: statement})

    def clear(self) -> Undo:
        """Removes those with a name."""
        before, self._named = self._named, {}
        self._unsure.clear()
        for name, statement in before.items():
            self._note_former(name, statement)
        return partial(self._restore, before)

    def named(self) -> dict[bytes, Statement]:
        return dict(self._named)

    def removed_since(self, before: dict[bytes, Statement]) -> Undo:
        """What takes the removal of those back that were there `before`."""
        return partial(self._restore, {name: before[name] for name in before.keys() - self._named.keys()})

    def use_failed(self, error: bytes, ahead: Iterable[OutstandingRequest]) -> None:
        """The use of a statement has ended with `error`; `ahead` are the requests before it, last one first."""
        if _SCHEMA_HAS_CHANGED.search(error) is None:
            return
        for request in itertools.takewhile(lambda request: request.kind == PARSE and request.payload, ahead):
            if request.name:
                self._unsure.add(request.name)

    def _unput(self, name: bytes, statement: Statement, before: Statement | None) -> None:
        self._note_former(name, statement)
        if self._named.get(name) is not statement:
            if len(self._gone) >= MAX_FORMER:
                self._gone.clear()
            self._gone.add((name, statement))
            return
        del self._named[name]
        if before is not None:
            self._named[name] = before

    def _note_former(self, name: bytes, statement: Statement) -> None:
        if len(self._former) >= MAX_FORMER:
            self._former.clear()
        self._former[statement.name] = name

    def _restore(self, before: dict[bytes, Statement]) -> None:
        for name, statement in before.items():
            if (name, statement) in self._gone:
                self._gone.remove((name, statement))
            else:
                self._named.setdefault(name, statement)
