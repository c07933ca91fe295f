"""What the binding of static assets does: `env.ASSETS.fetch`, without the Worker's own types."""

from __future__ import annotations

from collections.abc import Iterable

from ada_url import URL

from wrangler_py.worker.assets.site import AssetAnswer, AssetRequest, StaticSite

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 20


def fetch_asset(
    site: StaticSite, method: str, url: str, headers: Iterable[tuple[str, str]], redirect: str = "follow"
) -> tuple[AssetAnswer, str, bool]:
    """The answer, the URL it is from, and whether redirects led there.

    Redirects are followed within the folder, whichever host they name. Raises TypeError for a URL that is none,
    and for a redirect with `redirect` "error"; OSError for too many.
    """
    found = {name.lower(): value for name, value in headers}
    redirected = False
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            url = URL(url).href
        except ValueError:
            raise TypeError(
                f"Invalid URL: {url!r} (a full one is needed, as in https://assets.local/page)"
            ) from None
        answer = site.answer(AssetRequest(method, url, found))
        if answer.status not in _REDIRECTS or redirect == "manual":
            return answer, url, redirected
        if redirect == "error":
            raise TypeError(f"{url} redirects, and redirect='error' was asked for")
        if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
            method = "GET" if method != "HEAD" else method
        url = URL(dict(answer.headers)["location"], base=url).href
        redirected = True
    raise OSError(f"{url}: more than {_MAX_REDIRECTS} redirects")
