"""Streams that compress, and that turn text into bytes and back.

Those that compress take all that is written, whether or not somebody reads.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, options_argument, text_argument
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.stream_sources import type_error
from wrangler_py.worker.platform.text_codecs import TextDecoder
from wrangler_py.worker.platform.transforms import TransformStream
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.values import js_object, js_string

_WINDOW: Final = {"gzip": 31, "deflate": 15, "deflate-raw": -15}


def _window(name: Any, of: str) -> int:
    window = _WINDOW.get(text_argument(name, of, 1))
    if window is None:
        raise type_error("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.")
    return window


class CompressionStream(TransformStream):
    """Compresses."""

    def __init__(self, name: Any = MISSING) -> None:
        compressor = zlib.compressobj(wbits=_window(name, "CompressionStream"))

        def transform(chunk: Any, controller: Any) -> None:
            compressed = compressor.compress(chunk.to_bytes())
            if compressed:
                controller.add(uint8_array(compressed))

        def flush(controller: Any) -> None:
            controller.add(uint8_array(compressor.flush()))

        self._connect(transform, flush, readable_mark=math.inf, of_bytes=True)


class DecompressionStream(TransformStream):
    """Decompresses."""

    def __init__(self, name: Any = MISSING) -> None:
        decompressor = zlib.decompressobj(_window(name, "DecompressionStream"))

        def transform(chunk: Any, controller: Any) -> None:
            if decompressor.eof:
                raise type_error("Trailing bytes after end of compressed data")
            try:
                content = decompressor.decompress(chunk.to_bytes())
            except zlib.error:
                raise type_error("Decompression failed.") from None
            if content:
                controller.add(uint8_array(content))
            if decompressor.unused_data:
                raise type_error("Trailing bytes after end of compressed data")

        def flush(_controller: Any) -> None:
            if not decompressor.eof:
                raise type_error("Called close() on a decompression stream with incomplete data")

        self._connect(transform, flush, readable_mark=math.inf, of_bytes=True)


class TextEncoderStream(TransformStream):
    """Text to UTF-8."""

    encoding = "utf-8"

    def __init__(self) -> None:
        left = ""
        """The first half of a surrogate pair, whose other half may be in the next chunk."""

        def transform(chunk: Any, controller: Any) -> None:
            nonlocal left
            text = left + js_string(chunk)
            left = text[-1:] if "\ud800" <= text[-1:] < "\udc00" else ""
            encoded = usv_string(text.removesuffix(left)).encode()
            if encoded:
                controller.add(uint8_array(bytearray(encoded)))

        def flush(controller: Any) -> None:
            if left:
                controller.add(uint8_array(bytearray(usv_string(left).encode())))

        self._connect(transform, flush, of_bytes=False)


class TextDecoderStream(TransformStream):
    """Bytes to text."""

    def __init__(self, label: Any = None, options: Any = None) -> None:
        options = options_argument(options, "TextDecoderStream", 2, "TextDecoderStreamInit")
        decoder = TextDecoder.new(*(("utf-8",) if label is None else (label,)), options)
        self.encoding, self.fatal, self.ignoreBOM = decoder.encoding, decoder.fatal, decoder.ignoreBOM

        def transform(chunk: Any, controller: Any) -> None:
            if not isinstance(chunk, JsBuffer):
                raise type_error(
                    "This TransformStream is being used as a byte stream, but received a value that is not a "
                    "BufferSource."
                )
            text = decoder.decode(chunk, js_object({"stream": True}))
            if text:
                controller.add(text)

        def flush(controller: Any) -> None:
            text = decoder.decode()
            if text:
                controller.add(text)

        self._connect(transform, flush)
