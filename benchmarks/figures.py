"""What was measured, and how it compares: figures a round, ratios of medians, their spread, and the targets."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

OURS = "wrangler-py"
COMPILED = "wrangler-py, compiled"


@dataclass(frozen=True)
class Cell:
    """One thing measured with every peer. `figures` has one figure a round for each peer, in `unit`."""

    label: str
    unit: str
    figures: Mapping[str, Sequence[float]]

    def median(self, peer: str) -> float:
        return statistics.median(self.figures[peer])


@dataclass(frozen=True)
class Bound:
    """A target: `limit` is the least or the most that is good enough."""

    limit: float
    at_least: bool

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float) -> Bound:
    return Bound(limit, at_least=True)


def at_most(limit: float) -> Bound:
    return Bound(limit, at_least=False)


@dataclass(frozen=True)
class Check:
    """A value held against its target.

    `value` is a ratio to `against`, or an absolute figure in `unit` where `against` is empty. `low` and `high` are
    its spread over the rounds. `figure` and `peer_figure` are the medians behind a ratio, in `unit`. `headline`
    ones are drawn.
    """

    label: str
    value: float
    low: float
    high: float
    bound: Bound
    against: str = ""
    unit: str = ""
    figure: float | None = None
    peer_figure: float | None = None
    headline: bool = True

    @property
    def passes(self) -> bool:
        return self.bound.holds(self.value)


@dataclass(frozen=True)
class Result:
    """All of one row: what was measured, the targets, and what has to be said about it."""

    cells: Sequence[Cell]
    checks: Sequence[Check]
    remarks: Sequence[str] = field(default=())


def ratio(
    cell: Cell, against: str, bound: Bound, *, ours: str = OURS, label: str = "", headline: bool = True
) -> list[Check]:
    """The ratio of the medians, as a list of one; an empty list if there was no such peer.

    The spread is that of the ratios of the rounds, whose figures were measured right after one another.
    """
    if against not in cell.figures:
        return []
    rounds = [one / other for one, other in zip(cell.figures[ours], cell.figures[against], strict=True)]
    figure, peer_figure = cell.median(ours), cell.median(against)
    return [
        Check(
            label or cell.label,
            figure / peer_figure,
            min(rounds),
            max(rounds),
            bound,
            against,
            cell.unit,
            figure,
            peer_figure,
            headline,
        )
    ]


def median_of(checks: Sequence[Check], bound: Bound, label: str) -> list[Check]:
    """What the checks of several cells come to, with the spread from the worst to the best cell."""
    if not checks:
        return []
    values = [check.value for check in checks]
    return [Check(label, statistics.median(values), min(values), max(values), bound, checks[0].against)]


def interleave(
    label: str, unit: str, peers: Mapping[str, Callable[[], float]], rounds: int, say: Callable[[str], None]
) -> Cell:
    """Measures A B C, A B C, …: a machine that gets slower or busier meanwhile does so for all of them."""
    figures: dict[str, list[float]] = {peer: [] for peer in peers}
    for number in range(rounds):
        for peer, measure in peers.items():
            say(f"{label} · round {number + 1} of {rounds} · {peer}")
            figures[peer].append(measure())
    return Cell(label, unit, figures)
