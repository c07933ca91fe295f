"""Behavior that depends on the compatibility date and flags, and on the Pyodide release that they select."""

from __future__ import annotations


class Settings:
    """Set once, before the Worker's code runs."""

    def __init__(self) -> None:
        self.dicts_are_objects = False
        """Whether JavaScript sees a dict as an object with its items: from Pyodide 314 on."""

        self.has_node_globals = False
        """Whether `setImmediate` and other globals of Node.js are there."""
        self.has_node_timers = False
        """Whether `setTimeout` and its kin are those of Node.js."""
        self.reports_listener_exceptions = False
        """Whether an exception of an event listener is reported, and not raised by `dispatchEvent`."""

    def follow(self, pyodide_version: str, flags: frozenset[str]) -> None:
        """Behave as that release, with these flags."""
        self.dicts_are_objects = pyodide_version.startswith("314")
        self.has_node_globals = "nodejs_compat" in flags
        self.has_node_timers = "enable_nodejs_global_timers" in flags
        self.reports_listener_exceptions = "spec_compliant_dispatch_exceptions" in flags


settings = Settings()
