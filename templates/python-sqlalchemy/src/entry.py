import json
from datetime import datetime
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool
from workers import Response, WorkerEntrypoint, env

# A connection belongs to one request. The engine may outlive it: without a pool it keeps no connection, and each
# new one goes to the database of the request that asks. Opening one is quick: Hyperdrive keeps the pool.
engine = create_engine(
    "postgresql+psycopg://",
    creator=lambda: psycopg.connect(env.HYPERDRIVE.connectionString),
    poolclass=NullPool,
)
# Outside of transactions (autocommit), Hyperdrive can answer a query from its cache.
reading = engine.execution_options(isolation_level="AUTOCOMMIT")


class Base(DeclarativeBase):
    pass


class Guest(Base):
    __tablename__ = "guests"

    name: Mapped[str] = mapped_column(primary_key=True)
    signed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def as_json(self):
        return {"name": self.name, "signed_at": self.signed_at.isoformat()}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if urlsplit(request.url).path != "/":
            return Response.json({"error": "Not found"}, status=404)
        try:
            if request.method == "POST":
                return sign(await request.text())
            return guests()
        except OperationalError as error:
            print(f"Database error: {error.orig}")
            return Response.json({"error": "The database is not available"}, status=503)


def guests():
    with Session(reading) as session:
        found = session.scalars(select(Guest).order_by(Guest.signed_at.desc(), Guest.name).limit(100))
        return Response.json({"guests": [guest.as_json() for guest in found]})


def sign(body):
    try:
        name = json.loads(body)["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        name = ""
    if not name:
        return Response.json({"error": 'Send {"name": "..."}'}, status=400)
    try:
        with Session(engine) as session:
            guest = Guest(name=name)
            session.add(guest)
            session.commit()
            return Response.json({"guest": guest.as_json()}, status=201)
    except IntegrityError as error:
        if not isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise
        return Response.json({"error": f"{name} has signed already"}, status=409)
