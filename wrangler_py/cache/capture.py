"""The captured answer to a query, which may be stored."""

from __future__ import annotations

from typing import Protocol

from wrangler_py.cache.keys import CacheKey
from wrangler_py.hyperdrive.limits import CACHE_RESULT_MAX_BYTES
from wrangler_py.sql.facts import SQLFacts


class DescribedStatement(Protocol):
    """A prepared statement, as the cache sees it."""

    @property
    def sql(self) -> bytes: ...
    @property
    def parameter_types(self) -> bytes: ...
    @property
    def parameters(self) -> bytes | None: ...
    @property
    def rows(self) -> bytes | None: ...

    def learn_rows(self, rows: bytes) -> None:
        """Takes note of the columns, unless some are known already."""


class Capture:
    """`facts` are those of the query's text, and `statement` is None for a simple query.

    `key` is None until the Bind is there. `leads`: others wait for this answer. `spoiled`: it is not to be kept.
    """

    __slots__ = (
        "_data", "_size", "facts", "generation", "key", "leads", "oversized", "sent_at", "spoiled", "statement",
    )  # fmt: skip

    def __init__(
        self,
        facts: SQLFacts,
        statement: DescribedStatement | None,
        sent_at: float,
        generation: int,
        key: CacheKey | None = None,
    ) -> None:
        self.facts = facts
        self.statement = statement
        self.key = key
        self.leads = False
        self.oversized = False
        self.spoiled = False
        self.sent_at = sent_at
        self.generation = generation
        self._data: list[bytes] = []
        self._size = 0

    @property
    def kept(self) -> bool:
        return not (self.spoiled or self.oversized)

    @property
    def answer(self) -> bytes:
        return b"".join(self._data)

    def feed(self, data: bytes) -> None:
        """Takes a part of the answer."""
        self._size += len(data)
        if self._size > CACHE_RESULT_MAX_BYTES:
            self.oversized = True
            self._data = []
        elif not self.spoiled:
            self._data.append(data)

    def bind(self, statement: DescribedStatement, key: CacheKey) -> None:
        """A Bind of `statement` was sent: it decides what the answer is kept as."""
        if self.key is not None or self.statement is not statement:
            self.spoiled = True
        self.key = key

    def of_statement(self, statement: DescribedStatement) -> None:
        """`statement` was prepared in place of the one before."""
        self.statement = statement

    def spoil(self) -> None:
        """The answer will not be stored."""
        self.spoiled = True

    def lead(self) -> None:
        """Others wait for this answer."""
        self.leads = True

    def stop_leading(self) -> None:
        self.leads = False
