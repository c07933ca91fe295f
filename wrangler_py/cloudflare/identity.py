"""Whose credentials these are, and what they allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wrangler_py.cloudflare.accounts import Account, list_accounts
from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.api_failures import APIError
from wrangler_py.cloudflare.permissions import (
    ANALYTICS_READ,
    CERTIFICATES_READ,
    HYPERDRIVE_READ,
    NEEDED,
    USER_READ,
    Permission,
)

_NOT_A_USERS = 1000
"""The code for a token of an account, where one of a user is expected."""
_PROBES = {
    HYPERDRIVE_READ: "hyperdrive/configs",
    CERTIFICATES_READ: "mtls_certificates",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`permissions` maps each permission that wrangler-py needs to whether it is there; None where only use will
    tell."""

    kind: str
    source: str
    email: str | None
    accounts: tuple[Account, ...]
    permissions: Mapping[str, bool | None]


def find_identity(api: API, account_id: str | None) -> Identity:
    """Ask the API. Raises WranglerError if it does not accept the credentials.

    Permissions are tried out in the account `account_id`, or in the only one there is; nothing is changed by that.
    """
    credentials = api.credentials
    kind: str = credentials.kind
    token_id = None
    if kind == "API token":
        kind, token_id = _token_kind(api)
    email = credentials.email if kind == "Global API key" else _email(api)
    accounts = list_accounts(api)
    if account_id is None and len(accounts) == 1:
        account_id = accounts[0].id
    return Identity(
        kind=kind,
        source=credentials.source,
        email=email,
        accounts=accounts,
        permissions=_permissions(api, kind, token_id, account_id),
    )


def _token_kind(api: API) -> tuple[str, str | None]:
    try:
        verified = api.get("/user/tokens/verify", USER_READ)
    except APIError as error:
        if _NOT_A_USERS not in error.codes:
            raise
        return "API token of an account", None
    return "API token of a user", str(verified.get("id")) if isinstance(verified, Mapping) else None


def _email(api: API) -> str | None:
    try:
        user = api.get("/user", USER_READ)
    except APIError as error:
        if error.status not in (401, 403):
            raise
        return None
    return str(user["email"]) if isinstance(user, Mapping) and user.get("email") else None


def _permissions(api: API, kind: str, token_id: str | None, account_id: str | None) -> dict[str, bool | None]:
    scopes = api.credentials.scopes
    if kind == "Global API key":
        return {permission.name: True for permission in NEEDED}
    if scopes is not None:
        return {permission.name: not set(scopes).isdisjoint(permission.scopes) for permission in NEEDED}
    granted = _granted(api, token_id)
    if granted is not None:
        return {permission.name: _is_in(permission, granted) for permission in NEEDED}
    known = {} if account_id is None else {each: _try(api, each, account_id) for each in _PROBES}
    return {permission.name: known.get(permission) for permission in NEEDED}


def _granted(api: API, token_id: str | None) -> frozenset[str] | None:
    """The names of the token's permissions; None for the many tokens that may not read their own."""
    if token_id is None:
        return None
    try:
        token = api.get(f"/user/tokens/{token_id}", USER_READ)
        return frozenset(
            str(group["name"])
            for policy in token["policies"]
            if policy.get("effect", "allow") == "allow"
            for group in policy["permission_groups"]
        )
    except (APIError, KeyError, TypeError, AttributeError):
        return None


def _is_in(permission: Permission, granted: frozenset[str]) -> bool:
    names = {permission.name, permission.name.replace(" Read", " Write")}
    if permission is ANALYTICS_READ:
        names.add("Analytics Read")
    return not names.isdisjoint(granted)


def _try(api: API, permission: Permission, account_id: str) -> bool:
    try:
        api.get(f"/accounts/{account_id}/{_PROBES[permission]}", permission)
    except APIError as error:
        if error.status not in (401, 403):
            raise
        return False
    return True
