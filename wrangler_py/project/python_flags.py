"""The compatibility flags that affect a Python Worker, and the dates from which they are on.

Source: the runtime's table of compatibility flags (workerd 1.20261117).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class PythonFlag(NamedTuple):
    """One flag: its names, and the compatibility date from which it is on by default."""

    enable: str
    disable: str | None
    since: str


NO_GLOBAL_HANDLERS = "python_no_global_handlers"
EXTERNAL_SDK = "enable_python_external_sdk"
PYODIDE_314 = "python_workers_314"
NODE_COMPAT = "nodejs_compat"
NODE_TIMERS = PythonFlag("enable_nodejs_global_timers", "no_nodejs_global_timers", "2026-02-10")
"""Implied by `nodejs_compat` from that date on."""

FLAGS = (
    PythonFlag("python_workers_force_new_vendor_path", None, "2025-08-11"),
    PythonFlag(NO_GLOBAL_HANDLERS, f"disable_{NO_GLOBAL_HANDLERS}", "2025-08-14"),
    PythonFlag("python_workflows", "disable_python_workflows", "2025-09-20"),
    PythonFlag("python_workers_20250116", "no_python_workers_20250116", "2025-09-29"),
    PythonFlag("python_dedicated_snapshot", "disable_python_dedicated_snapshot", "2025-10-16"),
    PythonFlag("python_check_rng_state", "disable_python_check_rng_state", "2025-12-16"),
    PythonFlag(
        "python_request_headers_preserve_commas",
        "disable_python_request_headers_preserve_commas",
        "2026-02-17",
    ),
    PythonFlag(
        "python_workflows_implicit_dependencies",
        "no_python_workflows_implicit_dependencies",
        "2026-02-25",
    ),
    PythonFlag(EXTERNAL_SDK, "disable_python_external_sdk", "2026-04-21"),
    PythonFlag("python_process_pth_files", "disable_python_process_pth_files", "2026-05-26"),
    PythonFlag(PYODIDE_314, f"no_{PYODIDE_314}", "2026-09-08"),
    # Of the web platform:
    PythonFlag("websocket_standard_binary_type", "no_websocket_standard_binary_type", "2026-03-17"),
    PythonFlag("web_socket_auto_reply_to_close", "web_socket_manual_reply_to_close", "2026-04-07"),
    PythonFlag(NODE_COMPAT, f"no_{NODE_COMPAT}", "2026-08-04"),
    PythonFlag("spec_compliant_dispatch_exceptions", "no_spec_compliant_dispatch_exceptions", "2026-09-15"),
)


def enabled_flags(date: str | None, flags: Iterable[str]) -> frozenset[str]:
    """The flags that are on. Without a compatibility date: those of the newest one."""
    given = frozenset(flags)
    by_date = {flag.enable for flag in FLAGS if (date is None or date >= flag.since) and flag.disable not in given}
    enabled = given | by_date
    timers = NODE_TIMERS
    if NODE_COMPAT in enabled and timers.disable not in given and (date is None or date >= timers.since):
        enabled |= {timers.enable}
    return enabled


def pyodide_version(enabled: frozenset[str]) -> str:
    """The Pyodide release that these flags select."""
    if enabled & {PYODIDE_314, "python_workers_20260817"}:
        return "314.0.6"
    if "python_workers_20260610" in enabled:
        return "314.0.4"
    return "0.28.2" if "python_workers_20250116" in enabled else "0.26.0a2"


def python_version(enabled: frozenset[str]) -> str:
    """The Python version that comes with it."""
    return {"0.26.0a2": "3.12", "0.28.2": "3.13"}.get(pyodide_version(enabled), "3.14")
