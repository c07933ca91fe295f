"""Runs operations on this platform: python -m support.pyodide_ffi.run_here DATE; JSON from stdin to stdout.

DATE is a compatibility date, which selects the version of Pyodide.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from wrangler_py.project import python_flags
from wrangler_py.worker import imports
from wrangler_py.worker.platform import blocking
from wrangler_py.worker.platform.current import current
from wrangler_py.worker.platform.modules import _cloudflare_compat_flags
from wrangler_py.worker.platform.settings import settings


class _Request:
    """An invocation that has nothing: operations reach no other server."""

    in_request = True


def main() -> None:
    flags = python_flags.enabled_flags(sys.argv[1], ("python_workers",))
    imports.install_modules()
    blocking.install()
    _cloudflare_compat_flags.enabled = flags
    settings.follow(python_flags.pyodide_version(flags), flags)
    from support.pyodide_ffi import snippets

    async def run() -> Any:
        current.set(_Request())  # type: ignore[arg-type]
        return await snippets.run_all(json.load(sys.stdin))

    results = blocking.RequestLoop().run_until_complete(run())
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
