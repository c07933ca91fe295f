"""`results/latest.svg`: how many times as good as its peer, on a logarithmic axis, with the targets.

Written by hand rather than by a plotting library, and readable on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.figures import Check
from benchmarks.report import RESULTS, headline_checks, number

PATH = RESULTS / "latest.svg"

TIMES = "\N{MULTIPLICATION SIGN}"
WIDTH = 920
LEFT = 400
"""Where the axis begins; the labels are to the left of it."""
RIGHT = 160
LINE = 26
TOP = 64
GROUP_GAP = 12
TICKS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100)

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { fill: #656d76; font-size: 12px; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .even { stroke: #656d76; stroke-width: 1.5; }
  .pass { fill: #2da44e; }
  .short { fill: #d4a72c; }
  .spread { stroke: #1f2328; stroke-width: 1.5; opacity: .55; }
  .target { stroke: #1f2328; stroke-width: 2; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #8d96a0; }
    .grid { stroke: #30363d; }
    .even { stroke: #8d96a0; }
    .pass { fill: #3fb950; }
    .short { fill: #bb8009; }
    .spread, .target { stroke: #e6edf3; }
  }
"""


def write_plot() -> None:
    """Draws the headline checks of the results file."""
    found = headline_checks()
    if found:
        PATH.write_text(draw(found))


def draw(checks: Sequence[tuple[str, Check]]) -> str:
    """An SVG: one bar a check, from "as good as the peer" to what was measured.

    Where less is better (a time, say) it is the inverse that is drawn, so that longer is always better.
    """
    values = [gain(check, value) for _, check in checks for value in (check.value, check.bound.limit)]
    low, high = min(0.5, *values) / 1.15, max(2.0, *values) * 1.15
    scale = (WIDTH - LEFT - RIGHT) / math.log(high / low)

    def x(value: float) -> float:
        return LEFT + math.log(min(max(value, low), high) / low) * scale

    body: list[str] = []
    y = TOP
    previous = ""
    for title, check in checks:
        if previous not in ("", title):
            y += GROUP_GAP
        body += _bar(title if title != previous else "", check, y, x)
        previous = title
        y += LINE
    grid = [
        f'<line class="{"even" if tick == 1 else "grid"}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" '
        f'y1="{TOP - 8}" y2="{y}"/>'
        f'<text class="quiet" x="{x(tick):.1f}" y="{TOP - 14}" text-anchor="middle">{tick:g}{TIMES}</text>'
        for tick in TICKS
        if low <= tick <= high
    ]
    height = y + 34
    legend = (
        f'<text class="quiet" x="16" y="{y + 22}">Bars begin where wrangler-py is as good as its peer; longer to '
        "the right is better. Green: target met. Dashed: target. Thin line: spread of the rounds.</text>"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img" aria-label="wrangler-py beside its peers">',
            f"<style>{STYLE}</style>",
            '<text class="title" x="16" y="26">wrangler-py beside its peers: times as good</text>',
            *grid,
            *body,
            legend,
            "</svg>\n",
        ]
    )


def gain(check: Check, value: float) -> float:
    """`value`, a ratio, as one of which more is better."""
    return value if check.bound.at_least else 1 / value


def _bar(title: str, check: Check, y: int, x: object) -> list[str]:
    assert callable(x)
    value, target = gain(check, check.value), gain(check, check.bound.limit)
    ends = sorted((gain(check, check.low), gain(check, check.high)))
    start, end = sorted((x(1.0), x(value)))
    middle = y + LINE / 2
    told = f"{number(value)}{TIMES} {check.against}"
    return [
        f'<text x="16" y="{middle + 4:.1f}">{escape(title)}</text>',
        f'<text class="quiet" x="{LEFT - 14}" y="{middle + 4:.1f}" text-anchor="end">{escape(check.label)}</text>',
        f'<rect class="{"pass" if check.passes else "short"}" x="{start:.1f}" y="{y + 5}" '
        f'width="{max(2.0, end - start):.1f}" height="{LINE - 10}" rx="3"><title>{escape(check.label)}: '
        f"{escape(told)}</title></rect>",
        f'<line class="spread" x1="{x(ends[0]):.1f}" x2="{x(ends[1]):.1f}" y1="{middle}" y2="{middle}"/>',
        f'<line class="target" x1="{x(target):.1f}" x2="{x(target):.1f}" y1="{y + 2}" y2="{y + LINE - 2}"/>',
        f'<text x="{WIDTH - RIGHT + 12}" y="{middle + 4:.1f}">{escape(told)}</text>',
    ]
