"""Fixtures for the tests of projects on disk."""

from __future__ import annotations

from support.node_packages import node, node_modules

__all__ = ["node", "node_modules"]
