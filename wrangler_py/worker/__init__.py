"""The worker host: runs a Python Worker and serves HTTP for it.

`python -m wrangler_py.worker HTTP_FD CONTROL_FD` is one generation of one Worker; the dev session starts it,
replaces it on reload, and reads what it reports. Nothing here imports the proxy.
"""
