"""The pooling proxy: asyncio around the sans-I/O floors below."""
