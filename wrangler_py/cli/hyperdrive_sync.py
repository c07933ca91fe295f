"""`hyperdrive push`, `pull` and `diff`: the local store and the account at Cloudflare."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing, target_argument
from wrangler_py.cli.passwords import ask_password, read_password
from wrangler_py.cli.resolved_options import global_options
from wrangler_py.cli.shared_options import AsJSON, Yes
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wrangler_py.cloudflare.account_certificates import AccountCertificates
    from wrangler_py.cloudflare.difference import CertificateMatch, Difference
    from wrangler_py.cloudflare.remote_config import RemoteConfig
    from wrangler_py.hyperdrive.config import HyperdriveConfig
    from wrangler_py.project.config_file import ConfigFile


def push(
    target: target_argument.ConfigOrBinding,
    yes: Yes = False,
    send_password: Annotated[
        bool, typer.Option("--send-password", help="Send the password even if nothing else differs")
    ] = False,
) -> None:
    """Copy a local config to Cloudflare.

    Creates the config there, or replaces the one with its ID or name, after a question that shows the
    difference. Its id at Cloudflare becomes its id here and in the bindings of this project.
    """
    from wrangler_py.cli.remote import find_setting, open_account
    from wrangler_py.cloudflare.account_certificates import AccountCertificates
    from wrangler_py.cloudflare.difference import differences
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs
    from wrangler_py.cloudflare.push import body_of, check_reachable, take_over_id, upload_certificates
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.config_store import ConfigStore

    config = target_argument.stored_config(target)
    check_reachable(config)
    setting, store, certificates = find_setting(), ConfigStore(), CertificateStore()
    with open_account(setting) as (api, account):
        configs, account_certificates = HyperdriveConfigs(api, account), AccountCertificates(api, account)
        remote = _counterpart(config, configs.list())
        if remote is not None and remote.id != config.id and (other := store.find(remote.id)) is not None:
            raise WranglerError(
                f"'{remote.name}' at Cloudflare is the local config '{other.name}', which has its id.",
                hint=f"Give '{config.name}' another name: `wrangler-py hyperdrive update {config.id} --name …`",
            )
        match = _match([config], [remote] if remote else [], account_certificates)
        if remote is None:
            printing.out(f"🚧 Creating '{config.name}' at Cloudflare")
            ids = upload_certificates(config, certificates, account_certificates, match)
            remote = configs.create(body_of(config, ids))
            printing.success(f"Created new Hyperdrive PostgreSQL config: {remote.id}")
        elif (different := differences(config, remote, match)) or send_password:
            if not _may_replace(remote, different, yes=yes):
                printing.out("Not pushed")
                return
            printing.out(f"🚧 Updating '{remote.name}' at Cloudflare")
            ids = upload_certificates(config, certificates, account_certificates, match)
            remote = configs.replace(remote.id, body_of(config, ids))
            printing.success(f"Updated {remote.id} Hyperdrive config")
        else:
            printing.out(f"'{config.name}' is the same at Cloudflare: {remote.id}")
            printing.info("Passwords cannot be compared; --send-password sends the password anyway.")
    old = config.id
    config, bound = take_over_id(config, remote.id, store, setting.file)
    _say_taken_over(config, old, bound, setting.file)


def pull(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|NAME",
            help="ID or name of a config at Cloudflare, or binding; all by default",
            show_default=False,
        ),
    ] = None,
    origin_password: Annotated[
        str | None,
        typer.Option(
            "--origin-password", "--password", help="Password of the database; - reads it from standard input"
        ),
    ] = None,
    local_connection_string: Annotated[
        str | None,
        typer.Option(
            "--local-connection-string", help="Database for development, written into the Worker's config file"
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Copy configs from Cloudflare to the local store.

    Cloudflare shows no passwords: the command asks for one, unless the local store has it.
    """
    from wrangler_py.cli.hyperdrive_remote import remote_id
    from wrangler_py.cli.remote import find_setting, open_account
    from wrangler_py.cloudflare.account_certificates import AccountCertificates
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs

    if target is None and (origin_password is not None or local_connection_string is not None):
        raise WranglerError("A password or connection string is for one config: give its name.", exit_status=2)
    setting = find_setting()
    with open_account(setting) as (api, account):
        configs, certificates = HyperdriveConfigs(api, account), AccountCertificates(api, account)
        if target is None:
            found = configs.list()
            if not found:
                printing.out("The account has no Hyperdrive configs.")
        else:
            found = [configs.get(remote_id(target, configs))]
        failed = False
        for remote in found:
            if local_connection_string is not None:
                _write_local_connection_string(remote, local_connection_string, setting.file)
                if remote.origin.not_emulated is not None:
                    continue
            try:
                _pull_one(remote, read_password(origin_password), setting.file, certificates, yes=yes)
            except WranglerError as error:
                if target is not None:
                    raise
                printing.error(error.message, error.hint)
                failed = True
    if failed:
        raise typer.Exit(1)


