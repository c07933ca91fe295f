"""The HTTP proxy for a request, from the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Proxy(NamedTuple):
    """A proxy, and the variable that names it."""

    url: str
    variable: str

    def __str__(self) -> str:
        """The proxy as a message shows it, without its password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''} ({self.variable})"


def proxy_for(
    scheme: str, host: str, port: int | None, environment: Mapping[str, str] = os.environ
) -> Proxy | None:
    """The proxy for a request; None if it goes to its server directly.

    Servers on this machine are reached directly, unless NO_PROXY is set and empty: nothing is left out then.
    """
    exempt = _variable("no_proxy", environment)
    if exempt is None or exempt.value:
        if _is_loopback(host):
            return None
        if exempt is not None and any(_covers(entry.strip(), host, port) for entry in exempt.value.split(",")):
            return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        found = _variable(name, environment)
        if found is not None and found.value:
            url = found.value if "://" in found.value else f"http://{found.value}"
            return Proxy(url, found.name)
    return None


class _Variable(NamedTuple):
    name: str
    value: str


def _variable(name: str, environment: Mapping[str, str]) -> _Variable | None:
    """A variable in lower case, or in upper case."""
    for spelled in (name, name.upper()):
        if spelled in environment:
            return _Variable(spelled, environment[spelled].strip())
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY names this server: a domain with its subdomains, an address, or a network."""
    if entry == "*":
        return True
    if not entry:
        return False
    address = host.strip("[]")
    if "/" in entry:
        try:
            return ipaddress.ip_address(address) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, separator, number = entry.rpartition(":")
    if separator and number.isdecimal() and "]" not in number and ":" not in name.strip("[]"):
        if port is not None and int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".").lower()
    return bool(entry) and (address == entry or address.endswith(f".{entry}"))
