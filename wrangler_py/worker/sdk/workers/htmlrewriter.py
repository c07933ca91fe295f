"""`workers.htmlrewriter`: it imports, and is not emulated."""

from __future__ import annotations

from wrangler_py.worker.sdk.workers._not_emulated import MissingGlobal

HTMLRewriter = MissingGlobal("HTMLRewriter")
