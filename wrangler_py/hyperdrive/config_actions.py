"""Create, change, check and delete configs of the local store, with messages for commands and the dashboard."""

from __future__ import annotations

from wrangler_py.console import Progress
from wrangler_py.hyperdrive import config_options
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_options import ConfigOptions
from wrangler_py.hyperdrive.config_store import ConfigStore


def new_config(name: str, options: ConfigOptions) -> HyperdriveConfig:
    """The config for `add_config` to store. Raises WranglerError if it is invalid or its name is taken."""
    config = config_options.create(name, options, CertificateStore())
    ConfigStore().check_name_is_free(config)
    return config


def add_config(config: HyperdriveConfig, options: ConfigOptions, progress: Progress, *, check: bool) -> None:
    """Store a new config, after a test connection if `check` is true. Raises WranglerError if either fails."""
    progress.out(f"🚧 Creating '{config.name}'")
    _warn_of_ignored(options, progress)
    if check:
        check_config(config)
    ConfigStore().add(config)
    progress.success(f"Created new Hyperdrive PostgreSQL config: {config.id}")
    if config.embedded:
        progress.out(
            f"Its origin is the embedded PostgreSQL, database '{config.embedded_database}'; "
            "`wrangler-py dev` starts it."
        )


def update_config(
    config: HyperdriveConfig,
    name: str | None,
    options: ConfigOptions,
    progress: Progress,
    *,
    check: bool,
    called: str | None = None,
) -> HyperdriveConfig:
    """Change the given settings of `config`, which the user `called` so.

    Raises WranglerError if they are invalid, or the test connection fails.
    """
    changed = config_options.update(config, name, options, CertificateStore())
    progress.out(f"🚧 Updating '{called or config.name}'")
    _warn_of_ignored(options, progress)
    if check and options.concern_connection:
        check_config(changed)
    ConfigStore().replace(changed)
    progress.success(f"Updated {changed.id} Hyperdrive config")
    return changed


def delete_config(id_or_name: str, progress: Progress) -> HyperdriveConfig:
    """Delete the config and return it. Raises WranglerError if there is none."""
    store = ConfigStore()
    config = store.get(id_or_name)
    progress.out(f"🗑️ Deleting Hyperdrive config {id_or_name}")
    store.remove(config.id)
    progress.success("Deleted")
    return config


def check_config(config: HyperdriveConfig) -> None:
    """Make the test connection to the origin of `config`; the embedded PostgreSQL needs none.

    Raises ConnectionCheckError if it fails.
    """
    if config.origin is None:
        return
    from wrangler_py.hyperdrive.connection_test import check_connection
    from wrangler_py.hyperdrive.tls_policy import config_policy

    check_connection(config.origin, config_policy(config, CertificateStore()))


def _warn_of_ignored(options: ConfigOptions, progress: Progress) -> None:
    from wrangler_py.hyperdrive.connection_string import parse

    if options.connection_string is not None:
        ignored = parse(options.connection_string).ignored
        if ignored:
            progress.warn(f"Hyperdrive ignores these parameters of the connection string: {', '.join(ignored)}")
