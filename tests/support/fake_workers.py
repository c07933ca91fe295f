"""The part of the stand-in for Cloudflare's API that takes Workers: what the official `deploy` asks for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

from support.fake_hyperdrive import Refusal

if TYPE_CHECKING:
    from support.fake_cloudflare import FakeCloudflare

SUBDOMAIN = "example"


def read_multipart(content_type: str, raw: bytes) -> dict[str, Any]:
    """The parts of a form by name; those of JSON parsed, all others as bytes."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    parts: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts[str(name)] = json.loads(content) if name in ("metadata", "settings") else content
    return parts


class WorkerScripts:
    """The Workers of all accounts, with the metadata they were uploaded with."""

    def __init__(self, api: FakeCloudflare) -> None:
        self._api = api
        self.deployed: dict[tuple[str, str], dict[str, Any]] = {}

    def answer(self, method: str, account: str, rest: list[str], query: Mapping[str, str], body: Any) -> Any | None:
        """The result of a request below `/accounts/ACCOUNT`; None if there is no such place."""
        match method, rest:
            case "GET", ["workers", "services", name]:
                self._get(account, name)
                tag = secrets.token_hex(16)
                script = {"id": name, "tag": tag, "last_deployed_from": "wrangler"}
                return {"id": name, "default_environment": {"environment": "production", "script": script}}
            case "GET", ["workers", "workers", name]:  # as wrangler 4.16x asks
                self._get(account, name)
                subdomain = {"enabled": True, "previews_enabled": True}
                return {"id": secrets.token_hex(16), "name": name, "tags": [], "subdomain": subdomain}
            case "PUT", ["workers", "scripts", name]:
                return self._upload(account, name, body)
            case "POST", ["workers", "scripts", name, "versions"]:
                self._get(account, name)
                return self._upload(account, name, body)
            case "GET", ["workers", "scripts", name, "deployments"]:
                self._get(account, name)
                return {"deployments": []}
            case "POST", ["workers", "scripts", name, "deployments"]:
                self._get(account, name)
                return {"id": secrets.token_hex(16)}
            case "GET", ["workers", "scripts", name, "versions"]:
                self._get(account, name)
                return {"items": []}
            case (("GET" | "POST"), ["workers", "scripts", _, "subdomain"]):
                return {"enabled": True, "previews_enabled": True}
            case "PATCH", ["workers", "scripts", _, "script-settings"]:
                return {}
            case "GET", ["workers", "subdomain"]:
                return {"subdomain": SUBDOMAIN}
            case "GET", ["workers", "scripts", name, "secrets"]:
                self._get(account, name)
                return []
        return None

    def _get(self, account: str, name: str) -> dict[str, Any]:
        script = self.deployed.get((account, name))
        if script is None:
            raise Refusal(404, 10007, "This Worker does not exist on your account.")
        return script

    def _upload(self, account: str, name: str, body: Any) -> dict[str, Any]:
        metadata = body.get("metadata") if isinstance(body, dict) else None
        if not isinstance(metadata, dict):
            raise Refusal(400, 10021, "The metadata part is missing")
        main = metadata.get("main_module") or metadata.get("body_part")
        if main not in body:
            raise Refusal(400, 10021, f"There is no part {main}")
        for binding in metadata.get("bindings", ()):
            if binding["type"] == "hyperdrive" and binding["id"] not in self._api.configs[account]:
                raise Refusal(400, 10158, f"Hyperdrive config {binding['id']} not found")
        if not metadata.get("compatibility_date"):
            raise Refusal(400, 10021, "compatibility_date is required")
        self.deployed[account, name] = metadata
        return {
            "id": secrets.token_hex(16),
            "etag": secrets.token_hex(16),
            "pipeline_hash": secrets.token_hex(16),
            "mutable_pipeline_id": secrets.token_hex(16),
            "deployment_id": secrets.token_hex(16),
            "startup_time_ms": 1,
            "entry_point": main,
            "tag": secrets.token_hex(16),
            "metadata": {"has_preview": False},
            "resources": {"script": {"etag": secrets.token_hex(16)}, "script_runtime": {}, "bindings": {}},
        }
