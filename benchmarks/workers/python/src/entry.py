"""The same as ../../javascript: `GET /` is plain text, `GET /query` asks the database with a new client."""

from typing import Any
from urllib.parse import urlsplit

import psycopg
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Response:
        if urlsplit(request.url).path == "/":
            return Response("version 0")
        with psycopg.connect(self.env.HYPERDRIVE.connectionString) as connection:
            # random() keeps it out of Hyperdrive's cache, which `wrangler dev` does not have.
            [row] = connection.execute(
                "SELECT aid, abalance, random() FROM pgbench_accounts WHERE aid = %s", [1]
            ).fetchall()
        return Response.json({"aid": row[0], "abalance": row[1]})
