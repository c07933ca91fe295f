"""Fixture that starts worker children."""

from __future__ import annotations

import socket
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.node_packages import newest_node, node, node_modules
from support.worker_child import Child

__all__ = ["newest_node", "node", "node_modules", "start_worker"]

StartWorker = Callable[..., Child]

_HANDLERS = """
from workers import handler
for name in ("on_fetch", "on_scheduled"):
    if name in globals():
        globals()[name] = handler(globals()[name])
"""
"""Gives the functions of a test's Worker the SDK's types, as `@handler` does."""


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a child for a Worker whose main file has the given source; keywords go into the launch message."""
    children: list[Child] = []

    def start(
        source: str | None = None,
        *,
        files: dict[str, str] | None = None,
        listener: socket.socket | None = None,
        ready: bool = True,
        **launch: Any,
    ) -> Child:
        main = tmp_path / "src" / "entry.py"
        main.parent.mkdir(exist_ok=True)
        if source is not None:
            source = textwrap.dedent(source)
            main.write_text(source + (_HANDLERS if "def on_" in source else ""))
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        flags = ["python_workers"]
        if main.is_file() and "on_fetch" in main.read_text():
            flags.append("disable_python_no_global_handlers")
        message = {"main": str(main), "root": str(tmp_path), "generation": 3, "flags": flags} | launch
        child = Child(message, listener)
        children.append(child)
        if ready:
            child.wait_for("ready")
        return child

    yield start
    for child in children:
        child.close()
        child.listener.close()
