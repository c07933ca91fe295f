"""Access to Cloudflare: credentials, account and API client of the running command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import find_project_config, global_options
from wrangler_py.cloudflare.accounts import Account, choose_account
from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.credentials import find_credentials
from wrangler_py.cloudflare.endpoint import base_url, is_loopback, is_official
from wrangler_py.errors import WranglerError
from wrangler_py.project.variables import environment_variables

if TYPE_CHECKING:
    from wrangler_py.project.config_file import ConfigFile


@dataclass(frozen=True, slots=True)
class Setting:
    """The project of the command: its config file, if there is one, and its variables."""

    file: ConfigFile | None
    environ: Mapping[str, str]

    def configured(self, key: str) -> str | None:
        """A text of the config file that environments inherit, as `account_id`."""
        if self.file is None:
            return None
        environment = global_options().environment
        own = self.file.data.get("env", {}).get(environment, {}) if environment else {}
        value = own.get(key, self.file.data.get(key))
        return value if isinstance(value, str) and value else None


def find_setting() -> Setting:
    """The setting of the running command. Raises WranglerError if a file of it cannot be read."""
    options = global_options()
    file = find_project_config(options)
    if file is not None:
        file.section(options.environment)  # raises for an unknown environment
    root = options.cwd if file is None else file.root
    return Setting(file, environment_variables(root, options.environment, env_files=options.env_files))


@contextmanager
def open_api(setting: Setting) -> Iterator[API]:
    """The API, with the user's credentials. Raises WranglerError if there are none."""
    url = base_url(setting.environ, setting.configured("compliance_region"))
    credentials = find_credentials(setting.environ, global_options().cwd)
    if not is_official(url):
        _check_chosen(url)
        printing.info(f"Using the API at {url} (CLOUDFLARE_API_BASE_URL).")
    with API(url, credentials, printing.info) as api:
        yield api


def _check_chosen(url: str) -> None:
    """Raise WranglerError if a file of the project sets `url`, which would get the user's credentials."""
    if is_loopback(url) or any(name in os.environ for name in ("CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL")):
        return
    raise WranglerError(
        f"A file of this project has CLOUDFLARE_API_BASE_URL={url}, and your credentials would be sent there.",
        hint="If you mean this, set the variable in the environment instead.",
    )


@contextmanager
def open_account(setting: Setting | None = None) -> Iterator[tuple[API, str]]:
    """The API and the id of the command's account."""
    setting = find_setting() if setting is None else setting
    with open_api(setting) as api:
        yield api, account_of(api, setting)


def account_of(api: API, setting: Setting) -> str:
    """The id of the account. If there are several, the user chooses one at the terminal."""
    return choose_account(
        api,
        configured=setting.configured("account_id"),
        environ=setting.environ,
        ask=_ask_account if printing.is_interactive() else None,
    )


def _ask_account(accounts: Sequence[Account]) -> Account:
    for number, account in enumerate(accounts, 1):
        printing.out(f"{number:>3}  {account.name}  {account.id}")
    while True:
        answer = printing.ask("Which account?", "1")
        if answer.isdecimal() and 1 <= int(answer) <= len(accounts):
            chosen = accounts[int(answer) - 1]
            printing.info(f"CLOUDFLARE_ACCOUNT_ID={chosen.id} skips this question.")
            return chosen
