"""The errors of `pyodide.http`."""

from __future__ import annotations

from typing import Any


class HttpStatusError(OSError):
    """A response with an error status."""

    def __init__(self, status: int, status_text: str, url: str) -> None:
        self.status = status
        self.status_text = status_text
        self.url = url
        whose = "Client" if status < 500 else "Server"
        super().__init__(f"{status} {whose} Error: {status_text} for url: {url}")


class BodyUsedError(OSError):
    """The body was read before."""

    def __init__(self, *_args: Any) -> None:
        super().__init__("Response body is already used")


class AbortError(OSError):
    """A fetch that failed or was aborted."""

    def __init__(self, reason: Any) -> None:
        super().__init__(getattr(reason, "message", None) or str(reason))


for _error in (HttpStatusError, BodyUsedError, AbortError):
    _error.__module__ = "pyodide.http"
