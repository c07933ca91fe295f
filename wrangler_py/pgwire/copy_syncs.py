"""How many of the Syncs that a client sends around a COPY the origin answers.

While the origin reads COPY data it ignores Sync (and Flush). A client that doesn't wait for answers sends its Sync
before it can know whether the COPY begins at all. Take this pipeline:

    Parse, Bind, Execute (COPY t FROM STDIN), Sync₁, CopyData, CopyDone, Sync₂

- If the COPY succeeds, the origin reads Sync₁ among the data and ignores it. There is one ReadyForQuery, for Sync₂.
- If the COPY can't begin (there is no table `t`), the origin skips to Sync₁ and answers it, ignores the stray data,
  and answers Sync₂, too: there are two.
- If the COPY fails while the origin reads the data, it depends on whether it had read Sync₁ by then.

From the answers alone, the last two can't always be told from each other: one ReadyForQuery is like another. And
what was sent behind such a Sync is run if the Sync was answered, and skipped if it was ignored.

`CopySyncs` counts these Syncs. While any of them may still be either, it is `uncertain`, and the proxy sends
nothing whose meaning depends on it.

Source: PostgreSQL documentation, "COPY Operations", "Extended Query".
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final, NamedTuple

from wrangler_py.pgwire.frontend_kinds import SYNC
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import OUTSTANDING_EXECUTE, Action, SentGroup

MAX_EARLY_ENDS: Final = 100
"""No query has more COPYs; ends of COPY data beyond that many are not counted."""


class EarlyEnd(NamedTuple):
    """An end of COPY data that was sent before the origin asked for data.

    `requests` is how many requests of the group were sent before it, `syncs` how many Syncs among the data.
    """

    requests: int
    syncs: int


class _GroupSyncs:
    """What is known of the COPYs of one group.

    `ignored` counts the Syncs that the origin ignores unless the COPY fails before it reads them. `has_more` says
    that something else than a Sync was sent behind one of those.
    """

    __slots__ = ("early_ends", "has_more", "ignored")

    def __init__(self) -> None:
        self.early_ends: list[EarlyEnd] = []
        self.ignored = 0
        self.has_more = False

    @property
    def is_uncertain(self) -> bool:
        return self.ignored > 0 or any(end.syncs for end in self.early_ends)

    def ignore(self, count: int) -> None:
        """The origin ignores so many more Syncs."""
        self.ignored += count

    def ignore_none(self) -> None:
        """The origin has read and ignored all of them."""
        self.ignored = 0

    def take_early_end(self, cursor: int) -> EarlyEnd | None:
        """The end of COPY data that the origin reads next; it ignores those before the request at `cursor`."""
        self.early_ends = [end for end in self.early_ends if end.requests > cursor]
        return self.early_ends.pop(0) if self.early_ends else None

    def joined_by(self, behind: SentGroup | None) -> None:
        """The Sync in front of `behind` is ignored, so that it belongs to this group."""
        self.has_more = self.has_more or (behind is not None and not behind.is_sync)


class CopySyncs:
    """The Syncs around the COPYs of one origin connection.

    `copy_in`: the origin waits for COPY data. `uncertain`: there are Syncs of which it isn't known yet whether the
    origin answers them. `unresolved` counts those of them that were sent among the data of a COPY that has failed.
    `groups` has an entry for each group that has anything to do with this.
    """

    __slots__ = ("copy_in", "groups", "uncertain", "unresolved")

    def __init__(self) -> None:
        self.copy_in = False
        self.uncertain = False
        self.unresolved = 0
        self.groups: dict[SentGroup, _GroupSyncs] = {}

    # --- what is sent --------------------------------------------------------------------------------------

    def data_ended(self, queue: deque[SentGroup]) -> None:
        """CopyDone or CopyFail was sent."""
        if self.copy_in:
            self.copy_in = False
            return
        group = next((group for group in reversed(queue) if not group.is_sync), None)
        if group is None:
            return
        syncs = self._of(group)
        if len(syncs.early_ends) < MAX_EARLY_ENDS:
            ahead = _count_syncs_behind(queue, group) - sum(end.syncs for end in syncs.early_ends)
            requests = 1 if group.outstanding is None else len(group.outstanding)
            syncs.early_ends.append(EarlyEnd(requests, ahead))
            self.uncertain = self.uncertain or ahead > 0

    def sync_among_data(self, group: SentGroup) -> None:
        """A Sync was sent while `group` waits for COPY data."""
        self._of(group).ignore(1)
        self.uncertain = True

    def no_data_wanted(self) -> None:
        """The origin does not wait for COPY data any more."""
        self.copy_in = False

    def resolve(self) -> None:
        """The origin has answered something that was sent behind all unresolved Syncs."""
        self.unresolved = 0
        self._update()

    # --- what is answered ----------------------------------------------------------------------------------

    def begin(self, queue: deque[SentGroup]) -> list[SentGroup]:
        """The origin asks for COPY data for the first group of `queue`.

        Takes the groups off the queue whose messages turn out to belong to that first group, because the Sync
        before them is ignored, and returns them.
        """
        group = queue[0]
        syncs = self._of(group)
        # The origin ignores an end of COPY data that it reads before the message which begins this COPY.
        early_end = syncs.take_early_end(group.cursor)
        if early_end is not None:
            ignored = early_end.syncs
        else:
            ignored = _count_syncs_behind(queue, group)
            self.copy_in = True
        syncs.ignore(ignored)
        self.uncertain = self.uncertain or ignored > 0
        merged: list[SentGroup] = []
        for _ in range(ignored):
            behind = queue[1] if len(queue) > 1 else None
            if behind is not None:
                del queue[1]
                self.forget(behind)
                merged.append(behind)
            if group.ends_with_sync:
                syncs.joined_by(behind)
                group.reopen(behind)
        return merged

    def command_completed(self, group: SentGroup) -> None:
        """A command of `group` is complete. If it was a COPY, the origin has read and ignored all its Syncs."""
        syncs = self.groups.get(group)
        if syncs is not None and syncs.ignored:
            syncs.ignore_none()
            self._update()

    def failed(self, group: SentGroup) -> None:
        """The origin reports an error to `group`. Raises ProtocolError if what follows can't be told."""
        self.copy_in = False
        syncs = self.groups.get(group)
        if syncs is not None and syncs.ignored and (syncs.has_more or group.has_more_than_sync()):
            raise ProtocolError("a COPY failed, and the origin may or may not skip what was sent behind it")

    def answers_unresolved_sync(self, group: SentGroup | None, *, at_once: bool) -> bool:
        """Whether a ReadyForQuery answers an unresolved Sync; if so, that one is resolved.

        `group` is the one that an answer is expected to, and `at_once` says that nothing came before it in this
        read. Where the ReadyForQuery may be either's, it is taken for the answer to `group`.
        """
        if not self.unresolved or not _can_not_be_ready(group, at_once=at_once):
            return False
        self.unresolved -= 1
        self._update()
        return True

    def ends_with_ignored_sync(self, group: SentGroup) -> bool:
        """Whether `group` failed before the origin had read one of its ignored Syncs, which now ends it."""
        syncs = self.groups.get(group)
        if syncs is None or not group.failed or not syncs.ignored:
            return False
        syncs.ignore(-1)
        return True

    def group_ended(self, group: SentGroup) -> None:
        syncs = self.groups.pop(group, None)
        if syncs is not None and group.error is not None:
            self.unresolved += syncs.ignored
        self._update()

    def forget(self, group: SentGroup) -> None:
        """`group` gets no answer of its own."""
        if self.groups.pop(group, None) is not None:
            self._update()

    def _of(self, group: SentGroup) -> _GroupSyncs:
        syncs = self.groups.get(group)
        if syncs is None:
            syncs = self.groups[group] = _GroupSyncs()
        return syncs

    def _update(self) -> None:
        self.uncertain = self.unresolved > 0 or any(syncs.is_uncertain for syncs in self.groups.values())


def _count_syncs_behind(queue: deque[SentGroup], group: SentGroup) -> int:
    """How many Syncs, and nothing else, were sent behind `group`, counting the one that ends it."""
    behind = itertools.islice(queue, queue.index(group) + 1, None)
    syncs = itertools.takewhile(lambda other: other.is_sync, behind)
    return group.ends_with_sync + sum(1 for _ in syncs)


def _can_not_be_ready(group: SentGroup | None, *, at_once: bool) -> bool:
    """Whether the origin has to answer something else to `group` before it can be ready."""
    if group is None:
        return True
    if not at_once or group.answered_bytes or group.failed:
        return False
    plain = group.outstanding is None or group.simple
    outstanding = [OUTSTANDING_EXECUTE] if plain else (group.outstanding or [])[group.cursor :]
    return any(request.kind != SYNC and request.action is not Action.FAKE for request in outstanding)
