"""`python -m wrangler_py.worker HTTP_FD CONTROL_FD`: serve one generation of a Worker."""

from __future__ import annotations

import socket
import sys

from wrangler_py.worker.serve import serve


def _inherited_socket(argument: str) -> socket.socket:
    """Open a socket handed down by the parent: a file descriptor, or on Windows the hex of `socket.share()`."""
    if sys.platform == "win32":
        return socket.fromshare(bytes.fromhex(argument))
    return socket.socket(fileno=int(argument))


def main(arguments: list[str]) -> None:
    http_argument, control_argument = arguments
    serve(_inherited_socket(http_argument), _inherited_socket(control_argument))


if __name__ == "__main__":
    main(sys.argv[1:])
