"""Which Host headers are answered: the guard against DNS rebinding."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

_REMEMBERED = 256


class HostNames:
    """Loopback names, addresses, and the host that was configured.

    A page of a foreign site can reach a local server under its own name, once that name resolves to 127.0.0.1.
    It cannot do so under an address or `localhost`, so names alone have to be known.
    """

    def __init__(self, origin: str) -> None:
        self._configured = (urlsplit(origin).hostname or "").lower()
        self._verdicts: dict[bytes, str | None] = {}

    def refuse(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
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
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
        except ValueError:
            name = ""
        if name == "localhost" or name.endswith(".localhost") or (name and name == self._configured):
            return None
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return (
                f"Host {name!r} is not allowed: another site may be using this local server (DNS rebinding). "
                "Open it as localhost or by its address.\n"
            )
        return None
