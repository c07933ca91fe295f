"""The modules a Python Worker imports: `workers`, `js`, `pyodide`, `asgi` and `wsgi`.

Written against the documented behaviour of Cloudflare's Python Workers SDK. `wrangler_py.worker.imports` puts
them under the names the person's code uses.
"""
