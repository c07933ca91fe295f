import json
from urllib.parse import urlsplit

import pg8000.native
from workers import Response, WorkerEntrypoint

UNIQUE_VIOLATION = "23505"
UNAVAILABLE = ("08", "53", "57", "58")
"""How SQLSTATEs begin that say the database cannot be reached, or has no room."""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if urlsplit(request.url).path != "/":
            return Response.json({"error": "Not found"}, status=404)
        hyperdrive = self.env.HYPERDRIVE
        try:
            # A connection belongs to one request. Opening it is quick: Hyperdrive keeps the pool.
            connection = pg8000.native.Connection(
                hyperdrive.user,
                host=hyperdrive.host,
                port=int(hyperdrive.port),
                database=hyperdrive.database,
                password=hyperdrive.password,
                ssl_context=False,  # Hyperdrive does TLS; preparing for it takes longer than all else
            )
            try:
                if request.method == "POST":
                    return sign(connection, await request.text())
                return guests(connection)
            finally:
                connection.close()
        except (pg8000.native.InterfaceError, pg8000.native.DatabaseError) as error:
            if not sqlstate(error).startswith(UNAVAILABLE):
                raise
            print(f"Database error: {error}")
            return Response.json({"error": "The database is not available"}, status=503)


def guests(connection):
    rows = connection.run("SELECT name, signed_at::text FROM guests ORDER BY signed_at DESC, name LIMIT 100")
    return Response.json({"guests": [{"name": name, "signed_at": signed_at} for name, signed_at in rows]})


def sign(connection, body):
    try:
        name = json.loads(body)["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        name = ""
    if not name:
        return Response.json({"error": 'Send {"name": "..."}'}, status=400)
    try:
        rows = connection.run("INSERT INTO guests (name) VALUES (:name) RETURNING name, signed_at::text", name=name)
    except pg8000.native.DatabaseError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        return Response.json({"error": f"{name} has signed already"}, status=409)
    name, signed_at = rows[0]
    return Response.json({"guest": {"name": name, "signed_at": signed_at}}, status=201)


def sqlstate(error):
    """PostgreSQL's code for an error; one of the driver's own is a connection that failed."""
    fields = error.args[0] if error.args else None
    return fields.get("C", "") if isinstance(fields, dict) else "08000"
