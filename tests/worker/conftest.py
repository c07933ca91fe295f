"""Fixture that starts worker children."""

from __future__ import annotations

import socket
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.node_packages import newest_node, node, node_modules
from support.worker_child import Child, StartWorker

from wrangler_py.worker_protocol import Launch, Ready

__all__ = ["newest_node", "node", "node_modules", "start_worker"]

_HANDLERS = """
from workers import handler
for name in ("on_fetch", "on_scheduled"):
    if name in globals():
        globals()[name] = handler(globals()[name])
"""
"""Gives the functions of a test's Worker the SDK's types, as `@handler` does."""


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a child for a Worker whose main file has the given source; keywords are fields of the `Launch`."""
    children: list[Child] = []

    def start(
        source: str | None = None,
        *,
        files: Mapping[str, str] | None = None,
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
        flags: tuple[str, ...] = ("python_workers",)
        if main.is_file() and "on_fetch" in main.read_text():
            flags += ("disable_python_no_global_handlers",)
        fields: dict[str, Any] = {"main": main, "root": tmp_path, "generation": 3, "flags": flags} | launch
        child = Child(Launch(**fields), listener)
        children.append(child)
        if ready:
            child.wait_for(Ready)
        return child

    yield start
    for child in children:
        child.close()
        child.listener.close()
