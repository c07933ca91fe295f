"""The options of `wrangler-py dev`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wrangler_py.devserver.query_report import QueryReport
from wrangler_py.proxy.options import ProxyOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """One invocation of `dev`; every path is absolute, 0 as a port means any free one."""

    config_path: Path
    persist_to: Path
    script: Path | None = None
    environment: str | None = None
    env_files: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    ip: str = "127.0.0.1"
    port: int = 8787
    proxy_port: int = 0
    dashboard_port: int = 0
    allowed_hosts: tuple[str, ...] = ()
    reload: bool = True
    test_scheduled: bool = False
    strict: bool = False
    debugger_port: int | None = None
    migrate: str | None = None
    report: QueryReport | None = None
    proxy: ProxyOptions = field(default_factory=ProxyOptions)
