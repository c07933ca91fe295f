"""Checks Host headers, against DNS rebinding, and finds requests that come from another site."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

_REMEMBERED = 256
_TOLD = 20
"""Maximum number of names in the log; more of them look like a scan."""

Headers = Iterable[tuple[bytes, bytes]]


class HostNames:
    """Loopback names, addresses, the host that was configured, and those in `allowed`.

    A page of a foreign site can reach a local server under its own name, once that name resolves to 127.0.0.1.
    It cannot do so under an address or `localhost`, so names alone have to be known. One that starts with a dot
    stands for all names below it. `warn` is told each name that is refused, once.
    """

    def __init__(
        self, url: str, allowed: Iterable[str] = (), *, warn: Callable[[str], None] = lambda line: None
    ) -> None:
        self._configured = (urlsplit(url).hostname or "").lower()
        self._allowed = frozenset(allowed)
        self._below = tuple(name for name in self._allowed if name.startswith("."))
        self._warn = warn
        self._told: set[str] = set()
        self._verdicts: dict[bytes, str | None] = {}

    def refuse(self, headers: Headers) -> str | None:
        """None when the request may pass, else a sentence that says why not."""
        for name, value in headers:
            if name == b"host":
                if value not in self._verdicts:
                    if len(self._verdicts) >= _REMEMBERED:
                        self._verdicts.clear()
                    self._verdicts[value] = self._judge(value.decode("latin-1"))
                return self._verdicts[value]
        return None

    def _judge(self, host: str) -> str | None:
        name = _name_in(f"//{host}")
        if _is_loopback_name(name) or _is_address(name) or self._is_known(name):
            return None
        self._tell(name)
        shown = name if name.isprintable() and len(name) <= 253 else "that name"
        return (
            f"Host {shown!r} is not allowed: another site may be using this local server (DNS rebinding). "
            "Open it as localhost or by its address, or allow the name: wrangler-py dev --allowed-host NAME\n"
        )

    def _is_known(self, name: str) -> bool:
        return bool(name) and (name == self._configured or name in self._allowed or name.endswith(self._below))

    def _tell(self, name: str) -> None:
        if name in self._told or len(self._told) > _TOLD:
            return
        self._told.add(name)
        if len(self._told) > _TOLD:
            self._warn("More names of this server are asked for and refused; they are not listed.")
        elif name and name.isprintable() and len(name) <= 253:
            self._warn(
                f"Refused a request for the host {name}: it may come from another site (DNS rebinding). "
                f"If it is a name of this machine: --allowed-host {name}"
            )
        else:
            self._warn("Refused a request whose Host header names no host.")


def is_cross_site(headers: Headers) -> bool:
    """Whether a page of another site has a browser send this request. Programs such as curl say nothing of a site.

    The pages of another server on this machine are not another site.
    """
    values: dict[bytes, list[str]] = {}
    for header, value in headers:
        values.setdefault(header, []).append(value.decode("latin-1").strip().lower())
    hosts = values.get(b"host", [""])
    loopback = all(
        _is_loopback_name(_name_in(f"//{host}")) or _is_loopback(_name_in(f"//{host}")) for host in hosts
    )
    for site in values.get(b"sec-fetch-site", ()):
        if site == "cross-site" or (site == "same-site" and not loopback):
            return True
    for source in (*values.get(b"origin", ()), *values.get(b"referer", ())):
        name = _name_in(source)
        local = _is_loopback_name(name) or _is_loopback(name)
        if not (local and loopback) and _place_of(source) not in hosts:
            return True
    return False


def _place_of(url: str) -> str:
    """The host and port of `url`, as a Host header has them."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _name_in(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _is_loopback_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name.partition("%")[0]).is_loopback
