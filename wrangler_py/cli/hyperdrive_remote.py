"""`hyperdrive … --remote`: the configs of the account at Cloudflare."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from wrangler_py.cli import printing
from wrangler_py.cli.hyperdrive_bindings import offer_binding, save_binding, say_still_bound
from wrangler_py.cli.remote import open_account
from wrangler_py.cli.resolved_options import find_project_config, global_options, project_config
from wrangler_py.cloudflare.account_certificates import AccountCertificates
from wrangler_py.cloudflare.config_body import change_body, create_body, ignored_parameters
from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING
from wrangler_py.hyperdrive.pool_description import describe_caching

if TYPE_CHECKING:
    from wrangler_py.cloudflare.api import API
    from wrangler_py.cloudflare.remote_config import RemoteConfig
    from wrangler_py.hyperdrive.config_options import ConfigOptions

_ENGINES = {"mysql": "MySQL"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


def create(name: str, options: ConfigOptions, binding: str | None, update_config: bool | None) -> None:
    body = create_body(name, options)
    _warn_of_ignored(options)
    writes_binding = binding is not None or bool(update_config)
    binding = binding or DEFAULT_BINDING
    if writes_binding:  # fail before anything is created if the binding cannot be written
        project_config().add_hyperdrive(binding, "0" * 31 + "1", global_options().environment)
    with open_account() as (api, account):
        body = create_body(name, _with_certificate_ids(options, api, account))
        printing.out(f"🚧 Creating '{name}'")
        config = HyperdriveConfigs(api, account).create(body)
    engine = _ENGINES.get(config.origin.scheme, "PostgreSQL")
    printing.success(f"Created new Hyperdrive {engine} config: {config.id}")
    if writes_binding:
        file = project_config()
        file.add_hyperdrive(binding, config.id, global_options().environment)
        save_binding(_ById(config.id), binding, file)
    else:
        offer_binding(_ById(config.id), ask=update_config is None)
    printing.info(f"`wrangler-py hyperdrive pull {config.id}` adds it to the local store, for development.")


def list_configs(*, as_json: bool) -> None:
    with open_account() as (api, account):
        configs = HyperdriveConfigs(api, account).list()
    if as_json:
        _print([config.document for config in configs])
        return
    printing.out("📋 Listing Hyperdrive configs at Cloudflare")
    if not configs:
        printing.out("There are none yet: `wrangler-py hyperdrive create NAME --remote --connection-string=…`")
        return
    columns = ("id", "name", "origin", "caching", "tls", "limit")
    printing.table(columns, [_row(config) for config in configs], unfolded=2)


def get(target: str) -> None:
    with open_account() as (api, account):
        configs = HyperdriveConfigs(api, account)
        config = configs.get(remote_id(target, configs))
    _print(config.document)


def update(target: str, name: str | None, options: ConfigOptions) -> None:
    change_body(name, options)
    _warn_of_ignored(options)
    with open_account() as (api, account):
        configs = HyperdriveConfigs(api, account)
        id = remote_id(target, configs)
        body = change_body(name, _with_certificate_ids(options, api, account))
        printing.out(f"🚧 Updating '{target}'")
        config = configs.change(id, body)
    printing.success(f"Updated {config.id} Hyperdrive config")
    _print(config.document)


def delete(target: str) -> None:
    with open_account() as (api, account):
        configs = HyperdriveConfigs(api, account)
        id = remote_id(target, configs)
        printing.out(f"🗑️ Deleting Hyperdrive config {target} at Cloudflare")
        configs.delete(id)
    printing.success("Deleted")
    say_still_bound(_ById(id))


def remote_id(target: str, configs: HyperdriveConfigs) -> str:
    """The id of the config with that id or name, or of the Worker's binding with that name."""
    if not re.fullmatch(r"[0-9a-f]{32}", target):
        options = global_options()
        file = find_project_config(options)
        for each in file.section(options.environment).hyperdrive if file is not None else ():
            if each.binding == target and not each.has_placeholder:
                return each.id
    return configs.id_of(target)


@dataclasses.dataclass(frozen=True)
class _ById:
    """A config of which only the id is known on this machine."""

    id: str

    @property
    def name(self) -> str:
        return self.id


def _with_certificate_ids(options: ConfigOptions, api: API, account: str) -> ConfigOptions:
    """`options` with ids in the place of certificates' names."""

    def id_of(id_or_name: str | None) -> str | None:
        if not id_or_name or _UUID.fullmatch(id_or_name):
            return id_or_name
        return AccountCertificates(api, account).get_named(id_or_name).id

    return dataclasses.replace(
        options,
        ca_certificate_id=id_of(options.ca_certificate_id),
        mtls_certificate_id=id_of(options.mtls_certificate_id),
    )


def _warn_of_ignored(options: ConfigOptions) -> None:
    ignored = () if options.connection_string is None else ignored_parameters(options.connection_string)
    if ignored:
        rest = " Use --sslmode for the TLS mode." if "sslmode" in ignored and options.sslmode is None else ""
        printing.warn(
            f"Parameters of the connection string are not sent to Cloudflare: {', '.join(ignored)}.{rest}"
        )


def check_options(options: ConfigOptions, *, no_check: bool) -> ConfigOptions:
    """`options` if they go together with --remote."""
    if no_check:
        raise WranglerError(
            "--no-check is for configs on this machine: Cloudflare makes its own test connection.", exit_status=2
        )
    return options


def _row(config: RemoteConfig) -> list[str]:
    client = "client certificate" if config.mtls_certificate_id else None
    secured = ", ".join(filter(None, (config.sslmode or "require", client)))
    limit = "" if config.origin_connection_limit is None else str(config.origin_connection_limit)
    return [config.id, config.name, config.origin.place, describe_caching(config.caching), secured, limit]


def _print(document: Any) -> None:
    printing.out(json.dumps(document, indent=2, ensure_ascii=False))
