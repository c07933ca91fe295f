"""The report of a test run on its queries: a section in the terminal, and a file for other programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wrangler_py.atomic_file import replace_file
from wrangler_py.querylog.findings import REPEATED_FROM
from wrangler_py.querylog.html_report import code_cell, number_cell, page, table, text_cell
from wrangler_py.testing.case_summary import CaseSummary, StatementSummary
from wrangler_py.testing.statements import counted, is_transaction_control, shortened

VERSION = 1
"""Of the layout of the JSON file."""
_SHOWN = 10


class RunReport:
    """`cases` are the tests, by the ids that pytest gives them, with their queries."""

    def __init__(self, cases: Sequence[tuple[str, CaseSummary]]) -> None:
        self._cases = sorted(cases, key=lambda case: case[0])

    @property
    def by_status(self) -> dict[str, int]:
        """How many queries had each cache status."""
        total: Counter[str] = Counter()
        for _, case in self._cases:
            total.update(case["by_status"])
        return dict(total.most_common())

    def stale(self) -> list[tuple[str, str]]:
        """Each stale read: the test, and the text."""
        return [(test, sql) for test, case in self._cases for sql in case["stale"]]

    def repeated(self) -> list[tuple[int, str, str]]:
        """Each statement that a test ran often: how often, the test, and the text; the most often first."""
        found = [
            (each["count"], test, each["sql"])
            for test, case in self._cases
            for each in case["statements"]
            if each["count"] >= REPEATED_FROM and not is_transaction_control(each["sql"])
        ]
        return sorted(found, key=lambda each: (-each[0], each[1]))

    def never_cached(self) -> list[StatementSummary]:
        """Each statement that was never cached although it reads, with the reason; the most frequent first."""
        found: dict[tuple[str, str], StatementSummary] = {}
        cached: set[tuple[str, str]] = set()
        for _, case in self._cases:
            for each in case["statements"]:
                key = (each["binding"], each["sql"])
                if each["reason"] is None:
                    cached.add(key)
                elif key in found:
                    found[key]["count"] += each["count"]
                else:
                    found[key] = each.copy()
        return sorted(
            (each for key, each in found.items() if key not in cached),
            key=lambda each: (-each["count"], each["sql"]),
        )

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        total = sum(self.by_status.values())
        if not total:
            yield "no test has run a query through the local Hyperdrive"
            return
        statuses = ", ".join(f"{count} {status}" for status, count in self.by_status.items())
        tests = counted(len(self._cases), "test", "tests")
        yield f"{counted(total, 'query', 'queries')} in {tests}: {statuses}"
        stale: dict[str, list[str]] = {}
        for test, sql in self.stale():
            stale.setdefault(shortened(sql), []).append(test)
        yield from _listed("stale reads", [(sql, *dict.fromkeys(tests)) for sql, tests in stale.items()])
        yield from _listed(
            "repeated statements",
            [(f"{count} times: {shortened(sql)}", test) for count, test, sql in self.repeated()],
        )
        yield from _listed(
            "never cached",
            [
                (f"{next(iter(each['by_status']))}: {shortened(each['sql'])}", _why(each))
                for each in self.never_cached()
            ],
        )

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "version": VERSION,
            "queries": sum(self.by_status.values()),
            "by_status": self.by_status,
            "stale_reads": [{"test": test, "sql": sql} for test, sql in self.stale()],
            "repeated_statements": [
                {"test": test, "sql": sql, "count": count} for count, test, sql in self.repeated()
            ],
            "never_cached": self.never_cached(),
            "tests": [{"test": test, **case} for test, case in self._cases],
        }

    def write(self, file: Path) -> None:
        """Write the report, as HTML or as JSON, whichever the name of the file says."""
        text = (
            self._as_html() if file.suffix == ".html" else json.dumps(self.as_json(), indent=2, ensure_ascii=False)
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, text.encode(), private=True)  # there may be values in the texts

    def _as_html(self) -> str:
        counts = [(number_cell(str(count)), text_cell(status)) for status, count in self.by_status.items()]
        stale = [(code_cell(sql), text_cell(test)) for test, sql in self.stale()]
        repeated = [
            (number_cell(str(count)), code_cell(sql), text_cell(test)) for count, test, sql in self.repeated()
        ]
        never = [
            (
                number_cell(str(each["count"])),
                text_cell(", ".join(each["by_status"])),
                code_cell(each["sql"]),
                text_cell(_why(each)),
            )
            for each in self.never_cached()
        ]
        tests = [
            (
                number_cell(str(case["queries"])),
                text_cell(test),
                text_cell(", ".join(f"{count} {status}" for status, count in case["by_status"].items())),
            )
            for test, case in self._cases
        ]
        return page(
            "Hyperdrive in the tests",
            (
                *_section("Queries by cache status", ("Queries", "Status"), counts, numbers=1),
                *_section("Stale reads", ("Statement", "Test"), stale),
                *_section("Repeated statements", ("Times", "Statement", "Test"), repeated, numbers=1),
                *_section("Never cached", ("Queries", "Status", "Statement", "Why"), never, numbers=1),
                *_section("Tests", ("Queries", "Test", "Cache status"), tests, numbers=1),
            ),
        )


def _listed(title: str, entries: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not entries:
        return
    yield f"{title}:"
    for first, *details in entries[:_SHOWN]:
        yield f"  {first}"
        yield from (f"    {detail}" for detail in details[:_SHOWN])
        if len(details) > _SHOWN:
            yield f"    … and {len(details) - _SHOWN} more"
    if len(entries) > _SHOWN:
        yield f"  … and {len(entries) - _SHOWN} more: see --hyperdrive-report=FILE"


def _why(each: StatementSummary) -> str:
    return (each["reason"] or "") + (f"; {each['fix']}" if each["fix"] else "")


def _section(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0
) -> Iterator[str]:
    yield f"<h2>{title}</h2>"
    if rows:
        yield from table(columns, rows, numbers=numbers)
    else:
        yield "<p>None.</p>"
