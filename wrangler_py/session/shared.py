"""What the sessions of one pool share."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wrangler_py.session.sql_text import SQLTexts
from wrangler_py.session.statements import Statements
from wrangler_py.session.stored_code import StoredCode

INTERRUPTED = re.compile(rb"\0C57")
"""SQLSTATE class 57, Operator Intervention: cancelled, or the server shuts down."""


class SharedState:
    """The SQL texts and statements of a pool, what its database runs by itself, and the rules for its sessions.

    `allow_unsupported` lets through what Hyperdrive refuses, and keeps a connection for whoever needs its session.
    An origin connection has at most `max_prepared_statements`. `caching` says whether the config caches.
    `discards_all`: the origin refuses the usual reset, so sessions are reset by DISCARD ALL. `resets_apart`: a
    reset failed that was in one transaction with a query, so each has a transaction of its own. `binding` is the
    name in messages to the person.
    """

    __slots__ = (
        "_process_ids", "allow_unsupported", "binding", "caching", "discards_all", "max_prepared_statements",
        "resets_apart", "statements", "stored_code", "texts",
    )  # fmt: skip

    def __init__(
        self, binding: str, *, allow_unsupported: bool = False, max_prepared_statements: int = 200
    ) -> None:
        self.binding = binding
        self.allow_unsupported = allow_unsupported
        self.max_prepared_statements = max_prepared_statements
        self.caching = False
        self.discards_all = False
        self.resets_apart = False
        self.texts = SQLTexts()
        self.statements = Statements(self.texts)
        self.stored_code = StoredCode()
        self._process_ids: dict[int, int] = {}

    def use_caching(self, caching: bool) -> None:
        """The config says whether it caches."""
        self.caching = caching

    def reset_refused(self) -> None:
        """The origin answered a reset with an error: from now on DISCARD ALL takes its place."""
        self.discards_all = True

    def reset_within_failed(self, error: bytes) -> None:
        """The origin answered a reset in the transaction of a query with `error`."""
        if not INTERRUPTED.search(error):
            self.resets_apart = True

    def schema_changed(self) -> None:
        """Something ran, here or elsewhere, that may make plans stale or give queries other effects."""
        self.statements.forget_all()
        self.stored_code.forget()

    @property
    def process_ids(self) -> Mapping[int, int]:
        """For process ids of the origin, those that clients see in notifications instead."""
        return self._process_ids

    def show_process_id(self, origin: int, client: int) -> None:
        """A client that knows itself as process `client` listens or notifies on the origin's process `origin`."""
        self._process_ids[origin] = client

    def forget_process_id(self, origin: int) -> None:
        """The origin's process is gone."""
        self._process_ids.pop(origin, None)
