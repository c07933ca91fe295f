"""The session of one origin connection: its prepared statements, and whether its state has changed.

Changes are noted ahead: the state is what holds once the origin has done everything that it was sent. An error
makes the origin skip what comes behind it; `undo` takes that back.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from weakref import WeakSet

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.pgwire.frontend_kinds import CLOSE, PARSE
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import Action, OutstandingRequest, SentGroup
from wrangler_py.session.reset import (
    RESET_ANSWER,
    STANDBY_RESET_ANSWER,
    discard_plans_message,
    full_reset_message,
    reset_message,
    reset_within_transaction,
)
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import INTERRUPTED, SharedState
from wrangler_py.session.sql_text import TOO_LONG, SQLText
from wrangler_py.session.statements import POOL_NAME, Statement
from wrangler_py.sql.unparsed_text import UnparsedText

_REFUSED = re.compile(rb"\0VERROR\0")
_WRONG_STATEMENT = re.compile(rb"\0C(?:26000|42P05)\0(?s:.*)" + POOL_NAME.pattern)
"""An error about a statement of the pool's that does not exist, or exists already."""

_SET_ALONE = ("set",)

Undo = Callable[[], None]


class OriginSession:
    """What a connection's session has, and whether anything may have changed it.

    `stream` follows the origin's answers. `prepared` are the statements that the origin has under the pool's names,
    the least recently used first; `unnamed` is the one that it has without a name. `preparing` are those of
    `prepared` that were under way when the last group of messages began, and `preparing_unasked` those whose Parse
    is the proxy's own.

    `pristine`: nothing has run or was prepared since the session began or was last reset, so it surely is as its
    client asked for. `only_prepared`: nothing has run, and what was prepared is known to run no code that leaves
    anything behind: to read its constants a server may run checks of domains, or functions of operator classes.
    `dirty`: something has run that may have left something behind, so it is reset before anyone goes on. `spent`:
    something has run that leaves what no reset undoes, so the connection is closed. `drop_statements`: with the
    next reset, for the origin may have others than are known here. `reset_owed`: what is sent next for the client
    has to be behind a reset, because another client used the session, or because the last reset is in the
    transaction of a query that is under way or has failed. `reset_failed`: the origin answered a reset with an
    error, so nobody may go on with the connection.

    `settings_changed`: the open transaction, or something since the last reset, has changed settings that plans
    may depend on. `plans_in_doubt`: something has run under such settings, and plans of it may have been kept,
    in prepared statements or by functions and triggers, so the reset discards all plans. `schema_changed`:
    something has run that may make statements' plans stale. `ran_anything`: something has run that may do
    anything, such as DDL or making triggers. `changed_defaults`: sessions that begin later have other settings;
    `schema_changed` is set then, too.

    `in_doubt`: an error in what is under way may undo some of what is noted. `pipeline_in_doubt`: what is under
    way may want COPY data, or begins or ends transactions, unless the origin skips that.
    """

    __slots__ = (
        "_has_reset_statements", "_shared", "_stored_code", "_unparsed", "changed_defaults", "dirty",
        "drop_statements", "in_doubt", "only_prepared", "pipeline_in_doubt", "plans_in_doubt", "prepared",
        "prepared_in_doubt", "preparing", "preparing_unasked", "pristine", "process_id", "ran_anything",
        "reset_failed", "reset_owed", "schema_changed", "settings", "settings_changed", "spent", "stream",
        "unnamed", "unsent",
    )  # fmt: skip

    def __init__(
        self, shared: SharedState, settings: SessionSettings, stream: OriginStream, process_id: int = 0
    ) -> None:
        self.settings = settings
        self.stream = stream
        self.process_id = process_id
        self._shared = shared
        self._stored_code = shared.stored_code
        self.prepared: OrderedDict[Statement, None] = OrderedDict()
        self.unnamed: Statement | None = None
        self.pristine = True
        self.only_prepared = False
        self.dirty = False
        self.spent = False
        self.drop_statements = False
        self.in_doubt = False
        self.pipeline_in_doubt = False
        self.preparing: set[Statement] = set()
        self.preparing_unasked: set[Statement] = set()
        self.prepared_in_doubt: WeakSet[Statement] | None = None
        """Not for anyone else: the session may have had other settings when they were prepared."""
        self.reset_owed = False
        self.reset_failed = False
        self.unsent = b""
        self._has_reset_statements = False
        self._unparsed: UnparsedText | None = None
        """The long text whose end is still to come."""
        self.settings_changed = False
        self.plans_in_doubt = False
        self.ran_anything = False
        self.schema_changed = False
        self.changed_defaults = False

    # --- what is under way ---------------------------------------------------------------------------------

    def nothing_under_way(self) -> None:
        """All that was sent has been answered; another group of messages begins."""
        self.in_doubt = self.pipeline_in_doubt = False
        if self.stream.transaction_status != IDLE:
            # A function or a trigger may have changed settings, too. The server reports most that matter.
            self.settings_changed = self.settings_changed or self.stream.parameters_changed
        elif self.settings_changed and not self.dirty:
            self.settings_changed = False
        if self.preparing:
            self.preparing.clear()
        if self.preparing_unasked:
            self.preparing_unasked.clear()

    @property
    def only_reset_under_way(self) -> bool:
        """Whether nothing is under way but at most the reset in front of a client's first group."""
        queue = self.stream.queue
        return not queue or (len(queue) == 1 and bool(queue[0].expected))

    def may_be_skipped(self) -> None:
        """What is noted next is undone if something ahead of it fails."""
        self.in_doubt = True

    # --- statements ----------------------------------------------------------------------------------------

    @property
    def has_run_nothing(self) -> bool:
        """Whether the settings surely are those that the client asked for."""
        return self.pristine or self.only_prepared

    def reads_constants(self) -> None:
        """A Parse is about to be sent, or the Describe of a statement, which the origin may have to read again."""
        if self.pristine:
            self.pristine = False
            self.only_prepared = not self._stored_code.on_read

    def parse_unnamed(self, statement: Statement | None) -> None:
        """The origin has `statement` without a name from now on, or none."""
        self.unnamed = statement
        if statement is not None:
            self.reads_constants()

    def use(self, statement: Statement) -> bool:
        """Whether the origin has `statement` under its name; then it is the most recently used one."""
        if statement not in self.prepared:
            return False
        self.prepared.move_to_end(statement)
        return True

    def prepare(self, statement: Statement, limit: int) -> Statement | None:
        """Notes that `statement` is prepared; gives the one to close when that makes more than `limit`."""
        if not self.has_run_nothing and not statement.private:
            if self.prepared_in_doubt is None:
                self.prepared_in_doubt = WeakSet()
            self.prepared_in_doubt.add(statement)
        self.reads_constants()
        self.preparing.add(statement)
        self.prepared[statement] = None
        if len(self.prepared) > limit:
            return self.prepared.popitem(last=False)[0]
        return None

    def prepares_unasked(self, statement: Statement) -> None:
        """The Parse of `statement` is the proxy's own: should it fail, the client still has the statement."""
        self.preparing_unasked.add(statement)

    def forget(self, statements: Iterable[Statement]) -> None:
        """The origin doesn't have these any more, or is not to be asked for them again."""
        for statement in statements:
            self.prepared.pop(statement, None)
            if self.unnamed is statement:
                self.unnamed = None

    def drop_all(self) -> Undo:
        """Notes a DEALLOCATE ALL; gives what takes it back."""
        prepared, had_reset_statements = list(self.prepared), self._has_reset_statements
        self.prepared.clear()
        self._has_reset_statements = False

        def undo() -> None:
            self.prepared.update(dict.fromkeys(prepared))
            self._has_reset_statements = had_reset_statements

        return undo

    def close_statements_in_doubt(self) -> bytes:
        """The messages that close those that nobody else may use; none if there are none."""
        in_doubt = list(self.prepared_in_doubt or ())
        self.prepared_in_doubt = None
        if not in_doubt:
            return b""
        self.forget(in_doubt)
        return b"".join(messages.close_statement(statement.name) for statement in in_doubt) + messages.SYNC

    def undo(self, outstanding: list[OutstandingRequest]) -> None:
        """An error made the origin skip these."""
        self.unnamed = None
        for request in reversed(outstanding):
            if request.undo is not None:
                request.undo()
            if request.statement is None:
                continue
            if request.kind == PARSE and request.action is not Action.FAKE and request.name != b"":
                self.prepared.pop(request.statement, None)
            elif request.kind == CLOSE and request.action is Action.SKIP:
                self.prepared[request.statement] = None
                self.prepared.move_to_end(request.statement, last=False)

    def failed(self, error: bytes) -> None:
        """A group of messages has ended with `error`."""
        self.unnamed = None
        if _WRONG_STATEMENT.search(error):
            self.prepared.clear()
            self.leave_dirty(drop_statements=True)

    # --- state ---------------------------------------------------------------------------------------------

    def runs(self, text: SQLText) -> None:
        """Takes note of `text`, which is about to be run for a client."""
        stored_code = self._stored_code
        if text.begins or text.ends or text.may_begin or text.copies:
            self.pipeline_in_doubt = True
        if text.transaction_control:
            return
        self._has_run()
        if self.settings_changed or (text.changes_settings and text.facts.kinds != _SET_ALONE):
            self.plans_in_doubt = self.dirty = True
        if stored_code.may_be_run_by(text):
            self.dirty = self.drop_statements = True
        elif text.dirties or stored_code.may_use_sequence(text):
            self.dirty = True
        if text.is_ordinary:
            return
        if text.changes_settings:
            self.settings_changed = True
        if text.drops_statements or text.may_prepare:
            self.drop_statements = True
        if text.changes_schema:
            self.schema_changed = True
        if text.changes_defaults:
            self.schema_changed = self.changed_defaults = True
        if text.outlives_reset or not text.custom_settings <= self.settings.values.keys():
            self.spent = True
        if text.runs_anything:
            self.ran_anything = True

    def runs_long_text(self, head: bytes) -> None:
        """A text that begins with `head` is about to be run, and is too long to be parsed."""
        self.runs(TOO_LONG)
        self._unparsed = UnparsedText()
        self.long_message_goes_on(head)

    def long_message_goes_on(self, data: bytes) -> None:
        """`data` is a part of the long message that is being sent."""
        if self._unparsed is not None and self._unparsed.may_outlive_reset(data):
            self.spent = True

    def long_message_ended(self) -> None:
        self._unparsed = None

    def ordinary_query(self, statement: Statement | None, text: SQLText, *, named: bool) -> None:
        """An ordinary query is sent: see `translation.ordinary_query`. `statement` is None for a simple one."""
        if named and statement is not None:
            self.prepared.move_to_end(statement)
        else:
            self.unnamed = statement
        if self._stored_code.is_harmless:
            self._has_run()
        else:
            self.runs(text)

    def _has_run(self) -> None:
        self.pristine = self.only_prepared = False

    def runs_own_query(self) -> None:
        """A query of the proxy's own is about to be run."""
        self._has_run()
        self.unnamed = None

    def leave_dirty(self, *, drop_statements: bool = False) -> None:
        """Whatever has run, the session is reset before anyone goes on."""
        self._has_run()
        self.dirty = True
        self.drop_statements = self.drop_statements or drop_statements

    def may_have_prepared(self) -> None:
        """The origin may have statements that are not known here: they go with the next reset."""
        self.drop_statements = True

    def schema_change_noted(self) -> None:
        """The pool has been told that the schema changed, and perhaps the defaults."""
        self.schema_changed = self.changed_defaults = False

    def anything_noted(self) -> None:
        """The pool no longer relies on what it knew of the database."""
        self.ran_anything = False

    # --- resets --------------------------------------------------------------------------------------------

    def owe_reset(self) -> None:
        """The client's first messages have to be behind a reset."""
        self.reset_owed = True

    @property
    def reset_drops_statements(self) -> bool:
        """Whether the prepared statements are to be dropped before anything else is sent."""
        return self.drop_statements or (self.reset_owed and self._shared.discards_all)

    @property
    def can_reset_within(self) -> bool:
        """Whether a query can have the reset in its own transaction."""
        shared = self._shared
        return not (
            self.drop_statements
            or self.plans_in_doubt
            or self.stream.queue
            or shared.resets_apart
            or shared.discards_all
            or self._is_standby
        )

    def reset_within(self, sent_group: SentGroup) -> None:
        """Resets the session in the transaction of `sent_group`, which is sent next; `take_unsent` gives the bytes.

        Saves the server the end of a transaction, and the proxy an answer of its own. If the query fails, the reset
        is undone, and still owed.
        """
        data, prefix = reset_within_transaction(prepared=self._has_reset_statements)
        self._has_reset_statements = True
        self.pristine = True
        self.only_prepared = self.settings_changed = False
        self.unnamed = None
        self.unsent += data
        sent_group.begin_with(prefix)

    def reset_committed(self) -> None:
        """The query with the reset in its transaction has succeeded."""
        self.reset_owed = False

    def reset_ahead(self) -> None:
        """Puts a reset in front of what is sent next; `take_unsent` gives its bytes."""
        if not self.stream.queue:
            self.nothing_under_way()
        expected = STANDBY_RESET_ANSWER if self._is_standby else RESET_ANSWER
        self.stream.send(SentGroup(None, simple=True, done=self.reset_ended, expected=expected))
        self.unsent += self.reset()

    def take_unsent(self) -> bytes:
        """The resets that have to be sent in front of anything else."""
        unsent = self.unsent
        if unsent:
            self.unsent = b""
        return unsent

    def reset(self) -> bytes:
        """The message that resets the session; taken for done from now on."""
        self.dirty = self.reset_owed = self.only_prepared = self.settings_changed = False
        self.pristine = True
        self.unnamed = None
        standby, by_discard_all = self._is_standby, self._shared.discards_all
        plans_in_doubt, self.plans_in_doubt = self.plans_in_doubt, False
        if not self.drop_statements and not by_discard_all:
            return discard_plans_message(standby=standby) if plans_in_doubt else reset_message(standby=standby)
        self.drop_statements = self._has_reset_statements = False
        self.prepared.clear()
        self.prepared_in_doubt = None
        return full_reset_message(standby=standby, by_discard_all=by_discard_all)

    @property
    def _is_standby(self) -> bool:
        return self.stream.parameters.get("in_hot_standby") == "on"

    def reset_ended(self, sent_group: SentGroup) -> None:
        """The origin has answered a reset."""
        if sent_group.error is not None:
            if _REFUSED.search(sent_group.error) and not INTERRUPTED.search(sent_group.error):
                self._shared.reset_refused()
            self.reset_failed = True
