"""A dev session with its dashboard, as a person has it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from support.command_line import CommandLine
from support.dev_process import DevProcess
from support.postgres_server import PostgresServer
from support.shop_worker import SCHEMA, write_shop

DashboardClient = httpx.Client


@dataclass(frozen=True, slots=True)
class Shop:
    """The dev session, the project's folder, and the URL of the dashboard as it was printed."""

    dev: DevProcess
    root: Path
    dashboard_url: str

    @property
    def origin(self) -> str:
        parts = urlsplit(self.dashboard_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.dashboard_url).query)["token"][0]

    def client(self) -> DashboardClient:
        """Requests of the API, with the token."""
        return httpx.Client(base_url=self.origin, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)

    def get(self, path: str) -> httpx.Response:
        """A request of the Worker, which has to succeed."""
        response = self.dev.get(path)
        assert response.status_code == 200, response.text
        return response


@contextlib.contextmanager
def serve_shop(postgres: PostgresServer, root: Path, *arguments: str) -> Iterator[Shop]:
    """The Worker of `shop_worker` in `root`, on a schema of its own of the test server."""
    postgres.execute("DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop AUTHORIZATION app")
    with postgres.connect(options="-c search_path=shop", autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    write_shop(root, config_id="0123456789abcdef" * 2)
    string = postgres.dsn(options="-c search_path=shop")
    with (root / "wrangler.toml").open("a") as config:
        config.write(f'localConnectionString = "{string}"\n')
    with DevProcess(root, *arguments) as dev:
        dev.ready()
        yield Shop(dev, root, dev.wait_for("^Dashboard: ").split()[-1])
    postgres.execute("DROP SCHEMA IF EXISTS shop CASCADE")


@contextlib.contextmanager
def serve_alone(cli: CommandLine, *options: str) -> Iterator[str]:
    """`wrangler-py dashboard` while the block runs; gives its URL. It has to end well."""
    with cli.start("dashboard", "--no-open", *options) as process:
        assert process.stdout
        url = next(line.split()[-1] for line in process.stdout if "Dashboard: " in line)
        try:
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in errors) == (0, False)
