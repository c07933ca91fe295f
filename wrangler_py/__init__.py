"""wrangler-py: a local Hyperdrive and a host for Python Workers."""

__version__ = "0.1.0"
