"""One client: a driver's connection to the proxy, from its first query to its end.

It holds an origin connection from the first message of a group until the origin is idle again with nothing
outstanding; what it sends meanwhile goes straight there.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import NOT_PREPARED, CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import FrontendReader, Piece
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import BIND
from wrangler_py.proxy import failures
from wrangler_py.proxy.columns import prove_columns, unproved
from wrangler_py.proxy.connection_user import ConnectionUser
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.fast_path import forward_at_once, forward_now
from wrangler_py.proxy.forward import Group, answer_locally, fail_at_origin, forward, forward_simple
from wrangler_py.proxy.origin import IDLE
from wrangler_py.proxy.query_run import QueryRun
from wrangler_py.proxy.session_effects import may_reset
from wrangler_py.proxy.stale_plan import prepared_anew
from wrangler_py.proxy.tcp import acknowledge_now
from wrangler_py.proxy.waiting_messages import Pending, WaitingMessages
from wrangler_py.session.client_statements import ClientStatements, UnnamedChange
from wrangler_py.session.statements import POOL_NAME

if TYPE_CHECKING:
    from wrangler_py.cache.keys import CacheKey
    from wrangler_py.pgwire.outstanding_requests import OutstandingRequest, SentGroup
    from wrangler_py.proxy.caching import CachedPortal
    from wrangler_py.proxy.fast_path import FastQuery
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.proxy.server import Proxy
    from wrangler_py.proxy.worker_requests import Request
    from wrangler_py.session.settings import SessionSettings
    from wrangler_py.session.sql_text import SQLText
    from wrangler_py.session.statements import Statement

GROUP_BYTES = 262_144
"""A longer message group goes out before its end is there."""
NO_MORE_INPUT_S = 0.002
"""Messages that no Sync or Flush follows for so long are run without one, as a server runs them at once."""
CLOSE_GRACE_S = 1.0
"""How long a client that is closed may take to read what it was sent."""

_QUERY, _FUNCTION_CALL, _PARSE, _BIND, _SYNC, _FLUSH, _TERMINATE = b"QFPBSHX"
_COPY_DONE, _COPY_FAIL = b"cf"
_EXTENDED = frozenset(b"PBDEC")


class ClientSession(asyncio.Protocol, ConnectionUser):
    """Has the connection once the client is in: see `proxy.login`."""

    def __init__(
        self,
        proxy: Proxy,
        transport: asyncio.Transport,
        pool: Pool,
        request: Request | None,
        settings: SessionSettings,
        *,
        minor: int,
    ) -> None:
        self.proxy = proxy
        self.transport = transport
        self.reader = FrontendReader()
        self.pool = pool
        self.request = request
        self.settings = settings
        self.statements = ClientStatements()
        self.local_portals: dict[bytes, Statement | None] = {}
        """Bound to a DEALLOCATE or DISCARD ALL, which the origin need not know of; None when it has been run."""
        self.portals: dict[bytes, tuple[bytes, Statement]] = {}
        """What is bound at the origin, until the transaction ends: the statement, and the client's name for it."""
        self.origin: OriginConnection | None = None
        self.waiting = False
        self.in_transaction = False
        self.failure_ended = False
        """What was sent since the last answer ends the failure of its transaction."""
        self.pinned = False
        self.unnamed_described = False
        self.knows_columns = False
        """Whether it was ever told the columns of a statement or portal that it may use again."""
        self.cached_portals: dict[bytes, CachedPortal] = {}
        self.queries: list[QueryRun] = []
        self.leads: CacheKey | None = None
        self._follows: CacheKey | None = None
        self._let_down = 0
        self.asks_alone = False
        """What it asks now waits for nobody else's answer, and nobody else waits for its."""
        self._stalled = False
        self.skipping = False
        self.streaming = False
        """The origin was sent the head of a message whose end is still to come."""
        self.write_paused = False
        self.process_id = 0
        self.secret = secrets.token_bytes(32 if minor >= 2 else 4)
        self._group: Group = []
        self._group_bytes = 0
        self._no_more_input: asyncio.TimerHandle | None = None
        self._pending = WaitingMessages()

    # --- asyncio's side ------------------------------------------------------------------------------------

    def begin(self, owed: bytes, early: bytes) -> None:
        """Tells the client to go ahead, behind the answer it is `owed`; `early` is what it sent before."""
        self.process_id = self.proxy.enter(self)
        key = messages.backend_key_data(self.process_id, self.secret)
        self.transport.write(owed + self.settings.greeting() + key + messages.READY_IDLE)
        if early:
            self.data_received(early)

    def connection_lost(self, error: Exception | None) -> None:
        self.proxy.leave(self)
        self.unpin()
        self._stop()

    def _stop(self) -> None:
        """Nothing of what it sent goes on waiting, and its connection goes back."""
        self._stop_waiting()
        self._give_up_lead()
        self._let_origin_go()
        self._take_group()
        self._pending.take_all()

    def _stop_waiting(self) -> None:
        if self._follows is not None:
            self.pool.caching.leave(self, self._follows)
            self._follows = None
        elif self.waiting:
            self.pool.withdraw(self)
        self.waiting = self._stalled = False

    def _let_origin_go(self) -> None:
        origin, self.origin = self.origin, None
        if origin is not None:
            if self.streaming:
                origin.abort()
            else:
                origin.abandon()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.origin is not None:
            self.origin.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.origin is not None:
            self.origin.resume_reading()
        if self._stalled:
            self._stalled = False
            self.resume()

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        held_up = self._stalled or self._pending.too_many or (self.origin is not None and self.origin.write_paused)
        if not held_up and not self.transport.is_closing():
            self.transport.resume_reading()

    def _is_resting(self) -> bool:
        """Whether nothing it sent waits for something, outside of the origin it holds."""
        return not (self.waiting or self.skipping or self.write_paused or self._group or self.reader.in_message)

    def data_received(self, data: bytes) -> None:
        if self.origin is None and self._is_resting():
            if self.pool.caching.enabled and self.pool.caching.hit_index.answer(self, data):
                return
            if forward_at_once(self, data):
                return
        try:
            group = self._group
            for piece in self.reader.receive(data):
                if piece[0] in _EXTENDED and not piece[2] and self._group_bytes < GROUP_BYTES:
                    group.append(piece)
                    self._group_bytes += len(piece[1])
                    continue
                self._receive(piece)
                group = self._group
                if self.transport.is_closing():
                    return
        except ProtocolError as error:
            self._refuse_nonsense(error)
            return
        if group:
            self._run_without_sync()
        if group or self.reader.in_message:
            acknowledge_now(self.transport)

    def _run_without_sync(self) -> None:
        """Sends on what no Sync or Flush follows: at once over a connection held, else when no more input comes."""
        if self.origin is not None and not self.waiting:
            self._submit_without_sync()
        elif self._no_more_input is None:
            loop = asyncio.get_running_loop()
            self._no_more_input = loop.call_later(NO_MORE_INPUT_S, self._submit_without_sync)

    def _submit_without_sync(self) -> None:
        if self._group:
            self._group.append((_FLUSH, messages.FLUSH, 0))
            self._submit(self._take_group(), closed=False)

    def refuse(self, response: bytes) -> None:
        """Says why, where that can be said, and closes."""
        if self.transport.is_closing():
            return
        if self.origin is not None and self.origin.stream.mid_message:
            self.transport.abort()
            return
        self._stop()
        self.transport.write(response)
        self.close()

    def _refuse_nonsense(self, error: ProtocolError) -> None:
        self.refuse(messages.error_response("08P01", str(error), severity="FATAL"))

    def close(self) -> None:
        """Closes when all that was written has been read, or soon."""
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.transport.abort)

    # --- messages from the client --------------------------------------------------------------------------

    def _receive(self, piece: Piece) -> None:
        kind, data, missing = piece
        if kind in _EXTENDED:
            self._group.append(piece)
            self._group_bytes += len(data)
            if missing or self._group_bytes > GROUP_BYTES:
                self._submit(self._take_group(), closed=False)
        elif kind == _SYNC:
            self._group.append(piece)
            self._submit(self._take_group(), closed=True)
        elif kind in (_QUERY, _FUNCTION_CALL):
            if self._group:
                self._submit(self._take_group(), closed=False)
            self._submit([piece], closed=True)
        elif kind == _FLUSH:
            self._group.append(piece)
            self._submit(self._take_group(), closed=False)
        elif kind == _TERMINATE:
            self.close()
        else:
            if self._group:
                self._submit(self._take_group(), closed=False)
            self._pass_on(piece)

    def _take_group(self) -> Group:
        group, self._group, self._group_bytes = self._group, [], 0
        if self._no_more_input is not None:
            self._no_more_input.cancel()
            self._no_more_input = None
        return group

    def _submit(self, group: Group, *, closed: bool) -> None:
        """Sends `group` on its way: answered here, to the origin held, or to one that is waited for."""
        if self.waiting:
            self._wait(Pending(group, closed))
        elif self.origin is not None:
            self._forward(group, closed)
        elif self.write_paused:
            self._stall(Pending(group, closed))
        elif self.skipping:
            if closed and group[-1][0] == _SYNC:
                self.skipping = False
                self.write(messages.READY_IDLE)
        elif not answer_locally(self, group, closed) and not (
            self.pool.caching.enabled and self.pool.caching.answer(self, group, closed)
        ):
            self._check_out(group, closed)

    def _check_out(self, group: Group, closed: bool) -> None:
        self.waiting = True
        connection = self.pool.checkout(self)
        if connection is None:
            self._wait(Pending(group, closed))
        elif not self.knows_columns:
            self.waiting = False
            self.origin = connection
            if self.write_paused:
                connection.pause_reading()
            connection.prepare_for(self)
            self._forward(group, closed)
            connection.flush()
        else:
            self._wait(Pending(group, closed))
            self.granted(connection)

    def wait_with(self, query: FastQuery) -> None:
        """There is no connection for `query` now."""
        self.waiting = True
        self._pending.query = query
        self.pool.wait(self)

    def _stall(self, pending: Pending) -> None:
        """It doesn't read what it was answered: what it asks meanwhile waits until it does."""
        self.waiting = self._stalled = True
        self._wait(pending)
        self.pause_reading()

    def _wait(self, pending: Pending) -> None:
        self._pending.add(pending)
        if self._pending.too_many:
            self.pause_reading()

    def _take_pending(self) -> list[Pending]:
        items = self._pending.take_all()
        self.resume_reading()
        return items

    def _pass_on(self, piece: Piece) -> None:
        """COPY data, or a later piece of a long message."""
        kind, data, missing = piece
        if self.waiting:
            self._wait(Pending([], False, piece))
        elif kind == 0:
            if self.streaming and self.origin is not None:
                self.origin.transport.write(data)
                if not missing:
                    self.streaming = False
                    self.origin.message_ended()
        elif self.origin is not None and self.origin.stream.queue:
            if kind in (_COPY_DONE, _COPY_FAIL):
                self.origin.stream.end_copy_data()
            self.origin.transport.write(data)
            self.streaming = missing > 0
        # Otherwise the COPY has failed already; as a server does, ignore what was sent before that was known.

    def _forward(self, group: Group, closed: bool) -> None:
        assert self.origin is not None
        if group[-1][0] in (_QUERY, _FUNCTION_CALL):
            if not forward_simple(self, self.origin, group[0]):
                self.waiting = True
                self._wait(Pending(group, closed))
        else:
            try:
                if self.knows_columns and unproved(self, self.origin, [group]):
                    self.waiting = True
                    self._wait(Pending(group, closed))
                    if not self.origin.stream.queue:
                        self._prepare_pending()
                elif not forward(self, self.origin, group, closed):
                    self.waiting = True
                    self._wait(Pending(group, closed))
            except ProtocolError as error:
                self._refuse_nonsense(error)
        if self.leads is not None:
            self._give_up_lead()  # what others wait for was not sent as something whose answer is kept

    # --- the cache's side ----------------------------------------------------------------------------------

    def follow(self, key: CacheKey, group: Group) -> None:
        """Waits for the answer to someone else's query, which is under way."""
        self._follows = key
        self.waiting = True
        self._wait(Pending(group, True))

    def resume(self, *, answered: bool = True) -> None:
        """It need not wait any more: there is an answer, or room for one; or, not `answered`, will be none.

        Who is let down twice asks alone, at the same time as the others whose query has no answer to share.
        """
        self._follows = None
        self.waiting = False
        self._let_down = 0 if answered else self._let_down + 1
        self.asks_alone = self._let_down > 1
        for item in self._take_pending():
            if item.group:
                try:
                    self._submit(item.group, closed=item.closed)
                except ProtocolError as error:
                    self._refuse_nonsense(error)
                    return
            else:
                self._pass_on(item.piece)
            self.asks_alone = False

    def _give_up_lead(self) -> None:
        leads, self.leads = self.leads, None
        if leads is not None:
            self.pool.caching.land(leads, answered=False)

    def count(self, sql: bytes, text: SQLText, *, unnamed_ahead: bool = False, private: bool = False) -> None:
        """Notes a query that the next group will run, with its cache status."""
        if not self.pool.caching.enabled:
            status = CacheStatus.DISABLED
        elif text.verdict.status is not None:
            status = text.verdict.status
        elif self.in_transaction:
            status = CacheStatus.TRANSACTION
        elif unnamed_ahead:
            status = CacheStatus.UNCACHEABLE
            self.pool.notice_once(f"{self.pool.binding}: a query is {NOT_PREPARED.reason}")
        else:
            own_session = private or self.pinned or (self.origin is not None and self.origin.session.dirty)
            status = CacheStatus.UNCACHEABLE if own_session else CacheStatus.MISS
        self.queries.append(QueryRun(sql, text, status, self.request))

    # --- the origin's side ---------------------------------------------------------------------------------

    def granted(self, connection: OriginConnection) -> None:
        """The pool gives this client a connection."""
        self.origin = connection
        if self.write_paused:
            connection.pause_reading()
        query = self._pending.query
        if query is not None and forward_now(
            self, connection, query.sent, query.sent_group, query.statement, query.named
        ):
            self._pending.query = None
            self.waiting = False
            return
        connection.prepare_for(self)
        if self.knows_columns:
            self._prepare_pending()
        else:
            self._send_pending()
        connection.flush()

    def _prepare_pending(self) -> None:
        """Statements whose columns the client knows are prepared before what uses them is sent: should they have
        other columns by now, it must get an error and not those."""
        origin = self.origin
        if origin is None:
            return
        try:
            to_prove = unproved(self, origin, [item.group for item in self._pending.first()])
        except ProtocolError as error:
            self._refuse_nonsense(error)
            return
        if to_prove:
            if may_reset(self, origin):
                origin.reset_ahead()
            prove_columns(self.pool, origin, to_prove, self._proved)
        else:
            self._send_pending()

    def _proved(self, error: bytes | None) -> None:
        origin = self.origin
        if error is None:
            self._send_pending()
        elif origin is not None and origin.stream.transaction_status != IDLE:
            last = self._pending.take_first()[-1]  # should it be a query, it is skipped
            fail_at_origin(self, origin, error, closed=last.closed and last.group[-1][0] == _SYNC)
            self.waiting = bool(self._pending)
            self.resume_reading()
        elif origin is not None:
            self._give_up_lead()
            self._fail_first_pending(error)
            if self._pending:
                self._prepare_pending()
            else:
                self.waiting = False

    def _send_pending(self) -> None:
        if self.origin is None:
            return
        self.waiting = False
        for item in self._take_pending():
            if self.origin is None:
                return  # it was refused
            if self.waiting:
                self._wait(item)
            elif item.group:
                self._forward(item.group, item.closed)
            else:
                self._pass_on(item.piece)

    def lets_go(self) -> bool:
        """The origin is idle with nothing outstanding: takes note, and says whether the connection can go back."""
        if self.streaming:
            return False
        self.in_transaction = False
        return not self.pinned

    def pin(self, reason: str) -> None:
        """Keeps the origin connection until the client leaves, or sends DISCARD ALL."""
        if not self.pinned:
            self.pinned = True
            self.pool.pinned += 1
            who = self.request.id if self.request else f"process {self.process_id}"
            self.pool.notice(f"{self.pool.binding}: client {who} keeps its origin connection: it uses {reason}")

    def unpin(self) -> None:
        if self.pinned:
            self.pinned = False
            self.pool.pinned -= 1

    def origin_unavailable(self, error: OriginUnavailable) -> None:
        """No connection can be had: every group that waits for one fails."""
        self.waiting = False
        self._fail_pending(error.response)

    def _fail_pending(self, response: bytes) -> None:
        self._give_up_lead()
        for item in self._take_pending():
            if item.group:
                self.fail_group(item.group, item.closed, response)

    def _fail_first_pending(self, response: bytes) -> None:
        for item in self._pending.take_first():
            if item.group:
                self.fail_group(item.group, item.closed, response)
        self.resume_reading()

    def fail_group(self, group: Group, closed: bool, response: bytes) -> None:
        """Answers a group, outside a transaction, with an error of the proxy's own."""
        if self.skipping:
            if closed and group[-1][0] == _SYNC:
                self.skipping = False
                self.write(messages.READY_IDLE)
            return
        self.skipping = not closed
        self.write(response + messages.READY_IDLE if closed else response)

    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        """The origin connection this client held is gone; so is what the client thinks of its session."""
        self.origin = None
        self.waiting = False
        if told or mid_message:
            self.close()
        else:
            self.refuse(failures.connection_lost())

    def parameters_changed(self, changes: Mapping[str, str]) -> None:
        """The origin's defaults are now `changes`. While it holds a connection, that one tells it."""
        if self.origin is None:
            own = self.settings.values
            self.write(
                b"".join(
                    messages.parameter_status(name, value)
                    for name, value in changes.items()
                    if name.lower() not in own
                )
            )

    def cancel_waiting(self) -> None:
        """Cancels the query that waits for a connection; what was sent behind it goes on waiting."""
        self._fail_first_pending(messages.error_response("57014", "canceling statement due to user request"))
        if not self._pending:
            self._give_up_lead()
            self._stop_waiting()
            self.resume_reading()

    def in_its_words(self, error: bytes) -> bytes:
        def own(match: re.Match[bytes]) -> bytes:
            return b'"' + self.statements.own_name(match[1]) + b'"'

        return messages.message(error[:1], POOL_NAME.sub(own, error[5:]))

    def steps_skipped(
        self, outstanding: list[OutstandingRequest], before: list[OutstandingRequest], error: bytes
    ) -> None:
        """The origin skipped `outstanding` after `error`; what they did to the books is still to be undone."""
        failed = outstanding[0]
        if failed.finals == BIND or (failed.learns is not None and not failed.payload):
            self.statements.use_failed(error, reversed(before))
        elif isinstance(failed.undo, UnnamedChange):
            failed.undo.before = None  # a server drops it before it looks at what is to take its place

    def failed_at_once(self, sent_group: SentGroup) -> None:
        """The origin failed at the first message of a plain group: perhaps the Parse of an unnamed statement."""
        unnamed = self.statements.unnamed
        if unnamed is not None and sent_group.sent.startswith(messages.parse(b"", unnamed.definition)):
            self.statements.unnamed = None

    def prepared_anew(self, sent_group: SentGroup) -> tuple[SentGroup, bytes] | None:
        """What to send again: see `proxy.stale_plan`."""
        return prepared_anew(self, sent_group)
