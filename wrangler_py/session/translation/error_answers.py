"""Translates the origin's errors for a client."""

from __future__ import annotations

import re

from wrangler_py.pgwire.backend_kinds import ERROR_RESPONSE, IDLE, PARAMETER_DESCRIPTION
from wrangler_py.pgwire.frontend_kinds import PARSE
from wrangler_py.pgwire.messages import PARSE_COMPLETE
from wrangler_py.pgwire.outstanding_requests import Action, SentGroup
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.statements import POOL_NAME
from wrangler_py.session.translation.result import Translation
from wrangler_py.session.translation.stale_plan import prepare_anew

_COLUMNS_CHANGED = re.compile(rb"\0C0A000\0(?s:.*)\0RRevalidateCachedQuery\0")
_PLAN_IS_STALE = re.compile(_COLUMNS_CHANGED.pattern + rb"|\0CXX000\0Mcache lookup failed for ")


def shows_stale_plan(error: bytes) -> bool:
    """Whether an error says that the schema has changed behind a prepared statement."""
    return _PLAN_IS_STALE.search(error) is not None


class ErrorAnswers:
    """The error answers of one origin connection. Holds an error back while the client may not need to see it."""

    __slots__ = ("_held_back", "_origin")

    def __init__(self, origin: OriginSession) -> None:
        self._origin = origin
        self._held_back = b""

    @property
    def held_back(self) -> bool:
        return bool(self._held_back)

    def shown(
        self, holder: ClientSession | None, sent_group: SentGroup, output: bytes, *, is_theirs: bool
    ) -> bytes:
        """What the client gets of `output`, which has the error of `sent_group` or what came behind it.

        `holder` has the connection, and `is_theirs` says whether the group is.
        """
        error = sent_group.error or b""
        if self._held_back:
            self._held_back += output
            return b""
        if holder is not None and is_theirs and _fails_at_once(sent_group, output):
            if sent_group.outstanding is None or sent_group.prefix is not None:
                holder.failed_at_once(sent_group)
            if (
                sent_group.closed
                and self._origin.stream.transaction_status == IDLE
                and _COLUMNS_CHANGED.search(error)
            ):
                self._held_back = output
                return b""
        if holder is None or POOL_NAME.search(error) is None:
            return output
        return output.replace(error, holder.in_its_words(error), 1)

    def group_ended(
        self, holder: ClientSession | None, sent_group: SentGroup, *, is_last: bool
    ) -> tuple[Translation | None, bytes]:
        """What to send in place of a group that ended with an error held back, else what the client is still owed.

        `holder` has the connection if the group is theirs. `is_last`: nothing behind it was answered.
        """
        held_back, self._held_back = self._held_back, b""
        again = None
        if holder is not None and is_last and not self._origin.stream.queue:
            parse_answered = not held_back.startswith(PARSE_COMPLETE)
            again = prepare_anew(holder, self._origin, sent_group, parse_answered=parse_answered)
        return again, b"" if again is not None else held_back


def _fails_at_once(sent_group: SentGroup, output: bytes) -> bool:
    """Whether `output` begins with an error, or with a ParameterDescription, and nothing was answered before.

    The faked answer to a Parse doesn't count, be it in `output` or ahead of it. A server answers the Describe of a
    statement with its parameters before it looks at the columns.
    """
    answered = sent_group.answered_bytes
    first = sent_group.outstanding[0] if sent_group.outstanding else None
    if first is not None and first.kind == PARSE and first.action is Action.FAKE:
        if output.startswith(PARSE_COMPLETE) and not answered:
            output = output[len(PARSE_COMPLETE) :]
        elif answered == len(PARSE_COMPLETE):
            answered = 0
    return not answered and bool(output) and output[0] in (ERROR_RESPONSE, PARAMETER_DESCRIPTION)
