import json
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if urlsplit(request.url).path != "/":
            return Response.json({"error": "Not found"}, status=404)
        try:
            # A connection belongs to one request. Opening it is quick: Hyperdrive keeps the pool.
            # Outside of transactions (autocommit), Hyperdrive can answer a query from its cache.
            with psycopg.connect(
                self.env.HYPERDRIVE.connectionString, autocommit=True, row_factory=dict_row
            ) as connection:
                if request.method == "POST":
                    return sign(connection, await request.text())
                return guests(connection)
        except psycopg.OperationalError as error:
            print(f"Database error: {error}")
            return Response.json({"error": "The database is not available"}, status=503)


def guests(connection):
    rows = connection.execute(
        "SELECT name, signed_at::text FROM guests ORDER BY signed_at DESC, name LIMIT 100"
    ).fetchall()
    return Response.json({"guests": rows})


def sign(connection, body):
    try:
        name = json.loads(body)["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        name = ""
    if not name:
        return Response.json({"error": 'Send {"name": "..."}'}, status=400)
    try:
        guest = connection.execute(
            "INSERT INTO guests (name) VALUES (%s) RETURNING name, signed_at::text", (name,)
        ).fetchone()
    except psycopg.errors.UniqueViolation:
        return Response.json({"error": f"{name} has signed already"}, status=409)
    return Response.json({"guest": guest}, status=201)
