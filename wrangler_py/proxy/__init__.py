"""The pooling proxy: asyncio around the sans-I/O floors below."""

from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.requests import QueryCounts
from wrangler_py.proxy.server import Observer, Proxy, QueryEvent

__all__ = ["Observer", "Proxy", "ProxyOptions", "QueryCounts", "QueryEvent"]
