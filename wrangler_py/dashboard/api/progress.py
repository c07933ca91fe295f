"""The messages of an action, for the page to show."""

from __future__ import annotations

from wrangler_py.dashboard.api.operation import TEXT, Schema, list_of, object_of
from wrangler_py.masking import mask

MESSAGES: Schema = list_of(
    object_of(level={"type": "string", "enum": ["out", "success", "info", "warning", "error"]}, text=TEXT)
)


class RecordedProgress:
    """Collects the messages that a command would print. Passwords in them are masked."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []

    def out(self, line: str = "") -> None:
        self._add("out", line)

    def success(self, message: str) -> None:
        self._add("success", message)

    def info(self, message: str) -> None:
        self._add("info", message)

    def warn(self, message: str) -> None:
        self._add("warning", message)

    def error(self, message: str, hint: str | None = None) -> None:
        self._add("error", f"{message}\n{hint}" if hint else message)

    def _add(self, level: str, text: str) -> None:
        self.messages.append({"level": level, "text": mask(text)})
