"""Which of the person's accounts a command is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.api_failures import APIError
from wrangler_py.cloudflare.permissions import ACCOUNT_READ, USER_READ
from wrangler_py.errors import WranglerError

_ID = re.compile(r"[A-Za-z0-9_-]+")
_MEMBERSHIPS_REFUSED = frozenset({9106, 9109, 10000})


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str


def list_accounts(api: API) -> tuple[Account, ...]:
    """The accounts that the credentials can use, as the official command line finds them: of the accounts, those
    that the person is a member of; all of them where memberships cannot be read, as with most API tokens."""
    accounts = tuple(
        Account(str(each.get("id")), str(each.get("name"))) for each in api.pages("/accounts", ACCOUNT_READ)
    )
    try:
        memberships = list(api.pages("/memberships", USER_READ))
    except APIError as error:
        if _MEMBERSHIPS_REFUSED.isdisjoint(error.codes):
            raise
        return accounts
    members = {each["account"].get("id") for each in memberships if isinstance(each.get("account"), Mapping)}
    return tuple(account for account in accounts if account.id in members)


def choose_account(
    api: API,
    *,
    configured: str | None,
    environ: Mapping[str, str],
    ask: Callable[[Sequence[Account]], Account] | None,
) -> str:
    """The id of the account: the config file's `configured`, that of the environment, or the only one there is.

    Of several, `ask` has one chosen; without it, WranglerError lists them.
    """
    variable = environ.get("CLOUDFLARE_ACCOUNT_ID", environ.get("CF_ACCOUNT_ID"))
    for id, place in ((configured, "`account_id` in the config file"), (variable, "CLOUDFLARE_ACCOUNT_ID")):
        if id:
            if _ID.fullmatch(id) is None:
                raise WranglerError(f"{place} is not the id of an account: it has 32 hexadecimal digits.")
            return id
    accounts = list_accounts(api)
    if not accounts:
        raise WranglerError(
            f"The {api.credentials.kind} from {api.credentials.source} cannot use any account.",
            hint="Set CLOUDFLARE_ACCOUNT_ID, or `account_id` in the config file; or use another token.",
        )
    if len(accounts) == 1:
        return accounts[0].id
    if ask is not None:
        return ask(accounts).id
    lines = "\n".join(f"{account.id}  {account.name}" for account in accounts)
    raise WranglerError(
        "You have several accounts. Specify which one to use.",
        hint=f"Set CLOUDFLARE_ACCOUNT_ID, or `account_id` in the config file, to one of:\n{lines}",
    )
