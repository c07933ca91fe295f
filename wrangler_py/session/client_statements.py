"""The statements that a client has prepared, by its own names.

Changes are noted ahead: the state is what holds once the origin has done everything that the client sent. Each
change returns a function that takes it back, in case an error makes the origin skip it. Of several changes, the
last one is taken back first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from wrangler_py.pgwire.frontend_kinds import PARSE

if TYPE_CHECKING:
    from wrangler_py.pgwire.outstanding_requests import OutstandingRequest
    from wrangler_py.session.statements import Statement

MAX_NAME_BYTES: Final = 63
"""PostgreSQL looks at no more of a statement's name."""
MAX_FORMER = 100
"""How many former names, and how many removed statements, are remembered."""
_SCHEMA_HAS_CHANGED = re.compile(rb"\0C(?:0A|3F|42|XX)")

Undo = Callable[[], object]


class UnnamedChange:
    """Takes a change of the unnamed statement back when it is called, unless there was a later change."""

    __slots__ = ("_before", "_change", "_statements")

    def __init__(self, statements: ClientStatements, change: int, before: Statement | None) -> None:
        self._statements = statements
        self._change = change
        self._before = before

    def parse_failed(self) -> None:
        """A server drops the unnamed statement before it looks at the one that is to replace it."""
        self._before = None

    def __call__(self) -> None:
        self._statements.undo_unnamed(self._change, self._before)


class ClientStatements:
    """`unnamed` is the statement without a name; methods take `b""` as its name. They shorten long names."""

    __slots__ = ("_former", "_gone", "_named", "_unnamed_changes", "_unsure", "unnamed")

    def __init__(self) -> None:
        self.unnamed: Statement | None = None
        self._unnamed_changes = 0
        self._named: dict[bytes, Statement] = {}
        self._former: dict[bytes, bytes] = {}
        """The client's names of removed statements, by the pool's: later errors may name them."""
        self._gone: set[tuple[bytes, Statement]] = set()
        """Statements that were removed and then turned out not to have been prepared: not to be restored."""
        self._unsure: set[bytes] = set()
        """Names whose Parse the origin was not sent, and whose use right behind it failed. At a server the Parse
        might have failed, so they may be parsed again."""

    def get(self, name: bytes) -> Statement | None:
        if len(name) > MAX_NAME_BYTES:
            name = name[:MAX_NAME_BYTES]
        return self._named.get(name) if name else self.unnamed

    def is_taken(self, name: bytes) -> bool:
        """Whether a server would refuse a Parse with this name."""
        name = name[:MAX_NAME_BYTES]
        return name in self._named and name not in self._unsure

    def may_be_taken(self, name: bytes) -> bool:
        return name[:MAX_NAME_BYTES] in self._named

    def own_name(self, pool_name: bytes) -> bytes:
        """The client's name for the statement that the pool calls `pool_name`, or `pool_name` if it has none."""
        names = (name for name, statement in self._named.items() if statement.name == pool_name)
        return next(names, self._former.get(pool_name, pool_name))

    def put(self, name: bytes, statement: Statement) -> Undo:
        if not name:
            return self.set_unnamed(statement)
        name = name[:MAX_NAME_BYTES]
        self._unsure.discard(name)
        self._gone.discard((name, statement))
        before = self._named.get(name)
        self._named[name] = statement
        return partial(self._unput, name, statement, before)

    def set_unnamed(self, statement: Statement | None) -> UnnamedChange:
        self._unnamed_changes += 1
        undo = UnnamedChange(self, self._unnamed_changes, self.unnamed)
        self.unnamed = statement
        return undo

    def replace_unnamed(self, statement: Statement | None) -> None:
        """Sets the unnamed statement for good: nothing is under way that could make the origin skip this."""
        self.unnamed = statement

    def undo_unnamed(self, change: int, before: Statement | None) -> None:
        """Takes back the change number `change` of the unnamed statement, if it was the last one."""
        if self._unnamed_changes == change:
            self.unnamed = before
            self._unnamed_changes -= 1

    def remove(self, name: bytes) -> Undo | None:
        """None if there is no such statement."""
        if not name:
            return self.set_unnamed(None) if self.unnamed is not None else None
        name = name[:MAX_NAME_BYTES]
        statement = self._named.pop(name, None)
        if statement is None:
            return None
        self._unsure.discard(name)
        self._note_former(name, statement)
        return partial(self._restore, {name: statement})

    def clear(self) -> Undo:
        """Removes the named statements."""
        before, self._named = self._named, {}
        self._unsure.clear()
        for name, statement in before.items():
            self._note_former(name, statement)
        return partial(self._restore, before)

    def named(self) -> dict[bytes, Statement]:
        return dict(self._named)

    def removed_since(self, before: dict[bytes, Statement]) -> Undo:
        """A function that restores the statements that were there `before` and are gone now."""
        return partial(self._restore, {name: before[name] for name in before.keys() - self._named.keys()})

    def use_failed(self, error: bytes, ahead: Iterable[OutstandingRequest]) -> None:
        """Using a statement failed with `error`. `ahead` are the requests before it, the last one first."""
        if _SCHEMA_HAS_CHANGED.search(error) is None:
            return
        for request in itertools.takewhile(lambda request: request.kind == PARSE and request.payload, ahead):
            if request.name:
                self._unsure.add(request.name[:MAX_NAME_BYTES])

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
