"""The `assets` table of the config file, as the dev session hands it to the worker child."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_ASSET_SIZE = 25 * 1024 * 1024
"""Size of the largest file that may be deployed."""
MAX_ASSET_COUNT = 100_000
"""How many files may be deployed on a paid plan; 20,000 on the free one."""


@dataclass(frozen=True, slots=True)
class AssetSettings:
    """Which folder is served, and how. `base_path`, before all paths, begins and ends with a slash.

    `run_worker_first` is whether every request goes to the Worker, or else the patterns that decide;
    `navigation_prefers_assets` whether a browser's navigation gets what `not_found_handling` says.
    """

    directory: Path
    binding: str | None = None
    html_handling: str = "auto-trailing-slash"
    not_found_handling: str = "none"
    base_path: str = "/"
    run_worker_first: bool | tuple[str, ...] = False
    navigation_prefers_assets: bool = True

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> AssetSettings:
        """Read them from the launch message."""
        first = fields.get("run_worker_first", False)
        return cls(
            **{
                **fields,
                "directory": Path(fields["directory"]),
                "run_worker_first": tuple(first) if isinstance(first, list) else first,
            }
        )
