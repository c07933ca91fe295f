"""The Cloudflare account: credentials, the REST API, and configs that are kept there."""
