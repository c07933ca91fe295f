"""Asks a server, without changing a byte of what is asked, and keeps what a browser would go by."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any

DEADLINE_S = 30.0
KEPT = re.compile(r"content-type|cache-control|cf-cache-status|location|allow|content-range|accept-ranges|vary|"
                  r"content-encoding|link|x-(?!mf-).*")  # fmt: skip
_ETAG = re.compile(r'"[0-9a-f]{32}"')

Answer = dict[str, Any]


def ask(port: int, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers with lower-case names, and body."""
    lines = [f"{method} {path} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: 127.0.0.1:{port}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method in ("POST", "PUT", "PATCH"):
        lines.append("Content-Length: 0")
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        response = HTTPResponse(connection, method=method)
        response.begin()
        body = response.read()
        pairs = [
            (name.lower(), value.encode("latin-1").decode(errors="replace"))
            for name, value in response.getheaders()
        ]
        return response.status, pairs, body


def answers(port: int, requests: tuple[tuple[str, str, Mapping[str, str]], ...]) -> list[Answer]:
    """What is comparable in the answers; `{etag}` in a request's headers is that of its path."""
    found: list[Answer] = []
    for method, path, headers in requests:
        if any("{etag}" in value for value in headers.values()):
            _, pairs, _ = ask(port, "GET", path, {})
            etag = dict(pairs).get("etag", '"none"')
            headers = {name: value.replace("{etag}", etag) for name, value in headers.items()}
        status, pairs, body = ask(port, method, path, headers)
        answer: Answer = {"status": status}
        for name, value in sorted(pairs):
            if KEPT.fullmatch(name):
                # The port differs from run to run.
                value = value.replace(f":{port}", ":PORT")
                answer[name] = f"{answer[name]}, {value}" if name in answer else value
            elif name == "etag":
                answer["etag"] = "32 hexadecimal digits" if _ETAG.fullmatch(value) else value
        answer["body"] = body.decode("utf-8", "replace").replace(f":{port}", ":PORT")
        found.append(answer)
    return found
