"""Where the API is: the rules of the official command line."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from wrangler_py.errors import WranglerError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def base_url(environ: Mapping[str, str], configured_region: str | None = None) -> str:
    """The API's base URL, without a slash at the end.

    `configured_region` is the config file's `compliance_region`. Raises WranglerError for one that would send
    credentials in the clear, and for regions that contradict each other.
    """
    url = environ.get("CLOUDFLARE_API_BASE_URL", environ.get("CF_API_BASE_URL"))
    if not url:
        fed = ".fed" if _region(environ, configured_region) == "fedramp_high" else ""
        staging = ".staging" if environ.get("WRANGLER_API_ENVIRONMENT") == "staging" else ""
        return f"https://api{fed}{staging}.cloudflare.com/client/v4"
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(url):
        raise WranglerError(
            "CLOUDFLARE_API_BASE_URL is not an https:// URL: credentials are never sent unencrypted.",
            hint="Unset it to use Cloudflare's own API.",
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


def is_official(url: str) -> bool:
    """Whether `url` is one of Cloudflare's own."""
    host = urlsplit(url).hostname or ""
    return host == "cloudflare.com" or host.endswith(".cloudflare.com")


def _region(environ: Mapping[str, str], configured: str | None) -> str:
    variable = environ.get("CLOUDFLARE_COMPLIANCE_REGION")
    for region in (variable, configured):
        if region not in (None, "public", "fedramp_high"):
            raise WranglerError("The compliance region is neither `public` nor `fedramp_high`.")
    if variable and configured and variable != configured:
        raise WranglerError(
            "CLOUDFLARE_COMPLIANCE_REGION and `compliance_region` in the config file name different regions.",
            hint="Leave one of them out.",
        )
    return variable or configured or "public"
