"""`--report FILE`: writes a summary of the query log at the end of a run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wrangler_py.atomic_file import replace_file
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.console import Messages
    from wrangler_py.querylog.log import QueryLog
    from wrangler_py.querylog.summary import Summary

_FORMATS = (".json", ".html")
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class QueryReport:
    """The destination of the summary; `path` is None for standard output."""

    path: Path | None

    @classmethod
    def read(cls, text: str, cwd: Path) -> QueryReport:
        """The report that `--report` asks for. Raises WranglerError if nothing can be written there."""
        if text == STDOUT:
            return cls(None)
        path = cwd / Path(text).expanduser()
        if path.suffix.lower() not in _FORMATS:
            raise WranglerError(
                f"--report {text}: the file name must end in .json or .html.",
                hint="For example --report queries.html; --report - prints the report.",
                exit_status=2,
            )
        if path.is_dir():
            raise WranglerError(
                f"--report {text}: this is a folder.", hint="Give the name of a file.", exit_status=2
            )
        if not path.parent.is_dir():
            raise WranglerError(
                f"--report {text}: there is no folder {path.parent}.", hint="Create it first.", exit_status=2
            )
        if not os.access(path.parent, os.W_OK):
            raise WranglerError(
                f"--report {text}: cannot write to {path.parent}.",
                hint="Choose another folder, or change its permissions.",
                exit_status=2,
            )
        return cls(path)

    def write(self, log: QueryLog) -> None:
        """Raises WranglerError if it cannot be written."""
        from wrangler_py.querylog.summary import summarize

        summary = summarize(log)
        if self.path is None:
            print(summary.as_text(), flush=True)
            return
        try:
            replace_file(self.path, self._content(summary).encode())
        except OSError as error:
            raise WranglerError(
                f"The report cannot be written to {self.path}: {os.strerror(error.errno or 0)}."
            ) from None

    def leave(self, log: QueryLog, messages: Messages) -> None:
        """Write the report, or print why that failed."""
        try:
            self.write(log)
        except WranglerError as error:
            messages.error(error.message, error.hint)

    def _content(self, summary: Summary) -> str:
        assert self.path is not None
        if self.path.suffix.lower() == ".json":
            return json.dumps(summary.as_json(), indent=2, ensure_ascii=False) + "\n"
        from wrangler_py.querylog.html_report import as_html

        return as_html(summary)
