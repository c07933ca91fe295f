"""The programmes of the drivers, where they find what they import."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.node_packages import newest_node, node, node_modules
from support.wrangler_projects import project

__all__ = ["newest_node", "node", "node_modules", "programs", "project"]


@pytest.fixture(scope="session")
def programs(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `programs`, where its programs find the drivers."""
    folder = tmp_path_factory.mktemp("programs")
    shutil.copytree(Path(__file__).parent / "programs", folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(node_modules, target_is_directory=True)
    return folder
