"""The worker host: the `workers` module, bindings, the ASGI bridge, loading the person's code."""
