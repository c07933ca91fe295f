"""`workers.workflows`: the error that ends a Workflow's retries."""

from __future__ import annotations


class NonRetryableError(Exception):
    """Raised in a step that must not be tried again."""
