"""Behavior that depends on the Pyodide release, which the compatibility date selects."""

from __future__ import annotations


class Settings:
    """Set once, before the Worker's code runs."""

    def __init__(self) -> None:
        self.dicts_are_objects = False
        """Whether JavaScript sees a dict as an object with its items: from Pyodide 314 on."""

    def follow(self, pyodide_version: str) -> None:
        """Behave as that release."""
        self.dicts_are_objects = pyodide_version.startswith("314")


settings = Settings()
