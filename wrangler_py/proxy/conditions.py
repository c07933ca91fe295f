"""Conditions of production that a local database doesn't have: distance and failures. They can change while the
proxy runs.
"""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from wrangler_py.errors import WranglerError

ROUND_TRIPS_TO_CONNECT = 7
"""TCP 1, TLS 3, authentication 3: Hyperdrive documentation, "How Hyperdrive works"."""
MAX_LATENCY_MS = 60_000

_LATENCY = re.compile(
    r"(?:(?P<binding>[^=]+)=)?(?P<low>\d+(?:\.\d+)?)\s*(?P<low_unit>ms|s)?"
    r"(?:\s*-\s*(?P<high>\d+(?:\.\d+)?)\s*(?P<unit>ms|s))?"
)
_RATE = re.compile(r"(\d+(?:\.\d+)?)%")
_PATTERN = re.compile(r"/(.+)/(i?)", re.DOTALL)


class FaultKind(enum.StrEnum):
    """The failures that Hyperdrive documents, and its Restart."""

    POOL_EXHAUSTED = "pool-exhausted"
    CONNECTION_REFUSED = "connection-refused"
    CONNECTION_LOST = "connection-lost"
    STATEMENT_TIMEOUT = "statement-timeout"
    RESTART = "restart"


AT_CHECKOUT = frozenset({FaultKind.POOL_EXHAUSTED, FaultKind.CONNECTION_REFUSED})
"""Faults of queries that need an origin connection; a client that already has one is not affected."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a round trip to the origin takes, at least and at most. `binding` is None for all bindings."""

    shortest_ms: float
    longest_ms: float
    binding: str | None = None

    @property
    def time(self) -> str:
        """`25 ms`, `20 to 40 ms`."""
        if self.shortest_ms == self.longest_ms:
            return f"{self.shortest_ms:g} ms"
        return f"{self.shortest_ms:g} to {self.longest_ms:g} ms"

    def __str__(self) -> str:
        """In the format of `parse_latency`."""
        name = "" if self.binding is None else f"{self.binding}="
        low, high = f"{self.shortest_ms:g}", f"{self.longest_ms:g}"
        return f"{name}{low}ms" if low == high else f"{name}{low}-{high}ms"


@dataclass(frozen=True, slots=True)
class Fault:
    """`rate` is the share of queries that fail, among those whose text `pattern` matches; None matches all."""

    kind: FaultKind
    rate: float = 1.0
    pattern: re.Pattern[str] | None = None

    @property
    def reach(self) -> str:
        """`5% of queries`, `queries that match /articles/`."""
        share = "" if self.rate == 1 else f"{self.rate * 100:g}% of "
        if self.pattern is not None:
            return f"{share}queries that match {_written(self.pattern)}"
        return f"{share}queries" if share else "every query"

    def __str__(self) -> str:
        """In the format of `parse_fault`."""
        parts: list[str] = [self.kind]
        if self.rate != 1:
            parts.append(f"{self.rate * 100:g}%")
        if self.pattern is not None:
            parts.append(_written(self.pattern))
        return ":".join(parts)


def parse_latency(text: str) -> Latency:
    """`25ms`, `20-40ms`, `NAME=25ms`. Raises WranglerError."""
    match = _LATENCY.fullmatch(text.strip())
    low_unit = match and (match["low_unit"] or match["unit"])
    if match is None or (low_unit is None and float(match["low"])):
        raise WranglerError(
            f"Latency {text!r}: give a time with its unit, ms or s.",
            hint="Examples: 25ms, 20-40ms, or HYPERDRIVE=25ms for one binding.",
            exit_status=2,
        )
    low = float(match["low"]) * (1000 if low_unit == "s" else 1)
    high = float(match["high"]) * (1000 if match["unit"] == "s" else 1) if match["high"] else low
    if high < low or high > MAX_LATENCY_MS:
        raise WranglerError(
            f"Latency {text!r}: "
            + ("the longer time comes second." if high < low else f"at most {MAX_LATENCY_MS // 1000} s."),
            hint="Example: 20-40ms.",
            exit_status=2,
        )
    return Latency(low, high, match["binding"])


def parse_fault(text: str) -> Fault:
    """`pool-exhausted`, `pool-exhausted:5%`, `connection-lost:/articles/`, `restart:1%:/articles/i`.

    Raises WranglerError.
    """
    name, _, rest = text.strip().partition(":")
    try:
        kind = FaultKind(name)
    except ValueError:
        raise WranglerError(
            f"There is no fault {name!r}.",
            hint=f"The faults are {', '.join(FaultKind)}.",
            exit_status=2,
        ) from None
    rate, pattern = 1.0, None
    share, _, behind = rest.partition(":")
    if match := _RATE.fullmatch(share):
        rate, rest = float(match[1]) / 100, behind
        if not 0 < rate <= 1:
            raise WranglerError(
                f"Fault {text!r}: the rate must be above 0% and at most 100%.", hint="Example: 5%.", exit_status=2
            )
    if rest:
        pattern = _pattern(text, rest)
    return Fault(kind, rate, pattern)


