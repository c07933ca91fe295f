"""The plugin that pytest loads. It does nothing until one of its fixtures or options is used.

pytest imports this module in every run of every project that has wrangler-py installed: nothing but pytest and the
standard library is imported here, until a fixture is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from wrangler_py.testing.database import Database
    from wrangler_py.testing.hyperdrive import Hyperdrive
    from wrangler_py.testing.run import Run
    from wrangler_py.testing.worker import Worker

Started = TypeVar("Started")

_RUN = pytest.StashKey["Run"]()
_ISOLATIONS = ("copy", "truncate")
_ATTRIBUTE = "hyperdrive"
"""The attribute of a test's report that pytest-xdist passes on to the reporting process."""


# --- options -----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hyperdrive", "local Hyperdrive (wrangler-py)")
    group.addoption(
        "--hyperdrive",
        action="store_true",
        help="start the local Hyperdrive before tests are collected, for code that reads DATABASE_URL when it is "
        "imported",
    )
    group.addoption(
        "--hyperdrive-report",
        metavar="FILE",
        type=_report_file,
        help="write a report on the queries of each test to FILE, a .json or .html file",
    )
    group.addoption(
        "--hyperdrive-database",
        choices=_ISOLATIONS,
        help="how each test gets its database: a fresh copy, or one copy whose tables are restored",
    )
    parser.addini("hyperdrive_config", "the Worker's config file; by default the one in or above the root folder")
    parser.addini("hyperdrive_env", "environment of the config file")
    parser.addini("hyperdrive_database", "copy or truncate, as --hyperdrive-database", default="copy")


def _report_file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".json", ".html"):
        import argparse

        raise argparse.ArgumentTypeError(f"{text} does not end in .json or .html")
    return path.absolute()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_stale_reads: stale reads do not fail this test")
    if config.getini("hyperdrive_database") not in _ISOLATIONS:
        raise pytest.UsageError(f"hyperdrive_database must be one of {', '.join(_ISOLATIONS)}")
    config.pluginmanager.register(_Collector(config), "hyperdrive-report")


# --- fixtures ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def hyperdrive(pytestconfig: pytest.Config) -> Hyperdrive:
    """The local Hyperdrive: connection strings, queries, assertions, latency and faults."""
    return _running(pytestconfig).hyperdrive


@pytest.fixture(scope="session")
def worker(pytestconfig: pytest.Config, hyperdrive: Hyperdrive) -> Iterator[Worker]:
    """The project's Worker, started once, as an `httpx.Client`."""
    client = _or_fail(_running(pytestconfig).start_worker)
    with client:
        yield client


@pytest.fixture
def database(pytestconfig: pytest.Config, hyperdrive: Hyperdrive) -> Database:
    """A fresh database for this test, with the schema and the seed."""
    return _running(pytestconfig).fresh_database()


def _running(config: pytest.Config) -> Run:
    """The run of this process, started if necessary. Fails the test if that fails."""
    from wrangler_py.testing.run import Run

    if (run := config.stash.get(_RUN, None)) is None:
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        run = _or_fail(
            lambda: Run(
                config.rootpath,
                config=_config_option(config),
                environment=config.getini("hyperdrive_env") or None,
                isolation=config.getoption("hyperdrive_database") or config.getini("hyperdrive_database"),
                run=str(worker.get("testrunuid") or uuid.uuid4().hex),
                worker=str(worker.get("workerid") or "main"),
            )
        )
        config.stash[_RUN] = run
    return run


def _or_fail(start: Callable[[], Started]) -> Started:
    """Call `start` and return its result. A HyperdriveError fails the test, without a traceback."""
    from wrangler_py.testing.channel import HyperdriveError

    try:
        return start()
    except HyperdriveError as error:
        message = str(error)
    pytest.fail(message, pytrace=False)


def _config_option(config: pytest.Config) -> Path | None:
    named: str = config.getini("hyperdrive_config")
    if not named:
        return None
    folder = config.inipath.parent if config.inipath is not None else config.rootpath
    return folder / named


# --- a run -------------------------------------------------------------------------------------------------


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("hyperdrive") and not _is_controller(config):
        try:
            _running(config)
        except pytest.fail.Exception as failure:
            raise pytest.UsageError(str(failure)) from None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if (run := session.config.stash.get(_RUN, None)) is not None:
        del session.config.stash[_RUN]
        run.close()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (run := config.stash.get(_RUN, None)) is not None:  # pytest could not finish the session
        run.close()


def _is_controller(config: pytest.Config) -> bool:
    """Whether the tests run in workers of pytest-xdist instead of this process."""
    return config.pluginmanager.hasplugin("dsession")


# --- a test ------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if (run := item.config.stash.get(_RUN, None)) is not None:
        run.begin_test(wants_database="database" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    run = item.config.stash.get(_RUN, None)
    if run is not None and item.get_closest_marker("allow_stale_reads") is None:
        run.check_stale_reads()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    run = item.config.stash.get(_RUN, None)
    if run is not None and run.is_alive:
        if report.failed and (text := run.describe_test()):
            report.sections.append(("Captured hyperdrive", text))
        if report.when == "teardown":
            setattr(report, _ATTRIBUTE, run.summarize_test())
    return report


# --- the report --------------------------------------------------------------------------------------------


class _Collector:
    """Collects the summaries in tests' reports. With pytest-xdist, the tests run in other processes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cases: list[tuple[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (summary := getattr(report, _ATTRIBUTE, None)) is not None:
            self._cases.append((report.nodeid, summary))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        file: Path | None = self._config.getoption("hyperdrive_report")
        if not self._cases and file is None:
            return
        from wrangler_py.testing.report import RunReport

        report = RunReport(self._cases)
        terminalreporter.section("hyperdrive")
        for line in report.lines():
            terminalreporter.write_line(line)
        if file is not None:
            try:
                report.write(file)
            except OSError as error:
                # So late, only this changes the exit status of the run.
                pytest.exit(f"the report cannot be written to {file}: {error.strerror}", returncode=1)
            terminalreporter.write_line(f"report: {file}")
