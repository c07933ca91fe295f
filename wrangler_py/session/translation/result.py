"""The result of translating a group of messages."""

from __future__ import annotations

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.outstanding_requests import SentGroup


class Translation:
    """What to do with a group of a client's messages that is for the origin.

    `data` goes to the origin: as the beginning of `begins`, if there is one, else as a part of what is under way.
    `extends` is the group under way that it became a part of. Of both groups, answers may be due at once:
    `OriginStream.fake_ready_answers`. `waits`: what the messages mean depends on the end of what is under way; they
    are to be translated again then. `cacheable`: the answer may be kept.
    """

    __slots__ = ("begins", "cacheable", "data", "extends", "waits")

    def __init__(
        self,
        data: bytes = b"",
        begins: SentGroup | None = None,
        extends: SentGroup | None = None,
        *,
        waits: bool = False,
        cacheable: bool = False,
    ) -> None:
        self.data = data
        self.begins = begins
        self.extends = extends
        self.waits = waits
        self.cacheable = cacheable


WAITS = Translation(waits=True)
WAITS_FOR_COPY = Translation(messages.FLUSH, waits=True)
"""The origin may know the end of a COPY and not have reported it yet."""
IGNORED = Translation()
"""The origin would skip the messages, or they change nothing."""
