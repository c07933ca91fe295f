"""Behavior that depends on the compatibility date and flags, and on the Pyodide release that they select."""

from __future__ import annotations


class Settings:
    """Set once, before the Worker's code runs."""

    def __init__(self) -> None:
        self.dicts_have_properties = False
        """Whether JavaScript sees a dict's items as properties of it: from Pyodide 0.28 on."""
        self.dicts_become_objects = False
        """Whether `to_js` makes an object of a dict, and no Map: from Pyodide 314 on."""

        self.has_big_int_class = False
        """Whether Python sees BigInts as a class of their own: from Pyodide 314 on."""

        self.has_node_globals = False
        """Whether `setImmediate` and other globals of Node.js are there."""
        self.has_node_timers = False
        """Whether `setTimeout` and its kin are those of Node.js."""
        self.reports_listener_exceptions = False
        """Whether an exception of an event listener is reported, and not raised by `dispatchEvent`."""

    def follow(self, pyodide_version: str, flags: frozenset[str]) -> None:
        """Behave as that release, with these flags."""
        self.dicts_have_properties = not pyodide_version.startswith("0.26")
        self.dicts_become_objects = pyodide_version.startswith("314")
        self.has_big_int_class = self.dicts_become_objects
        self.has_node_globals = "nodejs_compat" in flags
        self.has_node_timers = "enable_nodejs_global_timers" in flags
        self.reports_listener_exceptions = "spec_compliant_dispatch_exceptions" in flags


settings = Settings()
