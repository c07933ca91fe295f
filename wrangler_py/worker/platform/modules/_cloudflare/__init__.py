"""`_cloudflare`: the runtime's own Python code, as far as the SDK's package patches use it."""
