"""Finds the file for a path, and the canonical path of a file. Does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

File = TypeVar("File")
"""The result of `find`: equal for the same file, different for different ones."""

OK = 200
NOT_FOUND = 404


class Found(NamedTuple, Generic[File]):
    """The file to send, with this status."""

    file: File
    status: int = OK


class Canonical(NamedTuple):
    """The decoded path that the file is served at."""

    path: str


class Resolver(Generic[File]):
    """Resolves decoded paths. `find` returns the file at an exact path such as `/blog/index.html`, or None."""

    def __init__(
        self, find: Callable[[str], File | None], *, html_handling: str, not_found_handling: str = "none"
    ) -> None:
        self._find = find
        self._not_found_handling = not_found_handling
        self._steps = _STEPS[html_handling]

    def resolve(self, path: str) -> Found[File] | Canonical | None:
        """The file for `path`, the path to go to instead, or None where there is neither."""
        return self._by_html_handling(path, redirect=True) or self._not_found(path)

    def _by_html_handling(self, path: str, *, redirect: bool) -> Found[File] | Canonical | None:
        for file_path, destination in self._steps(path):
            file = self._find(file_path)
            if file is None:
                continue
            if destination is None:
                return Found(file)
            if redirect and self._serves(destination, file):
                return Canonical(destination)
        return None

    def _serves(self, path: str, file: File) -> bool:
        """Whether `path`, at which there is no file of that name, leads to `file`."""
        if self._find(path) is not None:
            return False
        found = self._by_html_handling(path, redirect=False)
        if found is None:
            found = self._not_found(path)
        return isinstance(found, Found) and found.file == file

    def _not_found(self, path: str) -> Found[File] | None:
        if self._not_found_handling == "single-page-application":
            file = self._find("/index.html")
            return None if file is None else Found(file)
        if self._not_found_handling == "404-page":
            folder = path
            while folder:
                folder = folder[: max(folder.rfind("/"), 0)]
                if (file := self._find(f"{folder}/404.html")) is not None:
                    return Found(file, NOT_FOUND)
        return None


_Step = tuple[str, str | None]
"""A file to look for; None: serve it, else the path to go to if that serves it."""


def _auto_trailing_slash(path: str) -> Iterator[_Step]:
    """`/foo.html` is served at `/foo`, `/foo/index.html` at `/foo/`."""
    if path.endswith("/index"):
        base = path[: -len("/index")]
        yield path, None
        yield f"{path}.html", f"{base}/"
        yield f"{base}.html", base
    elif path.endswith("/index.html"):
        base = path[: -len("/index.html")]
        yield path, f"{base}/"
        yield f"{base}.html", base
    elif path.endswith("/"):
        base = path[:-1]
        yield f"{path}index.html", None
        yield f"{base}.html", base
    elif path.endswith(".html"):
        base = path[: -len(".html")]
        yield path, base
        yield f"{base}/index.html", f"{base}/"
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", f"{path}/"


def _force_trailing_slash(path: str) -> Iterator[_Step]:
    """`/foo.html` and `/foo/index.html` are served at `/foo/`."""
    if path.endswith("/index"):
        base = path[: -len("index")]
        yield path, None
        yield f"{path}.html", base
        yield f"{base[:-1]}.html", base
    elif path.endswith("/index.html"):
        base = path[: -len("index.html")]
        yield path, base
        yield f"{base[:-1]}.html", base
    elif path.endswith("/"):
        yield f"{path}index.html", None
        yield f"{path[:-1]}.html", None
    elif path.endswith(".html"):
        base = f"{path[: -len('.html')]}/"
        yield path, base
        yield path, None
        yield f"{base}index.html", base
    yield path, None
    yield f"{path}.html", f"{path}/"
    yield f"{path}/index.html", f"{path}/"


def _drop_trailing_slash(path: str) -> Iterator[_Step]:
    """`/foo.html` and `/foo/index.html` are served at `/foo`; `/index.html` at `/`."""
    if path == "/index":
        yield path, None
        yield "/index.html", "/"
    elif path.endswith("/index"):
        base = path[: -len("/index")]
        yield path, None
        yield f"{base}.html", base
        yield f"{path}.html", base
    elif path == "/index.html":
        yield path, "/"
    elif path.endswith("/index.html"):
        base = path[: -len("/index.html")]
        yield path, base
        yield path, None
        yield f"{base}.html", base
    elif path == "/":
        yield "/index.html", None
    elif path.endswith("/"):
        base = path[:-1]
        yield f"{base}.html", base
        yield f"{base}/index.html", base
    elif path.endswith(".html"):
        base = path[: -len(".html")]
        yield path, base
        yield f"{base}/index.html", base
    yield path, None
    yield f"{path}.html", None
    yield f"{path}/index.html", None


def _none(path: str) -> Iterator[_Step]:
    """A file is served at its own path alone."""
    yield path, None


_STEPS: dict[str, Callable[[str], Iterator[_Step]]] = {
    "auto-trailing-slash": _auto_trailing_slash,
    "force-trailing-slash": _force_trailing_slash,
    "drop-trailing-slash": _drop_trailing_slash,
    "none": _none,
}
