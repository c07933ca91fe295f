"""`hyperdrive exec` and `hyperdrive proxy` with `--any-database`, as test runners and people use it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.command_line import CommandLine
from support.postgres_server import PostgresServer

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os
SECRET_KEY = "for tests"
INSTALLED_APPS = ["notes"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "USER": os.environ["PGUSER"],
        "PASSWORD": os.environ["PGPASSWORD"],
        "NAME": os.environ["PGDATABASE"],
        "TEST": {"NAME": "test_of_notes"},
    }
}
"""
MODELS = """
from django.db import models

class Note(models.Model):
    text = models.CharField(max_length=100, unique=True)
    written = models.DateTimeField(auto_now_add=True)
"""
TESTS = """
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from notes.models import Note


class InTransactions(TestCase):
    @classmethod
    def setUpTestData(cls):
        Note.objects.create(text="first")

    def test_reads_its_own_writes(self):
        self.assertEqual(Note.objects.count(), 1)
        Note.objects.create(text="second")
        self.assertEqual(Note.objects.count(), 2)

    def test_starts_afresh(self):
        self.assertEqual([note.text for note in Note.objects.all()], ["first"])

    def test_a_savepoint(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Note.objects.create(text="first")
        self.assertEqual(Note.objects.count(), 1)

    def test_the_database(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_setting('application_name')")
            name, application = cursor.fetchone()
        self.assertTrue(name.startswith("test_of_notes"))
        self.assertEqual(application, "Cloudflare Hyperdrive")


class Committed(TransactionTestCase):
    def test_one(self):
        Note.objects.create(text="kept")
        self.assertEqual(Note.objects.filter(text="kept").count(), 1)

    def test_two(self):
        self.assertEqual(Note.objects.count(), 0)
        Note.objects.create(text="kept")
        with transaction.atomic():  # as Hyperdrive wants it for a cursor of the server
            self.assertEqual([note.text for note in Note.objects.iterator(chunk_size=1)], ["kept"])
"""


@pytest.fixture
def creator(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, whose user may create databases."""
    postgres.execute(f"ALTER ROLE {postgres.user} CREATEDB")
    yield postgres
    for (name,) in postgres.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'test_of_notes%' OR datname LIKE 'asked_for%'"
    ):
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    postgres.execute(f"ALTER ROLE {postgres.user} NOCREATEDB")


@pytest.fixture
def django_project(cli: CommandLine) -> Path:
    files = {"manage.py": MANAGE, "settings.py": SETTINGS, "notes/__init__.py": "", "notes/models.py": MODELS}
    files |= {"notes/tests.py": TESTS, "notes/migrations/__init__.py": ""}
    for name, text in files.items():
        path = cli.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cli.cwd


@pytest.mark.usefixtures("django_project")
@pytest.mark.parametrize("options", [[], ["--caching-disabled"], ["--pool-size", "1"]], ids=" ".join)
def test_djangos_test_runner(cli: CommandLine, creator: PostgresServer, options: list[str]) -> None:
    """Twice: the second time the database is there already, and is replaced."""
    given = ("hyperdrive", "exec", "--connection-string", creator.dsn(), "--any-database", *options, "--")
    manage = (sys.executable, "manage.py")
    cli.ok(*given, *manage, "makemigrations", "notes")
    for arguments in (["--keepdb"], ["--noinput"]):
        outcome = cli.ok(*given, *manage, "test", *arguments)
        assert "Ran 6 tests" in outcome.stderr, outcome.output
        assert "stale read" not in outcome.stderr
    assert creator.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'test_of_notes%'") == [(0,)]
    assert creator.user_password not in outcome.output


@contextlib.contextmanager
def running(cli: CommandLine, *arguments: str) -> Iterator[str]:
    """A proxy; gives its connection string."""
    with cli.start("hyperdrive", "proxy", *arguments) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            yield next(line.strip() for line in lines if line.startswith("postgresql://"))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def test_any_client_of_the_proxy_may_ask_for_any_database(cli: CommandLine, creator: PostgresServer) -> None:
    with running(cli, "--connection-string", creator.dsn(), "--any-database", "--user", "postgres") as string:
        for name in ("postgres", creator.database, "template1"):
            with psycopg.connect(string, dbname=name, autocommit=True) as client:
                assert client.execute("SELECT current_database()").fetchone() == (name,)
        with pytest.raises(psycopg.OperationalError, match='database "asked_for" does not exist'):
            psycopg.connect(string, dbname="asked_for")
        with psycopg.connect(string, autocommit=True) as client:
            client.execute("CREATE DATABASE asked_for")
        with psycopg.connect(string, dbname="asked_for", autocommit=True) as client:
            client.execute("CREATE TABLE t (a int)")
        creator.execute("DROP DATABASE asked_for", database="postgres")
        with pytest.raises(psycopg.OperationalError, match='database "asked_for" does not exist'):
            psycopg.connect(string, dbname="asked_for")


def test_the_option_is_named_where_it_helps(cli: CommandLine, creator: PostgresServer) -> None:
    with (
        running(cli, "--connection-string", creator.dsn()) as string,
        pytest.raises(
            psycopg.OperationalError, match="With --any-database, it serves every database of the server"
        ),
    ):
        psycopg.connect(string, dbname="postgres")
