"""`wrangler-py whoami`: the credentials for Cloudflare, and what they allow."""

from __future__ import annotations

from wrangler_py.cli import printing
from wrangler_py.cli.shared_options import AsJSON

_ANSWERS = {True: "yes", False: "no", None: "unknown"}


def whoami(as_json: AsJSON = False) -> None:
    """Show the credentials for Cloudflare, their source, and their permissions.

    wrangler-py uses the credentials of the official command line: its variables, or its login.
    """
    from wrangler_py.cli.remote import find_setting, open_api
    from wrangler_py.cloudflare.identity import find_identity

    setting = find_setting()
    variables = ("CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID")
    chosen = setting.configured("account_id") or next(filter(None, map(setting.environ.get, variables)), None)
    with open_api(setting) as api:
        identity = find_identity(api, chosen)
    if as_json:
        import json

        document = {
            "credentials": {"kind": identity.kind, "source": identity.source},
            "email": identity.email,
            "accounts": [{"id": account.id, "name": account.name} for account in identity.accounts],
            "account_id": chosen,
            "permissions": identity.permissions,
        }
        printing.out(json.dumps(document, indent=2, ensure_ascii=False))
        return
    owner = f" as {identity.email}" if identity.email else ""
    printing.out(f"You are logged in to Cloudflare{owner}, with the {identity.kind} from {identity.source}.")
    rows = [[account.name, account.id, "used" if account.id == chosen else ""] for account in identity.accounts]
    printing.table(("Account", "Id", ""), rows, unfolded=2)
    printing.table(
        ("Permission", "Granted"), [[name, _ANSWERS[granted]] for name, granted in identity.permissions.items()]
    )
