"""What Cloudflare's API insists on in a Hyperdrive config."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more


def checked_origin(current: Mapping[str, Any], given: Any, *, partial: bool) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Refusal(400, 2003, "origin must be an object")
    network = ("host", "port", "service_id", "access_client_id", "access_client_secret")
    login = ("scheme", "database", "user", "password")
    if given.keys() - {*network, *login}:
        raise Refusal(400, 2003, "origin has unknown fields")
    origin = dict(current) if partial else {}
    if any(key in given for key in network):
        origin = {key: value for key, value in origin.items() if key not in network}
    origin |= given
    for key in login:
        if not isinstance(origin.get(key), str) or not origin[key]:
            raise Refusal(400, 2003, f"origin.{key} is required")
    if origin["scheme"] not in ("postgres", "postgresql", "mysql"):
        raise Refusal(400, 2003, "origin.scheme is unknown")
    forms = ({"host", "port"}, {"service_id"}, {"host", "access_client_id", "access_client_secret"})
    if {key for key in network if key in origin} not in forms:
        raise Refusal(400, 2003, "origin needs host and port, a service_id, or Access credentials with a host")
    if "port" in origin:
        _check_address(origin["host"], origin["port"])
    return origin


def _check_address(host: Any, port: Any) -> None:
    if type(port) is not int or not 1 <= port <= 65535:
        raise Refusal(400, 2003, "origin.port must be a number")
    if not isinstance(host, str) or host.endswith(".invalid"):
        raise Refusal(400, 2008, "Bad hostname: it does not resolve")
    try:
        public = ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        public = host != "localhost"
    if not public:
        raise Refusal(400, 2009, "The hostname does not resolve to a public IP address")


def checked_caching(current: Mapping[str, Any], given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or given.keys() - {"disabled", "max_age", "stale_while_revalidate"}:
        raise Refusal(400, 2003, "caching has unknown fields")
    if given.get("disabled"):
        if len(given) > 1:
            raise Refusal(400, 2003, "max_age and stale_while_revalidate cannot be set when caching is disabled")
        return {"disabled": True}
    caching = {"max_age": 60, "stale_while_revalidate": 15, **current, **given, "disabled": False}
    if not 1 <= caching["max_age"] <= 3600 or caching["stale_while_revalidate"] < 0:
        raise Refusal(400, 2003, "max_age must be from 1 to 3600")
    if current.get("disabled") and "disabled" not in given:
        return {"disabled": True}
    return caching


def shown_config(config: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("password", "access_client_secret")
    shown = {**config, "origin": {key: value for key, value in config["origin"].items() if key not in hidden}}
    if not shown["mtls"]:
        del shown["mtls"]
    return shown
