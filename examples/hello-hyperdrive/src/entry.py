"""Greetings from PostgreSQL: `GET /` lists them, `POST /` adds one, `GET /error` fails."""

from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        match request.method, urlsplit(request.url).path:
            case "GET", "/":
                return Response.json(self.query("SELECT id, text FROM greetings ORDER BY id"))
            case "POST", "/":
                text = (await request.json())["text"]
                added = self.query("INSERT INTO greetings (text) VALUES (%s) RETURNING id, text", text)
                return Response.json(added[0], status=201)
            case "GET", "/error":
                return Response.json(self.query("SELECT nonsense"))
            case _:
                return Response("Not found\n", status=404)

    def query(self, sql, *parameters):
        # autocommit: psycopg opens a transaction otherwise, and in one nothing is cached.
        url = self.env.HYPERDRIVE.connectionString
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(sql, parameters).fetchall()