def _pattern(text: str, written: str) -> re.Pattern[str]:
    match = _PATTERN.fullmatch(written)
    if match is None:
        raise WranglerError(
            f"Fault {text!r}: {written!r} is neither a rate nor a pattern.",
            hint="Examples: connection-lost:5%, or connection-lost:/articles/ for queries whose text matches.",
            exit_status=2,
        )
    try:
        return re.compile(match[1], re.IGNORECASE if match[2] else 0)
    except re.error as error:
        raise WranglerError(
            f"Fault {text!r}: {match[1]!r} is not a regular expression: {error}.",
            hint="Use the syntax of Python's regular expressions.",
            exit_status=2,
        ) from None


def _written(pattern: re.Pattern[str]) -> str:
    return f"/{pattern.pattern}/{'i' if pattern.flags & re.IGNORECASE else ''}"


class Conditions:
    """The latencies and faults that are on. With a `seed`, the same queries get the same faults again."""

    def __init__(
        self, latencies: Iterable[Latency] = (), faults: Iterable[Fault] = (), seed: int | None = None
    ) -> None:
        self._subscribers: list[Callable[[], None]] = []
        self._latencies: dict[str | None, Latency] = {}
        self.faults: tuple[Fault, ...] = ()
        self._seed: int | None = None
        self._set(latencies, faults, seed)

    def _set(self, latencies: Iterable[Latency], faults: Iterable[Fault], seed: int | None) -> None:
        self._latencies = {latency.binding: latency for latency in latencies}
        self.faults = tuple(faults)
        self._seed = seed
        self._delays = random.Random(seed)  # noqa: S311
        self._chances = [random.Random(f"{seed}{fault}" if seed is not None else None) for fault in self.faults]  # noqa: S311

    # --- what is on ----------------------------------------------------------------------------------------

    @property
    def latencies(self) -> tuple[Latency, ...]:
        return tuple(self._latencies.values())

    @property
    def seed(self) -> int | None:
        return self._seed

    @property
    def are_on(self) -> bool:
        return bool(self.faults) or any(latency.longest_ms for latency in self._latencies.values())

    def latency_of(self, binding: str) -> Latency | None:
        """The latency of the binding, or else of all bindings; None if it has none."""
        latency = self._latencies.get(binding) or self._latencies.get(None)
        return latency if latency is not None and latency.longest_ms else None

    def describe(self) -> list[str]:
        """A line for each latency, and one for all faults."""
        lines = []
        for latency in self._latencies.values():
            if latency.longest_ms:
                where = "" if latency.binding is None else f" of {latency.binding}"
                lines.append(f"Latency is on: each round trip to the origin{where} takes {latency.time} longer.")
        if self.faults:
            listed = ", ".join(f"{fault.kind} for {fault.reach}" for fault in self.faults)
            seeded = "" if self._seed is None else f" (seed {self._seed})"
            lines.append(f"Faults are on{seeded}: {listed}.")
        return lines

    def check_bindings(self, bindings: Collection[str]) -> None:
        """Raise WranglerError if a latency is for a binding that does not exist."""
        for latency in self._latencies.values():
            if latency.binding is not None and latency.binding not in bindings:
                raise WranglerError(
                    f"Latency {str(latency)!r}: there is no binding {latency.binding!r}.",
                    hint=f"Bindings: {', '.join(bindings)}." if bindings else "There are no bindings.",
                    exit_status=2,
                )

    # --- changing them -------------------------------------------------------------------------------------

    def change(
        self,
        *,
        latencies: Sequence[Latency] | None = None,
        faults: Sequence[Fault] | None = None,
        seed: int | None = None,
    ) -> None:
        """Changes take effect with the next query; None keeps the present value. Random numbers start again."""
        self._set(
            self.latencies if latencies is None else latencies,
            self.faults if faults is None else faults,
            self._seed if seed is None else seed,
        )
        for callback in tuple(self._subscribers):
            callback()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback` after each change, until the returned function is called."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    # --- drawing -------------------------------------------------------------------------------------------

    def round_trip_s(self, binding: str) -> float:
        """How much longer the next round trip takes, in seconds."""
        latency = self.latency_of(binding)
        if latency is None:
            return 0.0
        if latency.shortest_ms == latency.longest_ms:
            return latency.shortest_ms / 1000
        return self._delays.uniform(latency.shortest_ms, latency.longest_ms) / 1000

    def draw(self, sql: str, kinds: Iterable[FaultKind]) -> FaultKind | None:
        """The fault, of these `kinds`, for a query; None if there is none."""
        wanted = frozenset(kinds)
        for fault, chance in zip(self.faults, self._chances, strict=True):
            if fault.kind not in wanted or (fault.pattern is not None and not fault.pattern.search(sql)):
                continue
            if fault.rate == 1 or chance.random() < fault.rate:
                return fault.kind
        return None
