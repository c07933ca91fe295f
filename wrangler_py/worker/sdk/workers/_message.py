"""What requests and responses have in common: headers, and a content that is read once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wrangler_py.worker.sdk.workers._body import Body
from wrangler_py.worker.sdk.workers._headers import Headers, as_message

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from wrangler_py.worker.sdk.js._buffers import ArrayBuffer
    from wrangler_py.worker.sdk.js._streams import ReadableStream
    from wrangler_py.worker.sdk.workers._blob import Blob
    from wrangler_py.worker.sdk.workers._form_data import FormData


class Message:
    """Base of Request and Response. Every way of reading the content raises OSError the second time."""

    __slots__ = ("_body", "_headers", "_js")

    _body: Body | None
    _headers: Headers
    _js: Any

    @property
    def headers(self) -> HTTPMessage:
        """The headers; lookups ignore case. A copy, as on the platform: changing it changes nothing else."""
        return as_message(self._headers)

    @property
    def body(self) -> ReadableStream | None:
        """The content as a stream, None without one."""
        if self._body is None:
            return None
        from wrangler_py.worker.sdk.js._streams import ReadableStream

        return ReadableStream._of_body(self._body)

    @property
    def body_used(self) -> bool:
        return self._body is not None and self._body.used

    async def bytes(self) -> bytes:
        return b"" if self._body is None else await self._body.read()

    async def text(self) -> str:
        return (await self.bytes()).decode(errors="replace").removeprefix("\ufeff")

    async def _read_json(self, **kwargs: Any) -> Any:
        return json.loads(await self.text(), **kwargs)

    async def buffer(self) -> ArrayBuffer:
        """The content as a `js.ArrayBuffer`."""
        from wrangler_py.worker.sdk.js._buffers import ArrayBuffer

        return ArrayBuffer(await self.bytes())

    async def blob(self) -> Blob:
        from wrangler_py.worker.sdk.workers._blob import Blob

        return Blob([await self.bytes()], content_type=self._headers.get("content-type"))

    async def form_data(self) -> FormData:
        """The content of a form. Raises TypeError when the content type is not a form's."""
        from wrangler_py.worker.sdk.workers._form_data import parse_form

        return parse_form(await self.bytes(), self._headers.get("content-type"))
