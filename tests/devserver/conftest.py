"""Fixtures for the tests of the dev session."""

from __future__ import annotations

from support.node_packages import node

__all__ = ["node"]
