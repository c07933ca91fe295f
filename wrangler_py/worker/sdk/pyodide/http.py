"""`pyodide.http`: `pyfetch`."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.sdk.workers._fetch import fetch
from wrangler_py.worker.sdk.workers._response import FetchResponse

__all__ = ["FetchResponse", "pyfetch"]


async def pyfetch(url: str, **options: Any) -> FetchResponse:
    """Fetch a URL."""
    return await fetch(url, **options)
