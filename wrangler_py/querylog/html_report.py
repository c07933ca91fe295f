"""Reports as one HTML file: nothing is loaded from anywhere, and nothing in it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from wrangler_py.querylog.summary import (
    Summary,
    describe_statuses,
    describe_time,
    describe_totals,
)

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #b45309; }
@media (prefers-color-scheme: dark) { :root { --mark: #fbbf24; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; }
th.number, td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.bar { background: var(--soft); height: .5rem; border-radius: .25rem; overflow: hidden; display: flex; }
.bar i { display: block; height: 100%; } .waited { background: #b45309; } .origin { background: #2563eb; }
.sending { background: #059669; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .2rem 1rem; margin: 1rem 0; }
article h3 { font-size: 1rem; overflow-wrap: anywhere; } .kind { color: var(--mark); }
"""


def as_html(summary: Summary) -> str:
    """A whole page."""
    return page(
        "Hyperdrive query report",
        (*_totals(summary), *_findings(summary), *_costliest(summary), *_never_cached(summary)),
    )


def page(title: str, body: Iterable[str]) -> str:
    """A whole page with `title` above the HTML in `body`."""
    lines = "\n".join((f"<h1>{escape(title)}</h1>", *body))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{lines}\n</main>\n</body>\n</html>\n"
    )


def _totals(summary: Summary) -> Iterable[str]:
    ended = datetime.fromtimestamp(summary.ended_at, UTC)
    yield f"<p>wrangler-py, {ended:%Y-%m-%d %H:%M} UTC</p>"
    for line in describe_totals(summary):
        yield f"<p>{escape(line)}</p>"
    if summary.total_ms:
        parts = (("waited", summary.waited_ms), ("origin", summary.origin_ms), ("sending", summary.sending_ms))
        shares = "".join(f'<i class="{name}" style="width:{ms / summary.total_ms:.2%}"></i>' for name, ms in parts)
        yield f'<div class="bar" role="img" aria-label="Where the time went">{shares}</div>'


def _findings(summary: Summary) -> Iterable[str]:
    yield "<h2>Findings</h2>"
    if not summary.findings:
        yield "<p>No findings.</p>"
    for finding in summary.findings:
        cost = f" ({describe_time(finding.cost_ms)})" if finding.cost_ms else ""
        yield (
            f'<article><h3><span class="kind">{escape(finding.kind)}</span>: {escape(finding.title)}{cost}</h3>'
            f"<p>{escape(finding.explanation)}</p><p><strong>Fix:</strong> {escape(finding.fix)}</p></article>"
        )


def _costliest(summary: Summary) -> Iterable[str]:
    if summary.costliest:
        yield "<h2>Statements that took the most time</h2>"
        rows = [
            (
                number_cell(describe_time(each.total_ms)),
                number_cell(describe_time(each.mean_ms)),
                number_cell(f"{each.count:,}"),
                number_cell(f"{each.rows:,}"),
                text_cell(describe_statuses(each.by_status)),
                code_cell(each.sql),
            )
            for each in summary.costliest
        ]
        yield from table(("total", "mean", "count", "rows", "cache status", "statement"), rows, numbers=4)


def _never_cached(summary: Summary) -> Iterable[str]:
    if summary.never_cached:
        yield "<h2>Reads that are never cached</h2>"
        rows = [
            (
                number_cell(f"{each.count:,}"),
                code_cell(each.sql),
                text_cell(f"{describe_statuses(each.by_status)}: {each.reason or ''}"),
                text_cell(each.fix or ""),
            )
            for each in summary.never_cached
        ]
        yield from table(("count", "statement", "why", "change"), rows, numbers=1)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0) -> Iterable[str]:
    """A table of `rows`, whose cells are HTML; the first `numbers` columns hold numbers."""
    heads = [
        f'<th scope="col"{" class=number" if index < numbers else ""}>{escape(column)}</th>'
        for index, column in enumerate(columns)
    ]
    yield f'<div class="table"><table><thead><tr>{"".join(heads)}</tr></thead><tbody>'
    for row in rows:
        yield f"<tr>{''.join(row)}</tr>"
    yield "</tbody></table></div>"


def number_cell(text: str) -> str:
    """A cell with a number."""
    return f'<td class="number">{escape(text)}</td>'


def code_cell(sql: str) -> str:
    """A cell with a statement."""
    return f"<td><code>{escape(sql)}</code></td>"


def text_cell(text: str) -> str:
    """A cell with any other text."""
    return f"<td>{escape(text)}</td>"
