"""Debian's Chromium, or another one that is installed, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

OpenPage = Callable[..., Page]
"""Opens a page of the dashboard: its name, and options of the browser's context."""

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program; tests that need it skip where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, _PROGRAMS)), None)


@contextlib.contextmanager
def open_browser(program: str) -> Iterator[Browser]:
    """A browser without a window."""
    # Its sandbox needs what root in a container has not.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if root else [])
        try:
            yield opened
        finally:
            opened.close()
