"""The pooling proxy: asyncio around the sans-I/O floors below."""

from wrangler_py.proxy.observer import Observer, QueryEvent
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.requests import QueryCounts
from wrangler_py.proxy.server import Proxy

__all__ = ["Observer", "Proxy", "ProxyOptions", "QueryCounts", "QueryEvent"]
