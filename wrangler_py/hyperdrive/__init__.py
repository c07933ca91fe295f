"""The product's own words: config, origin, limits, connection strings, the local store, the check."""
