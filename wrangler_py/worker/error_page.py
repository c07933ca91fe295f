"""The error page: text for a terminal, HTML for a browser."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from wrangler_py.worker.failure import Failure, Frame
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.headers import headers_of
from wrangler_py.worker.platform.responses import Response, make_response


def error_response(failure: Failure, headers: Iterable[tuple[bytes, bytes]], generation: int) -> Response:
    """A 500 response in the form the client asks for with its Accept header."""
    accept = next((value for name, value in headers if name == b"accept"), b"")
    if b"text/html" in accept:
        body, content_type = as_html(failure, generation), "text/html;charset=UTF-8"
    else:
        body, content_type = as_text(failure), "text/plain;charset=UTF-8"
    headers = headers_of([("content-type", content_type), ("cache-control", "no-store")])
    return make_response(500, headers, Body(body.encode("utf-8", "replace")))


def as_text(failure: Failure) -> str:
    """The failure for a terminal: summary, place, hint, traceback."""
    lines = [f"{failure.title}: {failure.summary}", f"at {failure.where}"]
    if failure.hint:
        lines.append(f"Try: {failure.hint}")
    if failure.way:
        lines += ["", failure.way]
    return "\n".join([*lines, ""])


def as_html(failure: Failure, generation: int) -> str:
    """The failure for a browser, a phone's too: the person's own frames open, the whole traceback folded."""
    style = Path(__file__).with_suffix(".css").read_text()
    script = Path(__file__).with_suffix(".js").read_text()
    own = [frame for frame in reversed(failure.frames) if frame.own]
    hint = f'<p class="hint">Try: <code>{escape(failure.hint)}</code></p>' if failure.hint else ""
    title = escape(f"{failure.title}: {failure.summary.splitlines()[0] if failure.summary else ''}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head><body>"
        f'<h1>{escape(failure.title)}</h1><div class="summary">{escape(failure.summary)}</div>{hint}'
        f"{''.join(_frame(frame) for frame in own)}"
        f"{_details(failure.traceback, opened=not own)}"
        "<footer>Save a file: this page reloads by itself.</footer>"
        f'<script data-generation="{generation}">{script}</script></body></html>'
    )


def _details(traceback: str, *, opened: bool) -> str:
    if not traceback:
        return ""
    attribute = " open" if opened else ""
    return f"<details{attribute}><summary>Full traceback</summary><pre>{escape(traceback)}</pre></details>"


def _frame(frame: Frame) -> str:
    lines = "".join(
        f"<div{' class=hit' if number == frame.line else ''}><i>{number}</i>{escape(code) or ' '}</div>"
        for number, code in frame.context
    )
    where = f"{escape(frame.file)}:{frame.line}"
    return (
        f'<section class="frame"><header><b>{where}</b> <span>in {escape(frame.function)}</span></header>'
        f"<pre>{lines}</pre></section>"
    )
