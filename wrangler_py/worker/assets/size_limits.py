"""How large static assets may be, as on the platform."""

from __future__ import annotations

MAX_ASSET_SIZE = 25 * 1024 * 1024
"""Size of the largest file that may be deployed."""
MAX_ASSET_COUNT = 100_000
"""How many files may be deployed on a paid plan; 20,000 on the free one."""
