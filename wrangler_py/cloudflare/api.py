"""Requests to Cloudflare's REST API: envelope, pages, retries, errors in words.

No other module speaks HTTP to Cloudflare.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from wrangler_py import __version__
from wrangler_py.cloudflare.api_failures import APIError, Unreachable, read_messages, refusal
from wrangler_py.cloudflare.credentials import Credentials
from wrangler_py.cloudflare.endpoint import is_loopback
from wrangler_py.cloudflare.permissions import ANALYTICS_READ, Permission
from wrangler_py.errors import WranglerError

ATTEMPTS = 3
RETRY_AFTER_LIMIT_S = 60.0
"""A longer wait is the person's decision."""
TIMEOUT = httpx.Timeout(60.0, connect=15.0)
"""Hyperdrive makes a test connection, which may take 15 s, before it answers."""
_SECRET_KEYS = frozenset({"password", "access_client_secret", "private_key"})

Params = Mapping[str, str]


class API:
    """The API with one person's credentials; a context manager. `say` gets what a person waits for."""

    def __init__(self, base_url: str, credentials: Credentials, say: Callable[[str], None]) -> None:
        self.base_url = base_url
        self.credentials = credentials
        self._say = say
        self._client = httpx.Client(
            headers={"User-Agent": f"wrangler-py/{__version__}", **credentials.headers()},
            timeout=TIMEOUT,
            trust_env=not is_loopback(base_url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, permission: Permission, params: Params | None = None) -> Any:
        """The `result` of a GET. Raises WranglerError, as all methods."""
        return self._call("GET", path, permission, params=params)["result"]

    def pages(self, path: str, permission: Permission, params: Params | None = None) -> Iterator[Mapping[str, Any]]:
        """The objects of a list, over all its pages."""
        page = 1
        while True:
            document = self._call("GET", path, permission, params={**(params or {}), "page": str(page)})
            objects = document["result"]
            if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
                raise _odd_answer("GET", path)
            yield from objects
            if not objects or not _has_more(document.get("result_info")):
                return
            page += 1

    def send(self, method: str, path: str, permission: Permission, body: Any = None) -> Any:
        """The `result` of a request that changes something.

        POST is not repeated once it may have arrived: that would create things twice.
        """
        return self._call(method, path, permission, body=body)["result"]

    def graphql(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `data` of a GraphQL query."""
        document = self._answer(
            "POST", "/graphql", ANALYTICS_READ, body={"query": query, "variables": variables}, repeatable=True
        )
        errors = document.get("errors")
        if errors:
            reasons = "; ".join(str(each.get("message")) for each in errors if isinstance(each, Mapping))
            raise APIError(
                f"Cloudflare refused the query for metrics: {self._without_secrets(reasons, None)}",
                status=200,
                hint=f'The {self.credentials.kind} needs the permission "{ANALYTICS_READ.name}".',
            )
        data = document.get("data")
        if not isinstance(data, dict):
            raise _odd_answer("POST", "/graphql")
        return data

    def _call(self, method: str, path: str, permission: Permission, **options: Any) -> Mapping[str, Any]:
        document = self._answer(method, path, permission, repeatable=method != "POST", **options)
        if "result" not in document:
            raise _odd_answer(method, path)
        return document

    def _answer(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        repeatable: bool,
        params: Params | None = None,
        body: Any = None,
    ) -> Mapping[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            is_last = attempt == ATTEMPTS
            try:
                response = self._request(method, path, params, body)
            except Unreachable as failure:
                if is_last or (failure.sent and not repeatable):
                    raise
                self._pause(attempt, None)
                continue
            wait = _retry_after_s(response)
            may_retry = response.status_code == 429 or (response.status_code >= 500 and repeatable)
            if not may_retry or is_last or (wait is not None and wait > RETRY_AFTER_LIMIT_S):
                return self._read(response, method, path, permission, body, wait)
            self._pause(attempt, wait)
        raise AssertionError("the last attempt returns or raises")

    def _request(self, method: str, path: str, params: Params | None, body: Any) -> httpx.Response:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        host = httpx.URL(self.base_url).host
        try:
            return self._client.request(
                method, self.base_url + path, params=params, content=content, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout) as error:
            raise Unreachable(
                f"Cannot reach {host}: {_reason(error)}.",
                sent=False,
                hint="Check your network; behind a proxy, set HTTPS_PROXY.",
            ) from None
        except httpx.TimeoutException:
            raise Unreachable(f"{host} did not answer in time.", sent=True, hint=_fate(method)) from None
        except httpx.TransportError:
            raise Unreachable(
                f"The connection to {host} broke off during the answer.", sent=True, hint=_fate(method)
            ) from None

    def _read(
        self,
        response: httpx.Response,
        method: str,
        path: str,
        permission: Permission,
        body: Any,
        wait: float | None,
    ) -> Mapping[str, Any]:
        if not response.content and response.status_code in (204, 205):
            return {"success": True, "result": {}}
        if response.headers.get("cf-mitigated") == "challenge":
            ray = response.headers.get("cf-ray", "unknown")
            raise APIError(
                f"Cloudflare's firewall stopped the request (Ray ID {ray}).",
                status=response.status_code,
                hint="Try again, from another network if you can.",
            )
        try:
            document = response.json()
        except ValueError:
            if response.is_success:
                raise _odd_answer(method, path) from None
            document = {}
        succeeded = isinstance(document, dict) and (document.get("success") is True or "data" in document)
        if response.is_success and succeeded:
            return dict(document)
        raise self._refusal(response.status_code, document, permission, body, wait)

    def _refusal(
        self, status: int, document: object, permission: Permission, body: Any, wait: float | None
    ) -> APIError:
        error = refusal(
            status,
            read_messages(document),
            permission=permission,
            credentials=self.credentials,
            retry_after_s=wait,
        )
        return APIError(
            self._without_secrets(error.message, body), status=error.status, codes=error.codes, hint=error.hint
        )

    def _without_secrets(self, text: str, body: Any) -> str:
        """`text` of the API's, which may quote what it was sent."""
        for secret in (self.credentials.secret, *_secrets(body)):
            text = text.replace(secret, "***")
        return text

    def _pause(self, attempt: int, wait: float | None) -> None:
        if wait is not None:
            if wait >= 1:
                self._say(f"Cloudflare limits the rate of requests: waiting {wait:.0f} s …")
            time.sleep(wait)
        else:
            time.sleep(0.5 * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311


def _secrets(body: Any) -> Iterator[str]:
    if isinstance(body, Mapping):
        for key, value in body.items():
            if key in _SECRET_KEYS and isinstance(value, str) and value:
                yield value
            else:
                yield from _secrets(value)


def _has_more(info: object) -> bool:
    if not isinstance(info, Mapping):
        return False
    page, size, total = (info.get(key) for key in ("page", "per_page", "total_count"))
    return isinstance(page, int) and isinstance(size, int) and isinstance(total, int) and page * size < total


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _reason(error: Exception) -> str:
    text = str(error) or "the connection failed"
    return text.partition("] ")[2] or text


def _fate(method: str) -> str:
    if method == "POST":
        return "The change may have been made anyway: check before you try again."
    return "Try again."


def _odd_answer(method: str, path: str) -> WranglerError:
    place = path.rpartition("/accounts/")[2] or path
    return Unreachable(
        f"Cloudflare's API gave an answer in an unexpected format ({method} …/{place.lstrip('/')}).",
        sent=True,
        hint="Try again; if CLOUDFLARE_API_BASE_URL is set, check it.",
    )
