"""Static assets as a whole: which requests they take from the Worker, and what they answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ada_url import URL

from wrangler_py.worker.assets.base_path import above, below, root_redirect
from wrangler_py.worker.assets.content_types import content_type_of
from wrangler_py.worker.assets.folder import AssetFile, AssetFolder, TextFile
from wrangler_py.worker.assets.headers_file import HeaderRules
from wrangler_py.worker.assets.ignore_file import HEADERS_FILE, REDIRECTS_FILE
from wrangler_py.worker.assets.redirects_file import REWRITE, RedirectRules
from wrangler_py.worker.assets.resolution import Canonical, Found, Resolver
from wrangler_py.worker.assets.rule_files import describe_invalid, describe_valid
from wrangler_py.worker.assets.rules import compile_globs
from wrangler_py.worker.assets.url_path import decode_path, encode_path
from wrangler_py.worker_protocol import AssetSettings, LogLevel

NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
TEMPORARY_REDIRECT = 307
NOT_MODIFIED = 304
INTERNAL_SERVER_ERROR = 500
CACHE_CONTROL = "public, max-age=0, must-revalidate"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_FOR_RULES = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
"""Framing and the connection are the server's to decide."""

Log = Callable[[LogLevel, str], None]
"""Takes a level and a message."""


class AssetRequest(NamedTuple):
    """The parts of a request that matter here. Names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]


class AssetAnswer(NamedTuple):
    """A response. Names of headers are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes = b""
    length: int | None = None
    """Length of the content that a HEAD request was not sent."""


class _NoAsset(NamedTuple):
    """There is nothing for this path: the Worker may answer."""


