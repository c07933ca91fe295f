"""`python -m wrangler_py`."""

from wrangler_py.cli.app import main

main()
