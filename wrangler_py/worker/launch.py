"""What the dev session tells a worker child before anything else: its launch message."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrangler_py.worker.assets.settings import AssetSettings


@dataclass(frozen=True, slots=True)
class HyperdriveEndpoint:
    """Where the local Hyperdrive of one binding listens."""

    host: str
    port: int
    database: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Launch:
    """One generation of a Worker: its code, its bindings, how it is reached.

    `vars` may hold secrets and `hyperdrive` does: neither is shown by `repr`. Without a Worker (`has_worker` is
    false) there are static assets alone, and `main` is the config file.
    """

    main: Path
    root: Path
    has_worker: bool = True
    generation: int = 1
    vars: dict[str, Any] = field(default_factory=dict, repr=False)
    hyperdrive: dict[str, HyperdriveEndpoint] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    """Binding name to kind (`kv_namespaces`, `d1_databases`, …) for what is not emulated."""
    assets: AssetSettings | None = None
    flags: tuple[str, ...] = ()
    compatibility_date: str | None = None
    origin: str = "http://127.0.0.1:8787"
    allowed_hosts: tuple[str, ...] = ()
    """Names by which the server may be asked for, besides its own."""
    allow_global_clients: bool = False
    test_scheduled: bool = False
    strict: bool = False
    """Whether what Pyodide does not have is an error, as it is there."""
    color: bool = False

    @classmethod
    def from_json(cls, line: str | bytes) -> Launch:
        """Read the launch message."""
        fields = json.loads(line)
        fields["main"] = Path(fields["main"])
        fields["root"] = Path(fields["root"])
        fields["flags"] = tuple(fields.get("flags", ()))
        fields["allowed_hosts"] = tuple(fields.get("allowed_hosts", ()))
        fields["hyperdrive"] = {
            binding: HyperdriveEndpoint(**endpoint) for binding, endpoint in fields.get("hyperdrive", {}).items()
        }
        if fields.get("assets") is not None:
            fields["assets"] = AssetSettings.from_json(fields["assets"])
        return cls(**fields)
