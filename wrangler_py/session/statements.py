"""Prepared statements of the protocol level, which all clients of a pool share.

A client's Parse maps its own name to the pool's one statement for that SQL and those parameter types. Each origin
connection has some of them prepared, under the pool's names, and gets the others on demand.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from wrangler_py.pgwire.backend_kinds import PARAMETER_DESCRIPTION
from wrangler_py.pgwire.messages import split_parse
from wrangler_py.session.sql_text import SQLText, SQLTexts

if TYPE_CHECKING:
    from wrangler_py.session.settings import SessionSettings

MAX_REMEMBERED: Final = 1_000
"""Parse messages remembered whole, so that the same one again costs one look-up."""
MAX_REMEMBERED_BYTES: Final = 4_096
POOL_NAME = re.compile(rb'"(hyperdrive_\d+)"')


class Statement:
    """One distinct (SQL, parameter types). `definition` is a Parse's body behind the name.

    `parameters` and `rows` are its ParameterDescription and RowDescription (or NoData), once they have been seen.
    """

    __slots__ = (
        "__weakref__", "definition", "name", "parameter_types", "parameters", "private", "rows", "sql", "text",
        "types",
    )  # fmt: skip

    def __init__(self, name: bytes, definition: bytes, text: SQLText, *, private: bool = False) -> None:
        self.name = name
        self.private = private
        """Only one client has it."""
        self.definition = definition
        self.sql = definition[: definition.index(0)]
        self.parameter_types = definition[len(self.sql) + 1 :]
        """The types of its parameters, as in Parse: a count and that many OIDs."""
        self.types = self.parameter_types
        """The types of its parameters, as far as they are known: a count and the OIDs."""
        self.text = text
        self.parameters: bytes | None = None
        self.rows: bytes | None = None

    def learn_rows(self, rows: bytes) -> None:
        """Takes note of the columns, unless some are known already."""
        if self.rows is None:
            self.rows = rows

    def take_description(self, other: Statement, rows: bytes) -> None:
        """Has the parameters of `other`, whose columns have changed to `rows`."""
        self.parameters = other.parameters
        self.types = other.types
        self.rows = rows

    def learn(self, answer: bytes) -> None:
        """Takes note of an answer to its Describe. Clients were told the first columns, so these stay."""
        if answer[0] == PARAMETER_DESCRIPTION:
            self.parameters = answer
            self.types = answer[5:]
        elif self.rows is None:
            self.rows = answer


class Statements:
    """The statements of a pool; one lives as long as a client or an origin connection has it.

    A text that has a constant such as 'today' makes a new one for each Parse, since that is when it is read.
    Clients share a statement only if they have the same session settings: what its text means, and constants in
    its plan, depend on them (client_encoding, search_path, DateStyle).
    """

    def __init__(self, texts: SQLTexts) -> None:
        self.generation = 0
        """Grows with every `forget_all`."""
        self._texts = texts
        self._known: WeakValueDictionary[tuple[SessionSettings, bytes], Statement] = WeakValueDictionary()
        self._parsed: dict[tuple[SessionSettings, bytes], tuple[bytes, Statement]] = {}
        self._numbers = itertools.count(1)

    def get(self, definition: bytes, settings: SessionSettings) -> Statement:
        key = (settings, definition)
        statement = self._known.get(key)
        if statement is None:
            text = self._texts.get_as_read(definition[: definition.index(0)], settings)
            statement = Statement(b"hyperdrive_%d" % next(self._numbers), definition, text)
            if not text.reads_clock:
                self._known[key] = statement
        return statement

    def private(self, statement: Statement) -> Statement:
        """Another one with that definition, which nobody else gets: what it means depends on more than that."""
        name = b"hyperdrive_%d" % next(self._numbers)
        return Statement(name, statement.definition, statement.text, private=True)

    def known(self, message: bytes, settings: SessionSettings) -> tuple[bytes, Statement] | None:
        """What `parsed` gives, if it came before."""
        return self._parsed.get((settings, message))

    def parsed(self, message: bytes, settings: SessionSettings) -> tuple[bytes, Statement]:
        """The client's name and the statement of a whole Parse message. Raises ProtocolError."""
        key = (settings, message)
        known = self._parsed.get(key)
        if known is None:
            name, definition = split_parse(message)
            known = name, self.get(definition, settings)
            if len(message) <= MAX_REMEMBERED_BYTES and not known[1].text.reads_clock:
                if len(self._parsed) >= MAX_REMEMBERED:
                    self._parsed.clear()
                self._parsed[key] = known
        return known

    def forget_all(self) -> None:
        """The next Parse of a definition makes a new statement, which gets a new plan."""
        self.generation += 1
        self._parsed.clear()
        self._known.clear()
