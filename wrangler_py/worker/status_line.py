"""The first line of a response, where its status text is not the usual one."""

from __future__ import annotations

from typing import Any


class StatusWithText(int):
    """A status code that goes out with a text of its own."""

    line: bytes

    @classmethod
    def of(cls, status: int, text: str) -> StatusWithText:
        made = cls(status)
        made.line = b"HTTP/1.1 %d %b\r\n" % (status, text.encode("utf-8", "replace"))
        return made


class StatusLines(dict[int, bytes]):
    """uvicorn's table of first lines, with those that a status brings along."""

    def __getitem__(self, status: int) -> Any:
        return status.line if isinstance(status, StatusWithText) else super().__getitem__(status)
