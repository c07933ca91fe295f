"""`pyodide.http`: fetching with Python types."""

from __future__ import annotations

import json
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from wrangler_py.worker.platform.convert import from_entries, to_js
from wrangler_py.worker.platform.js_module import namespace as js
from wrangler_py.worker.platform.modules.pyodide.http._exceptions import (
    AbortError,
    BodyUsedError,
    HttpStatusError,
)
from wrangler_py.worker.platform.values import JsException

__all__ = ["AbortError", "BodyUsedError", "FetchResponse", "HttpStatusError", "open_url", "pyfetch"]

_T = TypeVar("_T")
_ERRORS_FROM = 400
_ERRORS_TO = 600


def _abort_on_cancel(method: Callable[..., Awaitable[_T]]) -> Callable[..., Awaitable[_T]]:
    @wraps(method)
    async def wrapper(self: FetchResponse, *args: Any, **kwargs: Any) -> _T:
        try:
            return await method(self, *args, **kwargs)
        except JsException as error:
            raise AbortError(error) from error.__cause__
        except CancelledError:
            if self.abort_controller is not None:
                self.abort_controller.abort()
            raise

    return wrapper


class FetchResponse:
    """A response with Python types. `js_response` is the JavaScript one."""

    def __init__(
        self,
        request: Any,
        js_response: Any,
        abort_controller: Any = None,
        abort_signal: Any = None,
    ) -> None:
        self._request = request
        self.js_response = js_response
        self.abort_controller = abort_controller
        self.abort_signal = abort_signal

    @property
    def js_request(self) -> Any:
        if isinstance(self._request, str):
            self._request = js.Request.new(self._request) if self._request else None
        return self._request

    @property
    def _url(self) -> str:
        return self._request if isinstance(self._request, str) else str(self._request.url)

    @property
    def body_used(self) -> bool:
        """Whether the body was read."""
        return bool(self.js_response.bodyUsed)

    @property
    def headers(self) -> Any:
        """The headers as a dict."""
        return from_entries(self.js_response.headers.entries()).to_py()

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return bool(self.js_response.ok)

    @property
    def redirected(self) -> bool:
        """Whether redirects led here."""
        return bool(self.js_response.redirected)

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.js_response.status)

    @property
    def status_text(self) -> str:
        """The reason phrase."""
        return str(self.js_response.statusText)

    @property
    def type(self) -> str:
        """The kind of response."""
        return str(self.js_response.type)

    @property
    def url(self) -> str:
        """The URL the response is from."""
        return str(self.js_response.url)

    def _raise_if_failed(self) -> None:
        if self.abort_signal is not None and self.abort_signal.aborted:
            raise AbortError(self.abort_signal.reason)
        if self.js_response.bodyUsed:
            raise BodyUsedError

    def raise_for_status(self) -> None:
        """Raise HttpStatusError for a status from 400 on."""
        if _ERRORS_FROM <= self.status < _ERRORS_TO:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def clone(self) -> FetchResponse:
        """A copy whose body can be read once more."""
        if self.js_response.bodyUsed:
            raise BodyUsedError
        return FetchResponse(self._request, self.js_response.clone(), self.abort_controller, self.abort_signal)

    @_abort_on_cancel
    async def buffer(self) -> Any:
        """The body as an ArrayBuffer."""
        self._raise_if_failed()
        return await self.js_response.arrayBuffer()

    @_abort_on_cancel
    async def text(self) -> str:
        """The body as text."""
        self._raise_if_failed()
        return str(await self.js_response.text())

    async def string(self) -> str:
        """The body as text."""
        return await self.text()

    @_abort_on_cancel
    async def json(self, **kwargs: Any) -> Any:
        """The body, read as JSON by `json.loads`."""
        self._raise_if_failed()
        return json.loads(await self.js_response.text(), **kwargs)

    @_abort_on_cancel
    async def memoryview(self) -> Any:
        """The body as a memoryview."""
        self._raise_if_failed()
        return (await self.js_response.arrayBuffer()).to_memoryview()

    @_abort_on_cancel
    async def bytes(self) -> Any:
        """The body as bytes."""
        self._raise_if_failed()
        return (await self.js_response.arrayBuffer()).to_bytes()

    @_abort_on_cancel
    async def unpack_archive(self, *, extract_dir: str | None = None, format: str | None = None) -> None:
        """Unpack the body, an archive, into a folder."""
        _unpack((await self.js_response.arrayBuffer()).to_bytes(), self._url, extract_dir, format)

    def abort(self, reason: Any = None) -> None:
        """Abort the fetch."""
        if self.abort_controller is None:
            raise ValueError("abort_controller is not set")
        self.abort_controller.abort(None if reason is None else js.DOMException.new(str(reason), "AbortError"))


def _unpack(content: bytes, url: str, folder: str | None, kind: str | None) -> None:
    import shutil
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        path = Path(place, url.rpartition("/")[2] or "archive")
        path.write_bytes(content)
        shutil.unpack_archive(path, folder, kind)


async def pyfetch(request: Any, /, *, signal: Any = None, fetcher: Any = None, **kwargs: Any) -> FetchResponse:
    """Fetch `request`, a URL or a js.Request. Keywords are fetch's options."""
    controller = js.AbortController.new()
    joined = controller.signal if signal is None else js.AbortSignal.any(to_js([signal, controller.signal]))
    kwargs["signal"] = joined
    options = to_js(kwargs, dict_converter=from_entries)
    if isinstance(request, str):
        request = js.Request.new(request, options)
    try:
        return FetchResponse(request, await (fetcher or js.fetch)(request, options), controller, joined)
    except CancelledError:
        controller.abort()
        raise
    except JsException as error:
        raise AbortError(error) from error.__cause__


def open_url(url: str) -> Any:
    """Browsers' synchronous requests: the platform has none."""
    raise OSError("pyodide.http.open_url needs XMLHttpRequest, which Workers have not. Use `await pyfetch(url)`")