def diff(
    target: Annotated[str | None, target_argument.argument("all configs by default")] = None,
    as_json: AsJSON = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with status 1 if something differs")] = False,
) -> None:
    """Compare the local configs with those at Cloudflare.

    Passwords are not compared: Cloudflare shows none.
    """
    from wrangler_py.cli.remote import open_account
    from wrangler_py.cloudflare.account_certificates import AccountCertificates
    from wrangler_py.cloudflare.difference import differences
    from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs
    from wrangler_py.hyperdrive.config_store import ConfigStore

    local = ConfigStore().list() if target is None else [target_argument.stored_config(target)]
    with open_account() as (api, account):
        remote = HyperdriveConfigs(api, account).list()
        match = _match(local, remote, AccountCertificates(api, account))
    rows: list[tuple[str, str, Sequence[Difference]]] = []
    for config in local:
        there = _counterpart(config, remote)
        if there is None:
            rows.append((config.name, "only here", ()))
            continue
        remote = [each for each in remote if each is not there]
        different = differences(config, there, match)
        state = "differs" if different else "same"
        if config.id != there.id:
            state += f", not pushed: its id is {there.id} at Cloudflare"
        rows.append((config.name, state, different))
    if target is None:
        rows += [(each.name, "only at Cloudflare", ()) for each in remote]
    if as_json:
        document = [
            {
                "name": name,
                "state": state,
                "differences": [
                    {"setting": each.setting, "here": each.here, "cloudflare": each.there} for each in different
                ],
            }
            for name, state, different in rows
        ]
        printing.out(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for name, state, different in rows:
            printing.out(f"{name}: {state}")
            if different:
                _show(different)
        if not rows:
            printing.out("There are no configs, either here or at Cloudflare.")
    if exit_code and any(state != "same" for _, state, _ in rows):
        raise typer.Exit(1)


def _counterpart(config: HyperdriveConfig, remote: Iterable[RemoteConfig]) -> RemoteConfig | None:
    """The config at Cloudflare that has the id of `config`, else the one that has its name."""
    remote = list(remote)
    by_id = next((each for each in remote if each.id == config.id), None)
    return by_id or next((each for each in remote if each.name == config.name), None)


def _match(
    local: Sequence[HyperdriveConfig], remote: Sequence[RemoteConfig], account: AccountCertificates
) -> CertificateMatch:
    from wrangler_py.cloudflare.difference import CertificateMatch, needs_certificates
    from wrangler_py.hyperdrive.certificates import CertificateStore

    there = account.list() if needs_certificates(local, remote) else []
    return CertificateMatch(CertificateStore().list(), there)


def _show(different: Sequence[Difference]) -> None:
    rows = [[each.setting, each.here, each.there] for each in different]
    printing.table(("Setting", "Here", "At Cloudflare"), rows)


def _may_replace(remote: RemoteConfig, different: Sequence[Difference], *, yes: bool) -> bool:
    if different:
        _show(different)
    if yes:
        return True
    if not printing.is_interactive():
        raise WranglerError(
            f"Confirm that '{remote.name}' ({remote.id}) at Cloudflare should be replaced: add --yes."
        )
    return printing.confirm(f"Replace '{remote.name}' ({remote.id}) at Cloudflare with the local config?", False)


def _say_taken_over(config: HyperdriveConfig, old: str, bound: Sequence[str], file: ConfigFile | None) -> None:
    if bound and file is not None:
        names = ", ".join(f"env.{name}" for name in bound)
        printing.out(f"{names} in {file.path.name}: the id is now {config.id}, here and at Cloudflare.")
    elif config.id != old:
        printing.out(f"The local config '{config.name}' has the id {config.id} now, as at Cloudflare.")
    if config.id != old:
        printing.info(f"Other projects on this machine that bind {old} also need the new id.")


def _write_local_connection_string(remote: RemoteConfig, string: str, file: ConfigFile | None) -> None:
    from wrangler_py.hyperdrive.connection_string import parse

    parse(string)
    if file is None:
        raise WranglerError("--local-connection-string is written into the Worker's config file: there is none.")
    environment = global_options().environment
    names = [entry.binding for entry in file.section(environment).hyperdrive if entry.id == remote.id]
    if not names:
        raise WranglerError(
            f"{file.path.name} has no binding of the config {remote.id}.",
            hint=f"`wrangler-py hyperdrive bind {remote.id}` writes one.",
        )
    for name in names:
        file.set_local_connection_string(name, string, environment)
    file.save()
    printing.success(f"Set localConnectionString of {', '.join(names)} in {file.path.name}")


def _pull_one(
    remote: RemoteConfig,
    password: str | None,
    file: ConfigFile | None,
    account: AccountCertificates,
    *,
    yes: bool,
) -> None:
    from wrangler_py.cloudflare.difference import differences
    from wrangler_py.cloudflare.pull import check_emulated, known_password, local_config, local_tls
    from wrangler_py.cloudflare.push import replace_bound_id
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.config_store import ConfigStore

    check_emulated(remote)
    store = ConfigStore()
    local = store.find(remote.id) or store.find(remote.name)
    if local is not None:
        different = differences(local, remote, _match([local], [remote], account))
        if different and not _may_overwrite(local, different, yes=yes):
            printing.out(f"'{remote.name}' not pulled")
            return
    tls, missing = local_tls(remote, CertificateStore(), account)
    if password is None:
        password = known_password(remote, local) or _ask_origin_password(remote)
    config = local_config(remote, password or "", tls)
    if local is None:
        store.add(config)
    else:
        replace_bound_id(file, local.id, config.id)
        store.change_id(local.id, config)
    printing.success(f"Pulled '{config.name}': {config.id}")
    if not password:
        printing.warn(
            f"'{config.name}' has no password here. `wrangler-py hyperdrive update {shlex.quote(config.name)} "
            "--origin-password=-` sets it; or give its binding a localConnectionString."
        )
    if missing is not None:
        printing.warn(missing)


def _may_overwrite(local: HyperdriveConfig, different: Sequence[Difference], *, yes: bool) -> bool:
    _show(different)
    if yes:
        return True
    if not printing.is_interactive():
        raise WranglerError(f"Confirm that the local config '{local.name}' should be replaced: add --yes.")
    return printing.confirm(f"Replace the local config '{local.name}' with the one at Cloudflare?", False)


def _ask_origin_password(remote: RemoteConfig) -> str | None:
    return ask_password(f"Password of {remote.origin.user} at {remote.origin.host} (empty for none): ")
