"""Fixtures every folder of tests shares: real PostgreSQL servers and the certificates they use."""

from __future__ import annotations

import contextlib
import gc
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from support.postgres_server import (
    Certificates,
    PostgresServer,
    initialise,
    make_certificates,
    running,
    short_folder,
)

from wrangler_py.devserver.embedded_programs import SHARED_FOLDER

settings.register_profile("untimed", deadline=None)  # machines are shared
settings.load_profile("untimed")

# What a shell's background jobs ignore, and nohup, every command that tests start would ignore too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-wrangler",
        action="store_true",
        help="write down what wrangler answers about static assets, instead of comparing (with -n 0)",
    )


def pytest_collection_finish() -> None:
    """Hides what was imported and collected from the garbage collector, which many tests call."""
    gc.collect()
    gc.freeze()


class PostgresFactory(Protocol):
    def __call__(self, **options: Any) -> PostgresServer: ...


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The test CA with the certificates it issued: a server's for localhost and 127.0.0.1, and a client's."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def ca_pem(certificates: Certificates) -> Path:
    """The certificate of the CA that issued the certificate of every test server."""
    return certificates.ca


@pytest.fixture(scope="session")
def stranger_ca_pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of a CA that issued nothing the tests use."""
    return make_certificates(tmp_path_factory.mktemp("stranger")).ca


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Path]:
    """An initialised data folder that servers are copied from; initdb takes longer than a copy."""
    root = short_folder()
    template = root / "template"
    initialise(template)
    yield template
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_template: Path, certificates: Certificates) -> Iterator[PostgresServer]:
    """The server all tests share: don't stop it, and leave no tables behind. See `postgres_factory`."""
    with running(postgres_template, certificates) as server:
        yield server


@pytest.fixture
def postgres_factory(postgres_template: Path, certificates: Certificates) -> Iterator[PostgresFactory]:
    """Starts servers that one test may stop, kill and restart.

    Options: `tls=False`, `settings={name: value}` of postgresql.conf, `hba=[lines]` that come before the
    default ones of pg_hba.conf, `certificates=` of another CA (see `make_certificates`).
    """
    with contextlib.ExitStack() as servers:

        def start(**options: Any) -> PostgresServer:
            server = running(postgres_template, options.pop("certificates", certificates), **options)
            return servers.enter_context(server)

        yield start


@pytest.fixture(scope="session", autouse=True)
def _remove_embedded_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As root, the embedded PostgreSQL keeps its data outside of the tests' folders: remove it with them."""
    yield
    for owner in SHARED_FOLDER.glob("*/owner"):
        if Path(owner.read_text()).is_relative_to(tmp_path_factory.getbasetemp()):
            shutil.rmtree(owner.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def tls_postgres(postgres: PostgresServer) -> PostgresServer:
    """`postgres`, for tests of TLS: they skip where the only PostgreSQL has none."""
    if not postgres.has_tls:
        pytest.skip("needs a PostgreSQL built with OpenSSL; the `embedded` extra's is not")
    return postgres
