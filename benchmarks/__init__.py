"""How fast wrangler-py is beside its peers: `scripts/bench`."""
