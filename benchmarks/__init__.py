"""How fast wrangler-py is beside its peers: `python -m benchmarks`, or `scripts/bench`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # the PostgreSQL server that the tests use
