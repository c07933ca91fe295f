"""The warning for each limit: what does not work on Cloudflare, and what to do instead."""

from __future__ import annotations

from wrangler_py.worker.pyodide_limits.packages import LISTED_ON

THREAD = (
    "This starts a thread, which Python Workers cannot. Call the function itself, or await several coroutines "
    "with asyncio.gather; asyncio.to_thread works, and runs its function at once."
)
POOL = (
    "A pool of connections needs threads or tasks that outlive a request, which Python Workers have not. Connect "
    "in each request: Hyperdrive keeps the pool."
)
PROCESS = (
    "This starts a process, which Python Workers cannot. Do it in Python, or have another service do it and ask "
    "that with fetch."
)
SERVER = (
    "This socket waits for others, and sockets of Python Workers only connect. Requests come to the fetch handler; "
    "it accepts WebSockets, too."
)
DATAGRAM = "This socket is not TCP, and Python Workers have no other sockets. Use TCP, or fetch."
ASYNC_CONNECTION = (
    "psycopg.AsyncConnection does not work in Python Workers. Use psycopg.connect, whose calls may block there, or "
    "asyncpg."
)
PSYCOPG2 = (
    "psycopg2 does not run in Python Workers: there is no build of it for Pyodide. Use psycopg 3 "
    "(`psycopg.connect`; in SQLAlchemy `postgresql+psycopg://`), asyncpg or pg8000."
)
GREENLET = (
    "SQLAlchemy's asyncio extension needs greenlet, of which there is no build for Pyodide. Use create_engine and "
    "Session, whose calls may block in Python Workers."
)


def early_socket(date: str) -> str:
    return (
        "Python Workers have no sockets before a later compatibility date. Set compatibility_date to "
        f'"{date}" or later.'
    )


def package(name: str, python: str) -> str:
    return _PACKAGES.get(name) or (
        f"{name} has binary parts, and Pyodide has no build of it for Python {python} (as of {LISTED_ON}). Use a "
        "package in pure Python; `pywrangler sync` says whether this one can be had by now."
    )


def removed(name: str) -> str:
    return f"The module {name} is not part of Python in Workers."


_PACKAGES = {
    "psycopg2": PSYCOPG2,
    "greenlet": (
        "greenlet does not run in Python Workers: there is no build of it for Pyodide. Use asyncio without it, or "
        "plain calls, which may block."
    ),
    "uvloop": "uvloop does not run in Python Workers, whose event loop is JavaScript's. Leave it out.",
}
