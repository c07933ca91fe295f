"""The credentials of the official command line, in the order in which it looks for them.

They are only read. The official command line alone logs in, and alone renews its token: a refresh token is good for
one use, and using it here would log the official command line out.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from wrangler_py.errors import WranglerError

Kind = Literal["API token", "Global API key", "OAuth token"]

GET_TOKEN = "export CLOUDFLARE_API_TOKEN=$(npx wrangler auth token)"  # noqa: S105
LOG_IN_HINT = (
    "`npx wrangler login` (or `uv run pywrangler login`) logs you in, and wrangler-py uses that login. In CI, set\n"
    "CLOUDFLARE_API_TOKEN; CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL is also accepted."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What authenticates requests. `source` says where it was found; the secret is in no `repr`.

    `scopes` are those of an OAuth token, None where they are not known.
    """

    kind: Kind
    source: str
    secret: str = field(repr=False)
    email: str | None = None
    scopes: tuple[str, ...] | None = None

    def headers(self) -> dict[str, str]:
        """The headers that carry it."""
        if self.kind == "Global API key":
            return {"X-Auth-Key": self.secret, "X-Auth-Email": self.email or ""}
        return {"Authorization": f"Bearer {self.secret}"}


def find_credentials(environ: Mapping[str, str], cwd: Path) -> Credentials:
    """The credentials that the official command line would use in the folder `cwd`.

    `environ` has the variables of the project's `.env` files, too. Raises WranglerError, with what to do, if there
    are none or they cannot be used.
    """
    key, email = _variable(environ, "API_KEY"), _variable(environ, "EMAIL")
    if key and email:
        return _checked(
            Credentials(kind="Global API key", source=_source(environ, "API_KEY"), secret=key, email=email)
        )
    if token := _variable(environ, "API_TOKEN"):
        return _checked(Credentials(kind="API token", source=_source(environ, "API_TOKEN"), secret=token))
    return _checked(_from_file(environ, cwd))


def configuration_folder(environ: Mapping[str, str], home: Path | None = None) -> Path:
    """The folder in which the official command line keeps its login."""
    home = Path.home() if home is None else home
    legacy = home / ".wrangler"
    if legacy.is_dir():
        return legacy
    if xdg := environ.get("XDG_CONFIG_HOME"):
        return Path(xdg) / ".wrangler"
    if sys.platform == "darwin":
        return home / "Library" / "Preferences" / ".wrangler"
    if sys.platform == "win32":
        roaming = environ.get("APPDATA")
        return (Path(roaming) if roaming else home / "AppData" / "Roaming") / "xdg.config" / ".wrangler"
    return home / ".config" / ".wrangler"


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    """The variable `CLOUDFLARE_name`, or, only if that is not set at all, `CF_name`."""
    return environ.get(f"CLOUDFLARE_{name}", environ.get(f"CF_{name}"))


def _source(environ: Mapping[str, str], name: str) -> str:
    prefix = "CLOUDFLARE" if f"CLOUDFLARE_{name}" in environ else "CF"
    return f"the variable {prefix}_{name}"


def _from_file(environ: Mapping[str, str], cwd: Path) -> Credentials:
    folder = configuration_folder(os.environ)
    profile = _profile(folder, cwd)
    if profile == "default" and environ.get("WRANGLER_API_ENVIRONMENT", "production") != "production":
        profile = environ["WRANGLER_API_ENVIRONMENT"]
    plain, encrypted = (folder / "config" / f"{profile}{suffix}" for suffix in (".toml", ".enc"))
    if _uses_keyring(folder, environ) and encrypted.is_file():
        raise WranglerError(
            f"The login of the official command line is encrypted ({encrypted}): only it can read that file.",
            hint=f"Set the token for this shell:\n{GET_TOKEN}",
        )
    try:
        text = plain.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WranglerError("You are not logged in to Cloudflare.", hint=LOG_IN_HINT) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise WranglerError(f"{plain}, the login of the official command line, cannot be read: {reason}.") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise WranglerError(
            f"{plain}, the login of the official command line, is damaged.", hint=LOG_IN_HINT
        ) from None
    return _from_document(document, plain)


def _from_document(document: Mapping[str, Any], path: Path) -> Credentials:
    token = document.get("oauth_token")
    if isinstance(token, str) and token:
        if _has_expired(document.get("expiration_time")):
            raise WranglerError(
                f"The login of the official command line ({path}) has expired.",
                hint="Only the official command line can renew it. Log in again with `npx wrangler login`, or\n"
                f"set the renewed token for this shell:\n{GET_TOKEN}",
            )
        scopes = document.get("scopes")
        return Credentials(
            kind="OAuth token",
            source=str(path),
            secret=token,
            scopes=tuple(map(str, scopes)) if isinstance(scopes, list) else None,
        )
    token = document.get("api_token")
    if isinstance(token, str) and token:
        return Credentials(kind="API token", source=str(path), secret=token)
    raise WranglerError("You are not logged in to Cloudflare.", hint=LOG_IN_HINT)


def _has_expired(expiration_time: object) -> bool:
    """A token without the time counts as expired, one with an unreadable time does not: as for its owner."""
    if expiration_time is None:
        return True
    if isinstance(expiration_time, datetime):
        time = expiration_time
    else:
        try:
            time = datetime.fromisoformat(str(expiration_time))
        except ValueError:
            return False
    return datetime.now(UTC) >= (time if time.tzinfo else time.astimezone())


def _profile(folder: Path, cwd: Path) -> str:
    """The profile that `wrangler auth activate` gave to `cwd`, or to the nearest folder above it."""
    try:
        bound = json.loads((folder / "profiles" / "directory-bindings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "default"
    if not isinstance(bound, dict):
        return "default"
    for directory in (cwd, *cwd.parents):
        name = bound.get(str(directory))
        if isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum():
            return name
    return "default"


def _uses_keyring(folder: Path, environ: Mapping[str, str]) -> bool:
    wanted = environ.get("CLOUDFLARE_AUTH_USE_KEYRING", "").lower()
    if wanted in ("true", "false"):
        return wanted == "true"
    try:
        preferences = json.loads((folder / "preferences.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(preferences, dict) and preferences.get("keyring_enabled") is True


def _checked(credentials: Credentials) -> Credentials:
    for value in filter(None, (credentials.secret, credentials.email)):
        if not (value.isascii() and value.isprintable()) or any(character.isspace() for character in value):
            raise WranglerError(
                f"The {credentials.kind} from {credentials.source} has a character that cannot be part of it.",
                hint="Copy it again, without spaces, line breaks, quotes or an ellipsis.",
            )
    return credentials
