"""The HTTP socket: opened once by the dev session, inherited by every worker process."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from wrangler_py.errors import WranglerError

LOOPBACK = "127.0.0.1"
BACKLOG = 4096
"""Connections that may wait while no worker process accepts. The kernel has its own limit, too."""

_PORTS_TRIED = 100


def open_listening_socket(host: str, port: int) -> socket.socket:
    """Listen on `host` and `port`, or on the next free port if that one is taken.

    Raises `WranglerError` if `host` is not an address of this machine, or no port is free.
    """
    family, address = _resolve(host)
    for candidate in (port,) if port == 0 else range(port, min(port + _PORTS_TRIED, 65536)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                # On Windows this option would let two servers share one port.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, candidate))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise _refusal(host, candidate, error) from None
        return listener
    raise WranglerError(
        f"Port {port} is taken, and so are the next ones.",
        hint="Choose another one with --port, or use --port 0 for any free one.",
    )


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def url_of(listener: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    address = str(listener.getsockname()[0])
    if address in ("0.0.0.0", "::"):  # noqa: S104 - every address: this machine's own is one of them
        address = "localhost"
    return f"http://{f'[{address}]' if ':' in address else address}:{port_of(listener)}"


def describe_reach(listener: socket.socket) -> str | None:
    """The addresses by which other machines can reach `listener`, in words; None if they can't."""
    address = str(listener.getsockname()[0])
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_unspecified:
        return f"every address of this machine ({address})"
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return None if (mapped or parsed).is_loopback else f"the address {address}"


def _resolve(host: str) -> tuple[int, str]:
    try:
        found = socket.getaddrinfo(
            None if host in ("*", "") else host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError):  # such as of `127..0.1`, whose empty part no name may have
        raise WranglerError(
            f"{host} is not an address of this machine.", hint="Leave --ip out to listen on 127.0.0.1."
        ) from None
    # `localhost` and `*` name an IPv4 and an IPv6 address: the first is what every client can reach.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, str(address[0])


def _refusal(host: str, port: int, error: OSError) -> WranglerError:
    if error.errno == errno.EADDRNOTAVAIL:
        return WranglerError(
            f"{host} is not an address of this machine.", hint="Leave --ip out to listen on 127.0.0.1."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return WranglerError(
            f"Port {port} needs rights that this user doesn't have.", hint="Choose a port above 1023 with --port."
        )
    return WranglerError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Try another --ip or --port.")
