"""The dev session: supervises the proxy, the worker child, the watcher and the embedded PostgreSQL."""
