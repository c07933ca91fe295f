"""`_cloudflare.allow_entropy`. Snapshots are what entropy must be kept from, and there are none here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def allow_bad_entropy_calls(_calls: int) -> Iterator[None]:
    """Let a number of random numbers be drawn. All may be here."""
    yield
