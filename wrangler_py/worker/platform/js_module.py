"""The `js` module: JavaScript's global scope, as Python Workers import it.

A name is imported at its first use, so that a Worker pays for what it uses only.
"""

from __future__ import annotations

import importlib
from types import FunctionType, ModuleType
from typing import Any, Final

from wrangler_py.worker.platform.functions import js_function_object
from wrangler_py.worker.platform.js_classes import js_class
from wrangler_py.worker.platform.not_emulated import MissingGlobal
from wrangler_py.worker.platform.object_maps import object_map
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.values import JsProxy, JsProxyMeta

_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "urls": ("URL", "URLSearchParams"),
    "headers": ("Headers",),
    "text_codecs": ("TextDecoder", "TextEncoder"),
    "base64_text": (
        "atob",
        "btoa",
        "encodeURIComponent",
        "encodeURI",
        "decodeURIComponent",
        "decodeURI",
        "escape",
        "unescape",
    ),
    "events": ("Event", "EventTarget", "CustomEvent", "MessageEvent", "CloseEvent", "ErrorEvent"),
    "aborting": ("AbortController", "AbortSignal"),
    "blobs": ("Blob", "File"),
    "readable": ("ReadableStream",),
    "readers": ("ReadableStreamDefaultReader", "ReadableStreamBYOBReader"),
    "readable_controllers": (
        "ReadableStreamDefaultController",
        "ReadableByteStreamController",
        "ReadableStreamBYOBRequest",
    ),
    "writable": ("WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController"),
    "transforms": (
        "TransformStream",
        "TransformStreamDefaultController",
        "IdentityTransformStream",
        "FixedLengthStream",
    ),
    "converting_streams": ("CompressionStream", "DecompressionStream", "TextDecoderStream", "TextEncoderStream"),
    "stream_sources": ("CountQueuingStrategy", "ByteLengthQueuingStrategy"),
    "forms": ("FormData",),
    "html_rewriter": ("HTMLRewriter",),
    "fetching": ("fetch",),
    "responses": ("Response",),
    "requests": ("Request",),
    "websockets": ("WebSocket", "WebSocketPair"),
    "dates": ("Date",),
    "numbers": ("parseInt", "parseFloat", "isNaN", "isFinite"),
    "cloning": ("structuredClone",),
    "weak_collections": ("WeakMap", "WeakSet"),
    "caches": ("caches", "Cache", "CacheStorage"),
    "crypto": ("crypto", "Crypto", "SubtleCrypto"),
    "crypto_keys": ("CryptoKey",),
    "global_objects": ("console", "performance", "navigator", "reportError"),
    "timers": (
        "setTimeout",
        "setInterval",
        "setImmediate",
        "clearTimeout",
        "clearInterval",
        "clearImmediate",
        "queueMicrotask",
        "scheduler",
    ),
}
"""The names each file of this package defines."""

_RENAMED: Final = {
    "Array": ("arrays", "JsArray"),
    "JSON": ("json_text", "json_namespace"),
    "Math": ("numbers", "math_namespace"),
    "Map": ("maps", "JsMap"),
    "Set": ("maps", "JsSet"),
    "Promise": ("promise", "JsPromise"),
    "Error": ("values", "JsException"),
    "TypeError": ("values", "JsTypeError"),
    "RangeError": ("values", "JsRangeError"),
    "SyntaxError": ("values", "JsSyntaxError"),
    "ReferenceError": ("values", "JsReferenceError"),
    "URIError": ("values", "JsURIError"),
    "AggregateError": ("promise", "AggregateError"),
    "EvalError": ("values", "JsEvalError"),
    "DOMException": ("dom_exception", "DOMException"),
    "Object": ("objects", "object_function"),
    "ArrayBuffer": ("buffers", "ArrayBuffer"),
    "DataView": ("data_views", "DataView"),
    "BigInt": ("big_integers", "big_int_function"),
    "Reflect": ("reflection", "reflect_object"),
    "Symbol": ("symbols", "symbol_function"),
    "Number": ("numbers", "number_function"),
    "String": ("numbers", "string_function"),
    "Boolean": ("numbers", "boolean_function"),
    "NaN": ("numbers", "NAN"),
    "Infinity": ("numbers", "INFINITY"),
    "undefined": ("values", "undefined"),
    **{
        name: ("typed_arrays", name)
        for name in (
            "Uint8Array", "Uint8ClampedArray", "Int8Array", "Uint16Array", "Int16Array",
            "Uint32Array", "Int32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
        )
    },
}  # fmt: skip

PLACES: Final = {name: (place, name) for place, names in _PLACES.items() for name in names} | _RENAMED


_OF_NODE: Final = frozenset({"setImmediate", "clearImmediate", "Buffer", "process"})
"""Names that there are with the flag `nodejs_compat`."""

NOT_EMULATED: Final = frozenset({
    "AsyncDisposableStack", "Atomics", "Body", "Buffer", "Cloudflare", "DisposableStack", "EventSource",
    "ExtendableEvent", "FetchEvent", "FinalizationRegistry", "Float16Array", "Function", "Intl", "Iterator",
    "MessageChannel", "MessagePort", "Navigator", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure",
    "PerformanceObserver", "PromiseRejectionEvent", "Proxy", "RegExp", "ScheduledEvent",
    "ServiceWorkerGlobalScope", "SharedArrayBuffer", "SuppressedError", "TailEvent", "TraceEvent", "URLPattern",
    "WeakRef", "WebAssembly", "WebSocketRequestResponsePair", "WorkerGlobalScope", "addEventListener",
    "dispatchEvent", "eval", "process", "removeEventListener",
})  # fmt: skip
"""Other names of the platform. They can be imported, and their first use raises an error that says so."""


class _Scope:
    """The class of the global scope, which has a name."""

    name = "ServiceWorkerGlobalScope"


class JsModule(ModuleType):
    """JavaScript's global scope. `globalThis` and `self` are the module itself."""

    typeof = "object"
    origin = "null"

    @property
    def globalThis(self) -> JsModule:
        return self

    self = globalThis

    @property
    def constructor(self) -> Any:
        return _Scope

    def __getattr__(self, name: str) -> Any:
        place = PLACES.get(name)
        if name in _OF_NODE and not settings.has_node_globals:
            place = None
        if place is None and name in NOT_EMULATED and (settings.has_node_globals or name not in _OF_NODE):
            return MissingGlobal(f"js.{name}")
        if place is None:
            raise AttributeError(f"module 'js' has no attribute {name!r}")
        module, attribute = place
        value = getattr(importlib.import_module(f"wrangler_py.worker.platform.{module}"), attribute)
        if isinstance(value, JsProxyMeta):
            value = js_class(value)
        elif isinstance(value, FunctionType):
            value = js_function_object(value, name.removesuffix("_"))
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *PLACES})


JsProxy._object_map = staticmethod(object_map)
namespace = JsModule("js")
