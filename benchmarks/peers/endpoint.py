"""Where a benchmark's client connects to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import quote

import psutil


@dataclass(frozen=True)
class Endpoint:
    """One way to the database. `process` is the pooler's, None where there is no single one (PostgreSQL itself)."""

    port: int
    user: str
    password: str = field(repr=False)
    database: str
    process: psutil.Process | None = None
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{self.database}?sslmode=disable"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a libpq program that connects here."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }
