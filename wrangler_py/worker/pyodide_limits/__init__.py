"""What CPython lets a Worker do and Pyodide, which runs it on Cloudflare, does not: said where it is done."""
