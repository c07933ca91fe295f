"""The page that tells what went wrong: text for a terminal, HTML for a browser."""

from __future__ import annotations

from collections.abc import Iterable

from wrangler_py.worker.failure import Failure
from wrangler_py.worker.sdk.workers._response import Response


def error_response(failure: Failure, headers: Iterable[tuple[bytes, bytes]], generation: int) -> Response:
    """A 500 response in the form the client asks for with its Accept header."""
    return Response(as_text(failure), status=500, headers={"cache-control": "no-store"})


def as_text(failure: Failure) -> str:
    """The failure for a terminal: summary, place, hint, traceback."""
    lines = [f"{failure.title}: {failure.summary}", f"at {failure.where}"]
    if failure.hint:
        lines.append(f"Try: {failure.hint}")
    return "\n".join([*lines, "", failure.traceback, ""])
