from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from psycopg.rows import dict_row
from pydantic import BaseModel, StringConstraints
from workers import WorkerEntrypoint, asgi

app = FastAPI(title="Guest book")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request, self.env)


async def connect(request: Request) -> AsyncIterator[psycopg.Connection[dict[str, Any]]]:
    # A connection belongs to one request. Opening it is quick: Hyperdrive keeps the pool.
    # Outside of transactions (autocommit), Hyperdrive can answer a query from its cache.
    hyperdrive = request.scope["env"].HYPERDRIVE
    with psycopg.connect(hyperdrive.connectionString, autocommit=True, row_factory=dict_row) as connection:
        yield connection


# psycopg's blocking connection is the one that runs in Python Workers, and there are no threads for `def` routes:
# make every route and dependency `async def`.
Connection = Annotated[psycopg.Connection[dict[str, Any]], Depends(connect)]


class NewGuest(BaseModel):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Guest(BaseModel):
    name: str
    signed_at: datetime


class GuestBook(BaseModel):
    guests: list[Guest]


@app.get("/")
async def guests(connection: Connection) -> GuestBook:
    rows = connection.execute(
        "SELECT name, signed_at FROM guests ORDER BY signed_at DESC, name LIMIT 100"
    ).fetchall()
    return GuestBook(guests=rows)


@app.post("/", status_code=201)
async def sign(guest: NewGuest, connection: Connection) -> Guest:
    try:
        row = connection.execute(
            "INSERT INTO guests (name) VALUES (%s) RETURNING name, signed_at", (guest.name,)
        ).fetchone()
    except psycopg.errors.UniqueViolation:
        raise HTTPException(409, f"{guest.name} has signed already") from None
    return Guest(**row)


@app.exception_handler(psycopg.OperationalError)
async def database_failed(request: Request, error: psycopg.OperationalError) -> JSONResponse:
    print(f"Database error: {error}")
    return JSONResponse({"detail": "The database is not available"}, status_code=503)
