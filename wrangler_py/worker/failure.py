"""An exception of the person's code, told so that they can act on it."""

from __future__ import annotations

import difflib
import linecache
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from wrangler_py.worker.entrypoint import EntrypointError
from wrangler_py.worker.imports import SDK, is_own_code, is_there
from wrangler_py.worker.launch import Launch

_HOST = str(Path(__file__).parent)
_DRIVERS = {
    "psycopg": "pip install 'psycopg[binary]'",
    "psycopg_binary": "pip install 'psycopg[binary]'",
    "psycopg_pool": "pip install 'psycopg[binary,pool]'",
    "psycopg2": "psycopg2 does not run in Python Workers: use psycopg 3 (pip install 'psycopg[binary]')",
    "sqlalchemy": "pip install sqlalchemy 'psycopg[binary]'",
}
_ATTRIBUTES = {
    "args": "urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)",
    "content": "await request.bytes()",
    "form": "await request.form_data()",
    "get_json": "await request.json()",
    "path": "urllib.parse.urlsplit(request.url).path",
    "query": "urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)",
    "status_code": "response.status",
}
"""What is meant by the names that requests and responses have in other frameworks."""
_MISSING_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_SDK_FILE = re.compile(rf" \({re.escape(str(Path(__file__).parent / 'sdk'))}[^)]*\)")
_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASS|KEY|CREDENTIAL|DSN|DATABASE_URL|CONNECTION", re.IGNORECASE)
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a traceback. `own`: in the person's code, not in a package or in the host."""

    file: str
    line: int
    function: str
    code: str
    own: bool
    context: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, where in the person's code, and what may help. Holds no secret of the launch."""

    summary: str
    where: str
    traceback: str
    """Empty where none of the person's code was running."""
    frames: tuple[Frame, ...] = ()
    hint: str | None = None
    title: str = field(default="Exception in your Worker")
    missing: str | None = None
    """The module to install, where that is what went wrong."""

    @property
    def way(self) -> str:
        """The traceback without the summary at its end."""
        return self.traceback.removesuffix(self.summary).rstrip()


class FailureReporter:
    """Describes exceptions of one generation."""

    def __init__(self, launch: Launch) -> None:
        self._root = launch.root
        self._main = launch.main
        self._secrets = _secrets_of(launch)

    def redact(self, text: str) -> str:
        """Put `…` for every secret the launch message holds."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def relative(self, path: str) -> str:
        """A path as the person knows it: from the project's root."""
        try:
            return str(Path(path).relative_to(self._root))
        except ValueError:
            return path

    def describe(self, error: BaseException, *, title: str = "Exception in your Worker") -> Failure:
        """Tell an exception: message, place, the person's frames, and a hint when there is one."""
        summary = self._summary(error)
        frames = tuple(self._frames(error))
        own = [frame for frame in frames if frame.own]
        where = f"{own[-1].file}:{own[-1].line}" if own else self.relative(str(self._main))
        return Failure(
            summary=summary,
            where=where,
            traceback=self.redact(self._text(error)),
            frames=frames,
            hint=_hint(error, self._main.parent),
            title=title,
            missing=_missing_module(error),
        )

    def _summary(self, error: BaseException) -> str:
        if isinstance(error, EntrypointError):
            return str(error)
        if isinstance(error, SyntaxError):
            return f"{type(error).__name__}: {error.msg}"
        return self.redact(_as_imported("".join(traceback.format_exception_only(error)).strip()))

    def _frames(self, error: BaseException) -> Iterable[Frame]:
        if isinstance(error, EntrypointError):
            if error.line is not None:
                yield self._frame(str(self._main), error.line, "<module>")
            return
        for summary in traceback.extract_tb(_without_host(error.__traceback__)):
            yield self._frame(summary.filename, summary.lineno or 0, summary.name)
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            yield self._frame(error.filename, error.lineno, "<module>")

    def _frame(self, file: str, line: int, function: str) -> Frame:
        own = is_own_code(Path(file), self._root, self._main)
        context: tuple[tuple[int, str], ...] = ()
        if own:
            numbers = range(max(1, line - 3), line + 3)
            context = tuple((number, linecache.getline(file, number).rstrip("\n")) for number in numbers)
            while context and not context[-1][1] and context[-1][0] > line:
                context = context[:-1]
        return Frame(self.relative(file), line, function, linecache.getline(file, line).strip(), own, context)

    def _text(self, error: BaseException) -> str:
        if isinstance(error, EntrypointError):
            return ""  # none of the person's code was running
        trimmed = _without_host(error.__traceback__)
        if isinstance(error, SyntaxError) and trimmed is error.__traceback__:
            trimmed = None  # the main file itself: its line is in the message, and no code of the person has run
        return _as_imported("".join(traceback.format_exception(type(error), error, trimmed)).rstrip())


