"""What tests need of the build that they run: see `scripts/test-compiled`."""

from __future__ import annotations

import pytest

from wrangler_py.build_kind import is_compiled

needs_source = pytest.mark.skipif(
    is_compiled(), reason="replaces a function or a method, which compiled code calls directly"
)