class StaticSite:
    """Answers requests for files of a folder. `has_worker` is whether there is a Worker for the others."""

    def __init__(self, settings: AssetSettings, *, has_worker: bool, log: Log) -> None:
        self.settings = settings
        self._has_worker = has_worker
        self._log = log
        self._folder = AssetFolder(settings.directory, lambda message: log("warning", message))
        self._headers_file = TextFile(settings.directory / HEADERS_FILE)
        self._redirects_file = TextFile(settings.directory / REDIRECTS_FILE)
        self._headers = HeaderRules([], [])
        self._redirects = RedirectRules([], [])
        first = settings.run_worker_first
        self._routed = isinstance(first, tuple)
        patterns = first if isinstance(first, tuple) else ()
        self._to_worker = compile_globs(pattern for pattern in patterns if not pattern.startswith("!"))
        self._to_assets = compile_globs(pattern[1:] for pattern in patterns if pattern.startswith("!"))
        self._resolvers = {
            handling: Resolver(self._folder.find, html_handling=settings.html_handling, not_found_handling=handling)
            for handling in ("none", settings.not_found_handling)
        }

    def read_rules(self) -> None:
        """Read `_redirects` and `_headers` if they have changed, and say what is wrong with them."""
        if self._redirects_file.changed():
            text = self._redirects_file.text or ""
            self._redirects = RedirectRules.parse(text, html_handling=self.settings.html_handling)
            self._report("redirect", REDIRECTS_FILE, self._redirects)
            for note in self._redirects.notes():
                self._log("debug", note)
        if self._headers_file.changed():
            self._headers = HeaderRules.parse(self._headers_file.text or "")
            self._report("header", HEADERS_FILE, self._headers)

    def takes(self, request: AssetRequest) -> bool:
        """Whether a request from outside is answered here, and not by the Worker."""
        if not self._has_worker:
            return True
        self.read_rules()
        url = URL(request.url)
        if self._routed:
            if self._to_assets(url.pathname):
                return True
            if self._to_worker(url.pathname):
                return False
        elif self.settings.run_worker_first:
            return False
        navigation = request.headers.get("sec-fetch-mode") == "navigate"
        full = self._routed or (self.settings.navigation_prefers_assets and navigation)
        handling = self.settings.not_found_handling if full else "none"
        return not isinstance(self._find(request, url, handling), _NoAsset)

    def answer(self, request: AssetRequest) -> AssetAnswer:
        """The answer of the platform's asset Worker, which `env.ASSETS.fetch` gives."""
        self.read_rules()
        url = URL(request.url)
        found = self._find(request, url, self.settings.not_found_handling)
        if isinstance(found, _NoAsset):
            answer = AssetAnswer(NOT_FOUND, [])
            if below(decode_path(url.pathname), self.settings.base_path) is None:
                return answer
        elif isinstance(found, Found):
            answer = self._send(request, found)
        else:
            answer = found
        headers = self._headers.apply(answer.headers, url.hostname, url.pathname)
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
                self._log("error", f"{HEADERS_FILE}: {name!r} cannot be sent as a header with the value {value!r}")
                return AssetAnswer(INTERNAL_SERVER_ERROR, [])
        headers = [pair for pair in headers if pair[0] not in _NOT_FOR_RULES]
        return answer._replace(headers=headers)

    def _find(
        self, request: AssetRequest, url: URL, not_found_handling: str
    ) -> Found[AssetFile] | AssetAnswer | _NoAsset:
        path, base = url.pathname, self.settings.base_path
        if below(decode_path(path), base) is None:
            return _NoAsset()
        redirect = self._redirects.match(path)
        if redirect is not None:
            try:
                target = URL(redirect.to, base=request.url)
            except ValueError:
                self._log("error", f"{REDIRECTS_FILE}: {path} leads to {redirect.to}, which is no URL")
                return AssetAnswer(INTERNAL_SERVER_ERROR, [])
            if redirect.status != REWRITE:
                return AssetAnswer(redirect.status, [("location", _location(target, url))])
            path = target.pathname
        decoded = decode_path(path)
        resolved = self._resolve(decoded, not_found_handling, rewritten=redirect is not None)
        if resolved is None:
            return _NoAsset() if redirect is None else AssetAnswer(NOT_FOUND, [])
        if request.method not in ("GET", "HEAD"):
            return AssetAnswer(METHOD_NOT_ALLOWED, [])
        if isinstance(resolved, Canonical):
            return _redirected(encode_path(above(resolved.path, base)) + url.search)
        # A path that is encoded in another way than this, or has more slashes, is not the file's own.
        encoded = encode_path(decoded)
        return resolved if encoded == path else _redirected(encoded + url.search)

    def _resolve(
        self, path: str, not_found_handling: str, *, rewritten: bool
    ) -> Found[AssetFile] | Canonical | None:
        base = self.settings.base_path
        file_path = below(path, base)
        if file_path is None:
            return None
        if not rewritten:
            root = root_redirect(path, base, self.settings.html_handling)
            if root is not None and self._folder.find("/index.html") is not None:
                return Canonical("/" if root == base else "")
        return self._resolvers[not_found_handling].resolve(file_path)

    def _send(self, request: AssetRequest, found: Found[AssetFile]) -> AssetAnswer:
        try:
            content, digest = self._folder.read(found.file)
        except OSError as error:
            self._log("error", f"Cannot read the static asset {found.file.path}: {error.strerror or error}")
            return AssetAnswer(INTERNAL_SERVER_ERROR, [])
        etag = f'"{digest}"'
        headers = [("etag", etag)]
        if (content_type := content_type_of(found.file.path.rpartition("/")[2])) is not None:
            headers.append(("content-type", content_type))
        if "authorization" not in request.headers and "range" not in request.headers:
            headers.append(("cache-control", CACHE_CONTROL))
        headers.append(("cf-cache-status", "HIT"))
        if request.headers.get("if-none-match") in (etag, f"W/{etag}"):
            return AssetAnswer(NOT_MODIFIED, headers)
        if request.method == "HEAD":
            return AssetAnswer(found.status, headers, length=len(content))
        return AssetAnswer(found.status, headers, content)

    def _report(self, kind: str, file: str, rules: HeaderRules | RedirectRules) -> None:
        self._log("debug", describe_valid(kind, rules.count))
        if rules.invalid:
            self._log("warning", describe_invalid(kind, f"{self.settings.directory.name}/{file}", rules.invalid))


def _redirected(location: str) -> AssetAnswer:
    return AssetAnswer(TEMPORARY_REDIRECT, [("location", location)])


def _location(target: URL, url: URL) -> str:
    """Where a redirect leads: a path on the same host; the query of the request is kept if the rule has none."""
    search = target.search or url.search
    if target.origin == url.origin:
        return f"{target.pathname}{search}{target.hash}"
    end = len(target.href) - len(target.search) - len(target.hash)
    return f"{target.href[:end]}{search}{target.hash}"