def _without_host(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this host and the import system that led to the person's code."""
    start = trace
    while start is not None:
        file = start.tb_frame.f_code.co_filename
        if not (file.startswith((_HOST, "<frozen importlib"))):
            return start
        start = start.tb_next
    return trace


def _missing_module(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        return error.name
    return "psycopg_binary" if _lacks_libpq(error) else None


def _lacks_libpq(error: BaseException) -> bool:
    return isinstance(error, ImportError) and "no pq wrapper available" in str(error)


def _hint(error: BaseException, sources: Path) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        known = _DRIVERS.get(package)
        if known is not None:
            return known
        if package != error.name and is_there(package):
            return _submodule_hint(error.name)
        meant = _similar_package(package)
        if meant is not None:
            return f"Did you mean {meant}?"
        return f"pip install {package}; to deploy, it must be in the dependencies of pyproject.toml, too"
    if _lacks_libpq(error):
        return _DRIVERS["psycopg"]
    if type(error).__name__ == "BdbQuit" and not sys.stdin.isatty():
        return "wrangler-py dev --no-reload, which leaves the terminal to breakpoint()"
    if isinstance(error, ImportError) and (missing := _MISSING_NAME.match(str(error))):
        module = _as_imported(missing[2])
        if module != missing[2] and (sources / f"{module}.py").is_file():
            return f"another name for your {module}.py: `{module}` is the platform's module"
        close = difflib.get_close_matches(missing[1], dir(sys.modules.get(missing[2])), n=1)
        return f"from {module} import {close[0]}" if close else None
    if isinstance(error, TypeError | AttributeError) and "coroutine" in str(error):
        return "put `await` before the call that gives it"
    if isinstance(error, TypeError) and "is not JSON serializable" in str(error):
        return "convert such values first: in SQL with column::text, in Python with str(value)"
    if isinstance(error, AttributeError) and error.name:
        return _attribute_hint(error.obj, error.name)
    return None


def _attribute_hint(owner: object, name: str) -> str | None:
    """What to write in place of an attribute that is not there."""
    cls = owner if isinstance(owner, type) else type(owner)
    if issubclass(cls, dict) and not isinstance(owner, type) and name in owner:  # type: ignore[operator]
        return f"write [{name!r}]: a dict has keys, not attributes"
    if not cls.__module__.startswith(f"{SDK}.") or hasattr(cls, "__getattr__"):
        return None
    close = difflib.get_close_matches(name, (known for known in dir(cls) if not known.startswith("_")), n=1)
    if cls.__name__ == "Hyperdrive" and not close:
        return "env.BINDING.connectionString, which is what a driver connects with"
    if name in _ATTRIBUTES and f"{SDK}.workers." in cls.__module__:
        return _ATTRIBUTES[name]
    if close:
        return f"Did you mean {close[0]}?"
    if cls.__module__.startswith(f"{SDK}.js."):
        known_as = cls.__name__.removeprefix("Js")
        return f"a Python library in place of js.{known_as}.{name}, or run this route with `pywrangler dev`"
    return None


def _as_imported(text: str) -> str:
    """`text` with the Worker's modules under the names they are imported by."""
    return _SDK_FILE.sub("", text).replace(f"{SDK}.", "")


def _similar_package(name: str) -> str | None:
    """A package that is there, with a name so close that the other one is a slip: don't have that installed."""
    import pkgutil  # rarely needed

    there = {"workers", *sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules()), *_DRIVERS}
    return next(iter(difflib.get_close_matches(name, there, n=1, cutoff=0.85)), None)


def _submodule_hint(name: str) -> str | None:
    """What to do about a module that is missing in a package that is there."""
    import pkgutil  # rarely needed
    from importlib import metadata

    parent, _, module = name.rpartition(".")
    folders = getattr(sys.modules.get(parent), "__path__", ())
    close = difflib.get_close_matches(module, (each.name for each in pkgutil.iter_modules(folders)), n=1)
    if close:
        return f"Did you mean {parent}.{close[0]}?"
    for distribution in metadata.packages_distributions().get(name.partition(".")[0], ()):
        version = f"{distribution} {metadata.version(distribution)}"
        return f"{version} is installed and has no such module: it may be in another version"
    return None


def _secrets_of(launch: Launch) -> list[str]:
    from urllib.parse import quote

    values = [endpoint.password for endpoint in launch.hyperdrive.values()]
    values += [value for name, value in launch.vars.items() if isinstance(value, str) and _SECRET_NAME.search(name)]
    kept = {value for value in values if len(value) >= _SHORTEST_SECRET}
    kept |= {quote(value, safe="") for value in kept}
    return sorted(kept, key=len, reverse=True)
