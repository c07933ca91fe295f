"""Describes an exception of the Worker's code, with its place and a hint."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from wrangler_py.worker.entrypoint import EntrypointError
from wrangler_py.worker.imports import PLATFORM, is_own_code, is_sdk_file
from wrangler_py.worker_protocol import Launch

_HOST = str(Path(__file__).parent)
_SDK_FILE = re.compile(r" \([^()]*[/\\](?:workers[/\\][^()]*|asgi)\.py\)")
_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASS|KEY|CREDENTIAL|DSN|DATABASE_URL|CONNECTION", re.IGNORECASE)
_SHORTEST_SECRET = 6


class Frame(NamedTuple):
    """One line of a traceback. `own`: in the person's code, not in a package or in the host."""

    file: str
    line: int
    function: str
    code: str
    own: bool
    context: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception with its place in the user's code and a hint. Contains no secret of the launch."""

    summary: str
    where: str
    traceback: str
    """Empty where none of the person's code was running."""
    frames: tuple[Frame, ...] = ()
    hint: str | None = None
    title: str = field(default="Exception in your Worker")
    missing: str | None = None
    """The module to install, if a missing module is the cause."""

    @property
    def way(self) -> str:
        """The traceback without the summary at its end."""
        return self.traceback.removesuffix(self.summary).rstrip()


class FailureReporter:
    """Describes exceptions of one generation."""

    def __init__(self, launch: Launch) -> None:
        self._root = launch.root
        self._main = launch.main
        self._secrets = _secrets_of(launch)

    def redact(self, text: str) -> str:
        """Replace every secret of the launch message with `…`."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def relative(self, path: str) -> str:
        """A path relative to the project's root."""
        try:
            return str(Path(path).relative_to(self._root))
        except ValueError:
            return path

    def describe(self, error: BaseException, *, title: str = "Exception in your Worker") -> Failure:
        """Tell an exception: message, place, the person's frames, and a hint when there is one."""
        from wrangler_py.worker.hints import hint_for, missing_module  # not needed until something fails

        if getattr(error, "name", None) == "PythonError" and error.__cause__ is not None:
            error = error.__cause__  # a promise of a coroutine has failed: the coroutine's exception has the place
        summary = self._summary(error)
        frames = tuple(self._frames(error))
        own = [frame for frame in frames if frame.own]
        where = f"{own[-1].file}:{own[-1].line}" if own else self.relative(str(self._main))
        return Failure(
            summary=summary,
            where=where,
            traceback=self.redact(self._text(error)),
            frames=frames,
            hint=hint_for(error, self._main.parent),
            title=title,
            missing=missing_module(error),
        )

    def _summary(self, error: BaseException) -> str:
        if isinstance(error, EntrypointError):
            return str(error)
        if isinstance(error, SyntaxError):
            return f"{type(error).__name__}: {error.msg}"
        return self.redact(_as_imported("".join(traceback.format_exception_only(error)).strip()))

    def _frames(self, error: BaseException) -> Iterable[Frame]:
        if isinstance(error, EntrypointError):
            if error.line is not None:
                yield self._frame(str(self._main), error.line, "<module>")
            return
        for summary in traceback.extract_tb(_without_host(error.__traceback__)):
            yield self._frame(summary.filename, summary.lineno or 0, summary.name)
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            yield self._frame(error.filename, error.lineno, "<module>")

    def _frame(self, file: str, line: int, function: str) -> Frame:
        own = is_own_code(Path(file), self._root, self._main)
        context: tuple[tuple[int, str], ...] = ()
        if own:
            numbers = range(max(1, line - 3), line + 3)
            context = tuple((number, linecache.getline(file, number).rstrip("\n")) for number in numbers)
            while context and not context[-1][1] and context[-1][0] > line:
                context = context[:-1]
        return Frame(self.relative(file), line, function, linecache.getline(file, line).strip(), own, context)

    def _text(self, error: BaseException) -> str:
        if isinstance(error, EntrypointError):
            return ""  # none of the person's code was running
        trimmed = _without_host(error.__traceback__)
        if isinstance(error, SyntaxError) and trimmed is error.__traceback__:
            trimmed = None  # the main file itself: its line is in the message, and no code of the person has run
        return _as_imported("".join(traceback.format_exception(type(error), error, trimmed)).rstrip())


def _without_host(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this host and the import system that led to the person's code."""
    start = trace
    while start is not None:
        file = start.tb_frame.f_code.co_filename
        if not (file.startswith((_HOST, "<frozen importlib")) or is_sdk_file(file)):
            return start
        start = start.tb_next
    return trace


def _as_imported(text: str) -> str:
    """`text` with the platform's modules under the names they are imported by."""
    return _SDK_FILE.sub("", text).replace(f"{PLATFORM}.modules.", "").replace(f"{PLATFORM}.", "js.")


def _secrets_of(launch: Launch) -> list[str]:
    from urllib.parse import quote

    values = [endpoint.password for endpoint in launch.hyperdrive.values()]
    values += [value for name, value in launch.vars.items() if isinstance(value, str) and _SECRET_NAME.search(name)]
    kept = {value for value in values if len(value) >= _SHORTEST_SECRET}
    kept |= {quote(value, safe="") for value in kept}
    return sorted(kept, key=len, reverse=True)
