"""The binding of static assets, as a JavaScript object."""

from __future__ import annotations

import asyncio
from typing import Any

from wrangler_py.worker.assets.binding import fetch_asset
from wrangler_py.worker.assets.site import StaticSite
from wrangler_py.worker.platform.arguments import MISSING
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.headers import headers_of
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.requests import Request
from wrangler_py.worker.platform.responses import NULL_BODY_STATUSES, Response, make_response
from wrangler_py.worker.platform.values import JsProxy


class Fetcher(JsProxy):
    """Answers from the folder of static assets, whatever host a URL names."""

    illegal_constructor = True
    __slots__ = ("_site",)

    _site: StaticSite

    def fetch(self, resource: Any = MISSING, init: Any = None) -> JsPromise:
        """The promise of the response for a file."""
        return JsPromise.run(self._fetch(resource, init))

    async def _fetch(self, resource: Any, init: Any) -> Response:
        request: Request = Request.new(resource, init)
        answer, url, redirected = await asyncio.to_thread(
            fetch_asset, self._site, request.method, request.url, request.headers.sent(), request.redirect
        )
        body = None if answer.status in NULL_BODY_STATUSES else Body(answer.content)
        return make_response(
            answer.status, headers_of(answer.headers, immutable=True), body, url=url, redirected=redirected
        )


def asset_fetcher(site: StaticSite) -> Fetcher:
    """The binding for a folder."""
    made = object.__new__(Fetcher)
    made._site = site
    return made
