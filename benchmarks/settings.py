"""How thorough a run is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """`rounds` of each measurement, each of `seconds` where it is a load kept up for a time. `scale` (0 to 1)
    shrinks what has a size instead: rows, idle clients, reloads."""

    rounds: int = 5
    seconds: float = 5.0
    scale: float = 1.0

    def sized(self, size: int) -> int:
        return max(1, round(size * self.scale))
