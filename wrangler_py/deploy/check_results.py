"""The results of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["problem", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A `problem` keeps the Worker from being deployed or from working; a `warning` is worth a thought.

    `check` is the name of the check, for programs; `hint` says what to do.
    """

    check: str
    level: Level
    message: str
    hint: str | None = None
