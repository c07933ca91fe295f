import json
from urllib.parse import urlsplit

import asyncpg
from workers import Response, WorkerEntrypoint

# Hyperdrive's own errors, such as a database that it cannot reach, have the class "system error".
UNAVAILABLE = (OSError, asyncpg.PostgresConnectionError, asyncpg.PostgresSystemError)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if urlsplit(request.url).path != "/":
            return Response.json({"error": "Not found"}, status=404)
        try:
            connection = await connect(self.env.HYPERDRIVE)
            try:
                if request.method == "POST":
                    return await sign(connection, await request.text())
                return await guests(connection)
            finally:
                await connection.close()
        except UNAVAILABLE as error:
            print(f"Database error: {error}")
            return Response.json({"error": "The database is not available"}, status=503)


async def connect(hyperdrive):
    # A connection belongs to one request. Opening it is quick: Hyperdrive keeps the pool.
    return await asyncpg.connect(
        host=hyperdrive.host,
        port=int(hyperdrive.port),
        user=hyperdrive.user,
        password=hyperdrive.password,
        database=hyperdrive.database,
        ssl=False,  # Hyperdrive uses TLS to the database
    )


async def guests(connection):
    # Outside of transactions, Hyperdrive can answer a query from its cache.
    rows = await connection.fetch(
        "SELECT name, signed_at::text FROM guests ORDER BY signed_at DESC, name LIMIT 100"
    )
    return Response.json({"guests": [dict(row) for row in rows]})


async def sign(connection, body):
    try:
        name = json.loads(body)["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        name = ""
    if not name:
        return Response.json({"error": 'Send {"name": "..."}'}, status=400)
    try:
        guest = await connection.fetchrow(
            "INSERT INTO guests (name) VALUES ($1) RETURNING name, signed_at::text", name
        )
    except asyncpg.UniqueViolationError:
        return Response.json({"error": f"{name} has signed already"}, status=409)
    return Response.json({"guest": dict(guest)}, status=201)
