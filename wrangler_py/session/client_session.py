"""The session of one client, as the client sees it.

Changes are noted ahead: the state is what holds once the origin has done everything that the client sent. What an
error made the origin skip is taken back by the functions that the changes returned.
"""

from __future__ import annotations

import re
from functools import partial

from wrangler_py.cache.answers import CachedPortal
from wrangler_py.cache.verdict import NOT_PREPARED, CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import BIND
from wrangler_py.pgwire.outstanding_requests import OutstandingRequest, Receiver, SentGroup
from wrangler_py.session.client_statements import ClientStatements, Undo, UnnamedChange
from wrangler_py.session.effects import Effect, Notice, QueryRefused
from wrangler_py.session.query_run import QueryRun, WorkerRequest
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import SharedState
from wrangler_py.session.sql_text import Refusal, SQLText
from wrangler_py.session.statements import POOL_NAME, Statement


class ClientSession:
    """`receiver` gets the answers. `request` is the Worker's request that the client belongs to, and `number`
    counts the clients of the proxy.

    `portals` are those bound at the origin, until the transaction ends: each with the client's name of the
    statement and the statement. `local_portals` are bound to a DEALLOCATE or DISCARD ALL that the origin need not
    know of; one that has run is None. `cached_portals` are bound to stored answers.

    `in_transaction`: the next message finds itself in a transaction. `failure_ended`: something sent since the last
    answer ends a failed transaction. `why_pinned`: what makes the client keep its origin connection, None if
    nothing does. `unnamed_described`: the unnamed statement was described since the last Sync. `knows_columns`: the
    client was told the columns of a statement or portal that it may use again. `streaming`: the origin was sent the
    head of a message, and the end is still to come.
    """

    __slots__ = (
        "_queries", "cached_portals", "effects", "failure_ended", "in_transaction", "knows_columns",
        "local_portals", "number", "pinned", "portals", "process_id", "receiver", "request", "settings", "shared",
        "statements", "streaming", "unnamed_described", "why_pinned",
    )  # fmt: skip

    def __init__(
        self,
        receiver: Receiver,
        shared: SharedState,
        settings: SessionSettings,
        request: WorkerRequest | None = None,
        *,
        number: int = 0,
    ) -> None:
        self.receiver = receiver
        self.shared = shared
        self.settings = settings
        self.request = request
        self.process_id = 0
        self.number = number
        self.statements = ClientStatements()
        self.portals: dict[bytes, tuple[bytes, Statement]] = {}
        self.local_portals: dict[bytes, Statement | None] = {}
        self.cached_portals: dict[bytes, CachedPortal] = {}
        self.in_transaction = False
        self.failure_ended = False
        self.pinned = False
        self.why_pinned: str | None = None
        self.unnamed_described = False
        self.knows_columns = False
        self.streaming = False
        self._queries: list[QueryRun] = []
        self.effects: list[Effect] = []

    # --- transactions and groups of messages ---------------------------------------------------------------

    def group_begins(self, *, in_transaction: bool) -> None:
        """The messages that follow are sent now."""
        self.in_transaction = in_transaction
        self.failure_ended = False

    def enter(self, process_id: int) -> None:
        """The client is told that it is process `process_id`."""
        self.process_id = process_id

    def nothing_under_way(self) -> None:
        """The origin has answered everything that was sent."""
        self.failure_ended = False

    def transaction_is(self, in_transaction: bool) -> None:
        """Whether the next message finds itself in a transaction."""
        self.in_transaction = in_transaction

    def runs(self, text: SQLText) -> None:
        """`text` is about to be run."""
        if text.begins:
            self.in_transaction = True
        elif text.ends:
            self.in_transaction = self.in_transaction and text.chains
            self.forget_portals()
        if text.ends_failure:
            self.failure_ended = True

    def sync(self) -> None:
        """A Sync was sent."""
        self.unnamed_described = False
        self.forget_cached_portals()
        if not self.in_transaction:
            self.forget_portals()

    def query_begins(self) -> None:
        """A simple query or a function call is sent: it takes the place of the unnamed portal."""
        self.forget_cached_portals()

    def settled(self) -> None:
        """The origin has answered everything and is not in a transaction."""
        self.in_transaction = False

    def stream(self, missing: int) -> None:
        """The origin was sent a message, or a part of one of which `missing` octets are still to come."""
        self.streaming = missing > 0

    def ordinary_query(self, statement: Statement | None, *, named: bool) -> None:
        """An ordinary query is sent: see `translation.ordinary_query`. `statement` is None for a simple one."""
        if statement is None or not named:
            self.statements.replace_unnamed(statement)
        if statement is not None:
            self.unnamed_described = False
        self.in_transaction = False
        if self.cached_portals:
            self.cached_portals = {}

    # --- statements and portals ----------------------------------------------------------------------------

    def parses_unnamed(self) -> None:
        """The unnamed statement is replaced: nothing is known of the new one's description."""
        self.unnamed_described = False

    def describes_unnamed(self) -> None:
        self.unnamed_described = True

    def is_told_columns(self) -> None:
        """The client gets to know the columns of something that it may use again."""
        self.knows_columns = True

    def bind(self, portal: bytes, name: bytes, statement: Statement) -> None:
        """Notes a portal that the origin has."""
        self.local_portals.pop(portal, None)
        self.cached_portals.pop(portal, None)
        self.portals[portal] = (name, statement)

    def rebind(self, portal: bytes, name: bytes, statement: Statement) -> None:
        """The portal's Bind is sent again, for another statement."""
        self.portals[portal] = (name, statement)

    def bind_locally(self, portal: bytes, statement: Statement) -> Undo:
        """Notes a portal that the origin does not know of."""
        self.local_portals[portal] = statement
        self.cached_portals.pop(portal, None)
        self.portals.pop(portal, None)
        return partial(self.local_portals.pop, portal, None)

    def local_portal_ran(self, portal: bytes) -> None:
        self.local_portals[portal] = None

    def forget_local_portal(self, portal: bytes) -> None:
        del self.local_portals[portal]

    def close_portal(self, portal: bytes) -> None:
        self.portals.pop(portal, None)
        self.local_portals.pop(portal, None)
        self.cached_portals.pop(portal, None)

    def forget_portals(self) -> None:
        if self.local_portals:
            self.local_portals.clear()
        if self.portals:
            self.portals.clear()

    def keep_cached_portals(self, portals: dict[bytes, CachedPortal]) -> None:
        """These are bound to stored answers from now on, and no others."""
        self.cached_portals = portals

    def take_cached_portal(self, portal: bytes) -> CachedPortal | None:
        return self.cached_portals.pop(portal, None)

    def forget_cached_portals(self) -> None:
        if self.cached_portals:
            self.cached_portals = {}

    def hit_again(self, statement: Statement | None, *, parses: bool, describes: bool) -> None:
        """A whole group was answered from the cache as before; `statement` is None for a simple query."""
        if parses or (describes and statement is not None):
            self.knows_columns = True
        if parses or statement is None:
            self.statements.replace_unnamed(statement)
        self.forget_cached_portals()

    # --- the origin connection -----------------------------------------------------------------------------

    def pin(self, reason: str) -> None:
        """Keeps the origin connection until the client leaves or sends DISCARD ALL."""
        if not self.pinned:
            self.pinned = True
            self.why_pinned = reason
            who = self.request.id if self.request else f"process {self.process_id}"
            self.notice(f"{self.shared.binding}: client {who} keeps its origin connection: it uses {reason}")

    def unpin(self) -> None:
        self.pinned = False
        self.why_pinned = None

    def forget_request(self) -> None:
        """The Worker's request has ended; later queries belong to none."""
        self.request = None

    # --- queries and effects -------------------------------------------------------------------------------

    def count(
        self,
        sql: bytes,
        text: SQLText,
        *,
        statement: Statement | None = None,
        bind: bytes = b"",
        unnamed_ahead: bool = False,
        dirty: bool = False,
    ) -> None:
        """Notes a query that the group runs, with its cache status.

        `statement` is None for a simple one, and `bind` what follows the names in Bind. `unnamed_ahead`: the
        statement was described ahead of the group. `dirty`: its session may not be as the client asked for.
        """
        if not self.shared.caching:
            status = CacheStatus.DISABLED
        elif text.verdict.status is not None:
            status = text.verdict.status
        elif self.in_transaction:
            status = CacheStatus.TRANSACTION
        elif unnamed_ahead:
            status = CacheStatus.UNCACHEABLE
            self.notice(f"{self.shared.binding}: a query is {NOT_PREPARED.reason}", once=True)
        else:
            own_session = dirty or self.pinned or (statement is not None and statement.private)
            status = CacheStatus.UNCACHEABLE if own_session else CacheStatus.MISS
        types = statement.types if statement is not None else b""
        self._queries.append(
            QueryRun(sql, text, status, self.request, self.number, bind, types, self.in_transaction)
        )

    def text(self, sql: bytes) -> SQLText:
        """What is known of `sql`, as this client's session reads it."""
        return self.shared.texts.get_as_read(sql, self.settings)

    def take_queries(self) -> list[QueryRun]:
        """The queries that were noted since this was last called."""
        queries = self._queries
        if queries:
            self._queries = []
        return queries

    def refuse(self, sql: bytes, refusal: Refusal) -> bytes:
        """`sql` is not run; the error for the client."""
        response = messages.error_response("0A000", refusal.message, hint=refusal.hint)
        self.effects.append(QueryRefused(sql, response))
        return response

    def notice(self, text: str, *, once: bool = False) -> None:
        """Adds a notice to the user."""
        self.effects.append(Notice(text, once))

    def has_effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    def take_effects(self) -> list[Effect]:
        """The effects for the shell to carry out."""
        effects, self.effects = self.effects, []
        return effects

    # --- errors --------------------------------------------------------------------------------------------

    def in_its_words(self, error: bytes) -> bytes:
        """An ErrorResponse that names statements as the pool does, with this client's names."""

        def own(match: re.Match[bytes]) -> bytes:
            return b'"' + self.statements.own_name(match[1]) + b'"'

        return messages.message(error[0], POOL_NAME.sub(own, error[5:]))

    def requests_skipped(
        self, outstanding: list[OutstandingRequest], before: list[OutstandingRequest], error: bytes
    ) -> None:
        """The origin skipped `outstanding` after `error`; their changes are not taken back yet.

        `before` are the requests in front of them in the same group.
        """
        failed = outstanding[0]
        if failed.kind == BIND or (failed.learns is not None and not failed.payload):
            self.statements.use_failed(error, reversed(before))
        elif isinstance(failed.undo, UnnamedChange):
            failed.undo.parse_failed()

    def failed_at_once(self, sent_group: SentGroup) -> None:
        """The origin failed at the first message of a plain group: perhaps the Parse of an unnamed statement."""
        unnamed = self.statements.unnamed
        if unnamed is not None and sent_group.sent.startswith(messages.parse(b"", unnamed.definition)):
            self.statements.replace_unnamed(None)
