"""One generation of a Worker: its loaded code, its bindings, and the reports about it."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from wrangler_py.project import python_flags
from wrangler_py.worker import imports
from wrangler_py.worker.entrypoint import Entrypoint, EntrypointError
from wrangler_py.worker.environment import EnvironmentBuilder
from wrangler_py.worker.failure import Failure, FailureReporter
from wrangler_py.worker.platform import blocking
from wrangler_py.worker.platform.current import current
from wrangler_py.worker.platform.modules import _cloudflare_compat_flags
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker_protocol import HandlerException, LoadError, Ready

if TYPE_CHECKING:
    from wrangler_py.worker.assets.site import StaticSite
    from wrangler_py.worker.bindings import Env
    from wrangler_py.worker.control_channel import ControlChannel
    from wrangler_py.worker_protocol import Launch


_REPORTED = "__wrangler_py_reported__"
LOOK_AGAIN_S = 1.0
"""How often, at most, it is looked whether a package that was missing has been installed."""


class _GlobalScope:
    """The invocation that module-level code runs in: there is an env, and no request to wait for."""

    in_request = False

    def __init__(self, env: Env) -> None:
        self.env = env
        self.resources: dict[Any, Any] = {}
        self.own_headers: list[tuple[str, str]] = []

    def leads_back(self, host: str | None, port: int | None) -> bool:
        return False

    def wait_until(self, awaitable: Any) -> None:
        raise RuntimeError("waitUntil works inside a request, not at module level")

    def on_end(self, close: Any) -> None:
        raise RuntimeError(
            "fetch works inside a request, not at module level: the platform refuses it there as well"
        )


class _ErrorHandler(logging.Handler):
    """Reports logged exceptions as those of the request that runs."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.ERROR)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        invocation: Any = current.get(None)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and invocation is not None and not blocking.cancels_tasks():
            self._worker.report_exception(invocation.id, error)


class Worker:
    """Loads the person's code once; `failure` says why it could not be loaded.

    `check` looks at what was loaded, and may raise as the code itself may.
    """

    entrypoint: Entrypoint

    def __init__(
        self, launch: Launch, control: ControlChannel, *, check: Callable[[], None] = lambda: None
    ) -> None:
        self.launch = launch
        self.control = control
        self.site: StaticSite | None = None
        if launch.assets is not None:
            from wrangler_py.worker.assets.site import StaticSite  # and with it the URL parser

            self.site = StaticSite(launch.assets, has_worker=launch.has_worker, log=control.log)
        self.environments = EnvironmentBuilder(
            launch, lambda message: control.log("warning", message), self.site, self._in_own_code
        )
        self.failures = FailureReporter(launch)
        self.failure: Failure | None = None
        self._check = check
        self._looked_at = 0.0
        self._numbers = itertools.count(1)

    def load(self) -> None:
        """Import the person's main file. A failure is kept, and reported as a `LoadError`."""
        self.failure = None
        if self.site is not None:
            self.site.read_rules()
        if not self.launch.has_worker:
            return
        self._follow_sdk_logs()
        imports.install_modules()
        blocking.install()
        imports.add_project_paths(self.launch.root, self.launch.main)
        flags = python_flags.enabled_flags(self.launch.compatibility_date, self.launch.flags)
        _cloudflare_compat_flags.enabled = flags
        settings.follow(python_flags.pyodide_version(flags), flags)
        token = current.set(_GlobalScope(self.environments.for_global_scope()))
        try:
            if not self.launch.main.is_file():
                main = self.failures.relative(str(self.launch.main))
                raise EntrypointError(f"The config file's main is {main}, and there is no such file")
            imports.load_package_patches()
            self.entrypoint = Entrypoint(imports.load_main(self.launch.main), flags)
            self._check()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.failure = self.failures.describe(error, title="Your Worker could not be loaded")
        else:
            self._follow_sdk_logs()  # loading may have set up logging anew
            for warning in self.entrypoint.warnings:
                self.control.log("warning", warning)
        finally:
            current.reset(token)
        self._looked_at = time.monotonic()
        if self.failure is not None:
            failure = self.failure
            self.control.send(LoadError(f"{failure.where}: {failure.summary}", failure.way, failure.hint))

    def _in_own_code(self) -> str | None:
        """The line of the person's code that runs now, as `FILE:LINE`."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            file = frame.f_code.co_filename
            if imports.is_own_code(Path(file), self.launch.root, self.launch.main):
                return f"{self.failures.relative(file)}:{frame.f_lineno}"
            frame = frame.f_back
        return None

    def load_again(self) -> None:
        """Load once more if the package that was missing has been installed meanwhile."""
        missing = None if self.failure is None else self.failure.missing
        if missing is None or time.monotonic() - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = time.monotonic()
        imports.add_project_paths(self.launch.root, self.launch.main)
        importlib.invalidate_caches()
        if imports.is_there(missing):
            self.control.log("info", f"{missing} is installed now: loading the Worker again.")
            self.load()
            if self.failure is None:
                self.control.send(Ready())

    def _follow_sdk_logs(self) -> None:
        """Report the exceptions that the SDK's adapters and Django log, and do not raise."""
        for name in ("asgi", "wsgi", "django.request"):
            logger = logging.getLogger(name)
            if not any(isinstance(handler, _ErrorHandler) for handler in logger.handlers):
                logger.addHandler(_ErrorHandler(self))

    def next_request_id(self) -> str:
        """`GENERATION-NUMBER`; unique in a dev session. The number is never 0, which is the global scope's."""
        return f"{self.launch.generation}-{next(self._numbers)}"

    def report_exception(self, request_id: str, error: BaseException) -> Failure:
        """Report an exception, unless there has been one of it, and return what to show."""
        failure = self.failures.describe(error)
        if getattr(error, _REPORTED, False):
            return failure
        with contextlib.suppress(AttributeError):
            setattr(error, _REPORTED, True)
        self.control.send(HandlerException(request_id, failure.summary, failure.where, failure.way, failure.hint))
        return failure
