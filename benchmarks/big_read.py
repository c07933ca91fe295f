"""One client of the row `big-results`, a process of its own: `python -m benchmarks.big_read ROWS`.

Connects as PGHOST and the like say, prints `ready`, waits for a line, reads the rows, prints `done`.
"""

from __future__ import annotations

import sys

import psycopg

TABLE = "bench_big_results"


def main() -> None:
    with psycopg.connect() as connection:
        print("ready", flush=True)
        sys.stdin.readline()
        rows = int(sys.argv[1])
        cursor = connection.execute(f"SELECT text FROM {TABLE} LIMIT {rows}".encode())
        if cursor.rowcount != rows:
            sys.exit(f"{cursor.rowcount} rows instead of {rows}")
        print("done", flush=True)


if __name__ == "__main__":
    main()
