"""A test run in this process: its server process, what tests get of it, and what each test did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wrangler_py.project.config_file import find_config_files
from wrangler_py.testing.channel import Channel, HyperdriveError
from wrangler_py.testing.database import Database
from wrangler_py.testing.hyperdrive import Hyperdrive
from wrangler_py.testing.messages import Isolation, RunOptions, Started
from wrangler_py.testing.queries import Queries
from wrangler_py.testing.statements import session_setting, shortened
from wrangler_py.testing.worker import Worker

_MISLEADING = ("PGHOSTADDR", "PGSERVICE", "PGCHANNELBINDING", "PGSSLNEGOTIATION")
"""Variables that would lead libpq elsewhere than those that are set."""


class Run:
    """From here to `close`, the local Hyperdrive of the project in or above the folder `root` serves.

    `config` names the Worker's config file, None looks for it. Raises HyperdriveError if it cannot serve.
    """

    def __init__(
        self,
        root: Path,
        *,
        config: Path | None,
        environment: str | None,
        isolation: Isolation,
        run: str,
        worker: str,
    ) -> None:
        config = next(iter(find_config_files(root)), None) if config is None else config
        folder = (root if config is None else config.parent).resolve()
        self._channel = Channel(folder)
        self._worker: Worker | None = None
        self._said = 0
        self._has_fresh = False
        self._before: dict[str, str | None] = {}
        try:
            options = RunOptions(
                root=folder,
                config=config,
                environment=environment or os.environ.get("CLOUDFLARE_ENV") or None,
                isolation=isolation,
                run=run,
                worker=worker,
            )
            started = self._channel.call("start", options)
            assert isinstance(started, Started)
        except HyperdriveError as error:
            # What the migration command has printed says more than its exit status.
            output = self._channel.output()
            self._channel.close()
            raise HyperdriveError(f"{error}\n\n{output}".rstrip()) from None
        except BaseException:
            self._channel.close()
            raise
        self.hyperdrive = Hyperdrive(self._channel, started)
        self._set_environment()

    @property
    def is_alive(self) -> bool:
        """Whether the server process still answers."""
        return self._channel.is_alive

    def start_worker(self) -> Worker:
        """The project's Worker, started at the first call. Raises HyperdriveError if it cannot be loaded."""
        if self._worker is None:
            self._worker = Worker(self._channel, self._channel.call("start_worker"))
        return self._worker

    def fresh_database(self) -> Database:
        """A database that no test has used."""
        name = self._channel.call("use_fresh_database")
        self._has_fresh = True
        return Database(self._channel, self.hyperdrive, name)

    def begin_test(self, *, wants_database: bool) -> None:
        """The next test starts. One without a database of its own gets that of all such tests."""
        if self._has_fresh and not wants_database:
            self._channel.call("use_shared_database")
            self._has_fresh = False
        self.hyperdrive.begin_test()
        self._said = len(self._channel.call("lines", 0))
        if self._worker is not None:
            self._worker.begin_test()

    def check_stale_reads(self) -> None:
        """Fail the test that runs if one of its queries was a stale read."""
        if stale := self.hyperdrive.queries.stale:
            lines = "\n".join(f"  {shortened(record.sql)}" for record in stale)
            pytest.fail(
                f"stale read: the answer from the cache is older than a write of this test:\n{lines}\n"
                "Writes don't clear Hyperdrive's cache. For fresh reads bind a second config with\n"
                "--caching-disabled, or mark the test with @pytest.mark.allow_stale_reads.",
                pytrace=False,
            )

    def describe_test(self) -> str:
        """The queries of the failed test, and the lines that the Worker printed."""
        queries = self.hyperdrive.queries
        parts = [queries.described()] if queries else []
        parts += [_lost_setting(name) for name in _settings_outside_transactions(queries)]
        if lines := self._channel.call("lines", self._said):
            parts.append("\n".join(f"  {line}" for line in lines))
        return "\n".join(parts)

    def summarize_test(self) -> object:
        """The queries of the test, as plain values; None if it ran none."""
        summary = self._channel.call("summary", self.hyperdrive.test_began_after)
        return summary if summary["queries"] else None

    def close(self) -> None:
        """End all that was started, and wait for it."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
        self._channel.close()

    def _set_environment(self) -> None:
        variables = self.hyperdrive.environment
        self._before = {name: os.environ.get(name) for name in (*variables, *_MISLEADING)}
        for name in _MISLEADING:
            os.environ.pop(name, None)
        os.environ.update(variables)


def _settings_outside_transactions(queries: Queries) -> list[str]:
    names = (session_setting(record.sql) for record in queries if not record.in_transaction and not record.error)
    return list(dict.fromkeys(name for name in names if name is not None))


def _lost_setting(name: str) -> str:
    return (
        f"  note: SET {name} outside a transaction does not last: the next query may get another connection.\n"
        "        Use SET LOCAL in a transaction, or the connection string's `options`."
    )
