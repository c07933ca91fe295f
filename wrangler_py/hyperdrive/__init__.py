"""Hyperdrive's concepts: config, origin, limits, connection strings, the local store, the test connection."""
