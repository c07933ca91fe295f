"""Which build this is: of pure Python, or with the parts that each query goes through compiled by mypyc."""

from __future__ import annotations

from wrangler_py import __version__


def is_compiled() -> bool:
    from wrangler_py.pgwire import frontend_kinds

    return not frontend_kinds.__file__.endswith(".py")


def version_text() -> str:
    """What `--version` prints."""
    return f"wrangler-py {__version__} ({'compiled' if is_compiled() else 'pure Python'})"
