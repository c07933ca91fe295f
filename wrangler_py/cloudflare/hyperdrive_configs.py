"""Hyperdrive configs at Cloudflare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.api_failures import APIError
from wrangler_py.cloudflare.permissions import HYPERDRIVE_READ, HYPERDRIVE_WRITE
from wrangler_py.cloudflare.remote_config import RemoteConfig, read_config
from wrangler_py.errors import WranglerError

_ID = re.compile(r"[0-9a-f]{32}")


class HyperdriveConfigs:
    """The configs of one account. Every method raises WranglerError where the API refuses."""

    def __init__(self, api: API, account_id: str) -> None:
        self._api = api
        self._path = f"/accounts/{account_id}/hyperdrive/configs"

    def list(self) -> list[RemoteConfig]:
        return [_read(document) for document in self._api.pages(self._path, HYPERDRIVE_READ)]

    def get(self, id: str) -> RemoteConfig:
        """The config with the id `id`."""
        try:
            return _read(self._api.get(f"{self._path}/{id}", HYPERDRIVE_READ))
        except APIError as error:
            if error.status == 404:
                raise APIError(
                    f"The account has no Hyperdrive config with the id {id}.",
                    status=404,
                    codes=error.codes,
                    hint="`wrangler-py hyperdrive list --remote` lists them.",
                ) from None
            raise

    def find(self, id: str) -> RemoteConfig | None:
        """The config with the id `id`, None if there is none."""
        try:
            return self.get(id)
        except APIError as error:
            if error.status == 404:
                return None
            raise

    def find_named(self, name: str) -> RemoteConfig | None:
        """The only config of that name, None if there is none."""
        found = [config for config in self.list() if config.name == name]
        if len(found) > 1:
            raise WranglerError(
                f"The account has several Hyperdrive configs with the name '{name}'.",
                hint="Give the id instead: " + ", ".join(config.id for config in found),
            )
        return found[0] if found else None

    def id_of(self, id_or_name: str) -> str:
        """The id of the config with that id or name; an id is not looked up."""
        if _ID.fullmatch(id_or_name):
            return id_or_name
        if "://" in id_or_name:
            raise WranglerError("This is a connection string. Give the id or the name of a config.")
        found = self.find_named(id_or_name)
        if found is None:
            raise WranglerError(
                f"The account has no Hyperdrive config with the name '{id_or_name}'.",
                hint="`wrangler-py hyperdrive list --remote` lists them.",
            )
        return found.id

    def create(self, body: Mapping[str, Any]) -> RemoteConfig:
        return _read(self._api.send("POST", self._path, HYPERDRIVE_WRITE, body))

    def change(self, id: str, body: Mapping[str, Any]) -> RemoteConfig:
        """Change what is in `body`, and leave the rest."""
        return _read(self._api.send("PATCH", f"{self._path}/{id}", HYPERDRIVE_WRITE, body))

    def replace(self, id: str, body: Mapping[str, Any]) -> RemoteConfig:
        """Have the config be as `body` says, and nothing more."""
        return _read(self._api.send("PUT", f"{self._path}/{id}", HYPERDRIVE_WRITE, body))

    def delete(self, id: str) -> None:
        self._api.send("DELETE", f"{self._path}/{id}", HYPERDRIVE_WRITE)

    def restart(self, id: str) -> None:
        """Close all origin connections of the config."""
        self._api.send("POST", f"{self._path}/{id}/restart", HYPERDRIVE_WRITE)


def _read(document: Any) -> RemoteConfig:
    try:
        return read_config(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise WranglerError("Cloudflare's API returned a Hyperdrive config in an unknown format.") from None
