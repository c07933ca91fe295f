"""`POST /api/visits` counts a visit, `GET /api/visits` tells how many there were; all else is in `public`."""

from urllib.parse import urlsplit

import psycopg
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        match request.method, urlsplit(request.url).path:
            case "GET", "/api/visits":
                return Response.json({"visits": self.query("SELECT count(*) FROM visits")})
            case "POST", "/api/visits":
                return Response.json(
                    {"id": self.query("INSERT INTO visits DEFAULT VALUES RETURNING id")}, status=201
                )
            case _:
                # The folder's 404.html, with its status.
                return await self.env.ASSETS.fetch("https://assets.local/missing")

    def query(self, sql):
        url = self.env.HYPERDRIVE.connectionString
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(sql).fetchone()[0]
