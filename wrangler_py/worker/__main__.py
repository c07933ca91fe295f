"""`python -m wrangler_py.worker HTTP_FD CONTROL_FD [MARK]`: serve one generation of a Worker.

MARK is a variable in the environment of the processes that the Worker starts; they end with it.
"""

from __future__ import annotations

import socket
import sys

from wrangler_py.worker.generation import serve


def _inherited_socket(argument: str) -> socket.socket:
    """Open a socket handed down by the parent: a file descriptor, or on Windows the hex of `socket.share()`."""
    if sys.platform == "win32":
        return socket.fromshare(bytes.fromhex(argument))
    inherited = socket.socket(fileno=int(argument))
    inherited.set_inheritable(False)  # a program that the Worker runs has no use for it
    return inherited


def main(arguments: list[str]) -> None:
    http_argument, control_argument, *mark = arguments
    serve(_inherited_socket(http_argument), _inherited_socket(control_argument), mark[0] if mark else None)


if __name__ == "__main__":
    main(sys.argv[1:])
