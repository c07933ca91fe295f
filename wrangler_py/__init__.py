"""wrangler-py: a local Hyperdrive and a host for Python Workers."""

__version__ = "0.2.0"
