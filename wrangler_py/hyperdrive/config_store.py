"""The local store of configs, in place of the account's Hyperdrive configs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_json import from_stored, to_stored
from wrangler_py.hyperdrive.private_file import LocalFile, default_home
from wrangler_py.masking import is_connection_string

_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """A config's id: 32 hexadecimal digits, as at Cloudflare."""
    import secrets

    return secrets.token_hex(16)


def check_name(name: str) -> str:
    """`name` if it is valid for a config: printable, and unlike an id or a connection string."""
    if not name or name != name.strip() or not name.isprintable():
        raise WranglerError("The name of a config must be printable text without spaces around it.")
    if _ID.fullmatch(name):
        raise WranglerError("The name of a config must not look like an id (32 hexadecimal digits).")
    if "://" in name:
        raise WranglerError("The name of a config must not look like a connection string.")
    return name


class UnknownConfigError(WranglerError):
    """No config has that id or name."""


class ConfigStore:
    """Configs by id and by name, both unique, in a file of the folder `home` (see `default_home`).

    Every method raises WranglerError if the file cannot be used.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._file = LocalFile((home or default_home()) / "hyperdrive.json", "configs")

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def list(self) -> list[HyperdriveConfig]:
        """All configs, in the order they were added."""
        return [self._decode(document) for document in self._file.read()]

    def find(self, id_or_name: str) -> HyperdriveConfig | None:
        """The config of that id or name, None if there is none."""
        return _find(self.list(), id_or_name)

    def get(self, id_or_name: str) -> HyperdriveConfig:
        """The config of that id or name. WranglerError, naming the known ones, if there is none."""
        configs = self.list()
        config = _find(configs, id_or_name)
        if config is None:
            raise _unknown(id_or_name, configs)
        return config

    def using(self, certificate_id: str) -> Sequence[HyperdriveConfig]:
        """The configs that use the certificate of that id."""
        return [
            config
            for config in self.list()
            if certificate_id in (config.mtls.ca_certificate_id, config.mtls.mtls_certificate_id)
        ]

    def check_name_is_free(self, config: HyperdriveConfig) -> None:
        """Raise WranglerError if another config has the name of `config`."""
        _check_name_is_free(config, self.list())

    def add(self, config: HyperdriveConfig) -> HyperdriveConfig:
        """Add `config`; WranglerError if its name is taken."""
        check_name(config.name)
        with self._file.edit() as documents:
            _check_name_is_free(config, map(self._decode, documents))
            documents.append(to_stored(config))
        return config

    def replace(self, config: HyperdriveConfig) -> HyperdriveConfig:
        """Replace the config with the id of `config`. WranglerError: it is gone, or the name is taken."""
        check_name(config.name)
        with self._file.edit() as documents:
            configs = [self._decode(document) for document in documents]
            _check_name_is_free(config, configs)
            index = _index(configs, config.id)
            documents[index] = to_stored(config)
        return config

    def change_id(self, id: str, config: HyperdriveConfig) -> HyperdriveConfig:
        """Replace the config with the id `id` by `config`, which has another id.

        WranglerError: that one is gone, or another config has the new id or name.
        """
        check_name(config.name)
        with self._file.edit() as documents:
            configs = [self._decode(document) for document in documents]
            index = _index(configs, id)
            others = [other for other in configs if other.id != id]
            for other in others:
                if config.id == other.id or config.name == other.name:
                    raise WranglerError(
                        f"The local config '{other.name}' ({other.id}) has that id or name already.",
                        hint=f"`wrangler-py hyperdrive delete {other.id}` deletes it.",
                    )
            documents[index] = to_stored(config)
        return config

    def remove(self, id_or_name: str) -> HyperdriveConfig:
        """Remove the config with that id or name, and return it."""
        with self._file.edit() as documents:
            configs = [self._decode(document) for document in documents]
            index = _index(configs, id_or_name)
            del documents[index]
        return configs[index]

    def _decode(self, document: dict[str, object]) -> HyperdriveConfig:
        try:
            return from_stored(document)
        except (KeyError, TypeError, AttributeError):
            raise WranglerError(
                f"{self.path} is damaged: a config in it lacks a part.",
                hint="Repair the file, or move it away to start with an empty one.",
            ) from None


def _find(configs: Iterable[HyperdriveConfig], id_or_name: str) -> HyperdriveConfig | None:
    return next((config for config in configs if id_or_name in (config.id, config.name)), None)


def _index(configs: list[HyperdriveConfig], id_or_name: str) -> int:
    for index, config in enumerate(configs):
        if id_or_name in (config.id, config.name):
            return index
    raise _unknown(id_or_name, configs)


def _unknown(id_or_name: str, configs: list[HyperdriveConfig]) -> WranglerError:
    if is_connection_string(id_or_name):  # from a file; the command line is checked earlier
        return WranglerError(
            "This is a connection string, not the id or name of a Hyperdrive config.",
            hint="`wrangler-py hyperdrive create NAME --connection-string=…` creates a config from it; give NAME "
            "instead.",
        )
    if not configs:
        hint = "There are no configs yet: `wrangler-py hyperdrive create NAME --connection-string=…` creates one."
    else:
        hint = "Known configs: " + ", ".join(config.name for config in configs)
    return UnknownConfigError(f"No Hyperdrive config has the id or name '{id_or_name}'.", hint=hint)


def _check_name_is_free(config: HyperdriveConfig, others: Iterable[HyperdriveConfig]) -> None:
    for other in others:
        if other.name == config.name and other.id != config.id:
            raise WranglerError(
                f"A Hyperdrive config with the name '{config.name}' exists already: {other.id}",
                hint=f"Choose another name, or change it: `wrangler-py hyperdrive update {config.name} …`",
            )
