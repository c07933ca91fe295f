"""The folders, configs and requests that both wrangler and this host are asked about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LATE = "2026-04-01"
"""A compatibility date after the one from which navigation prefers assets."""
EARLY = "2025-03-31"

Request = tuple[str, str, Mapping[str, str]]

PAGES = {
    "index.html": "home",
    "about.html": "about",
    "blog/index.html": "blog",
    "blog/post.html": "post",
    "both.html": "both as a page",
    "both/index.html": "both as a folder",
    "docs/guide/index.html": "guide",
    "docs/404.html": "not found in docs",
    "404.html": "not found",
    "file": "without a suffix",
    "bin/index": "a file called index",
    "same": "without .html",
    "same.html": "with .html",
    "deep/er/page.html": "deep",
    "a b.txt": "a space",
    "ünï.html": "umlauts",
    "[id].html": "brackets",
    "100%.txt": "a percent sign",
    "%5Bx%5D.txt": "encoded already",
    "comma,semi;at@.txt": "reserved",
    "UPPER.TXT": "upper case",
    ".well-known/security.txt": "Contact: mailto:security@example.com",
    ".hidden": "hidden",
    "empty.txt": "",
    "api/data.json": "{}",
    "dots/a.b.c.html": "dots",
    "x.html.html": "twice",
}

PAGE_PATHS = (
    "/", "/index", "/index.html", "/index/", "//", "/about", "/about/", "/about.html", "/about.html/",
    "/about/index", "/about/index.html", "/blog", "/blog/", "/blog/index", "/blog/index.html", "/blog.html",
    "/blog/post", "/blog/post/", "/blog/post.html", "/both", "/both/", "/both.html", "/both/index.html",
    "/both/index", "/docs", "/docs/", "/docs/guide", "/docs/guide/", "/docs/guide.html", "/docs/nothing",
    "/docs/a/b/c", "/docs/404", "/404", "/404.html", "/file", "/file/", "/file.html", "/bin/index", "/bin/",
    "/bin", "/bin/index.html", "/same", "/same.html", "/same/", "/deep/er/page", "/deep//er///page",
    "/deep/er/", "/nothing", "/nothing/", "/nothing.html", "/nothing.txt", "/nothing/at/all", "/x.html", "/x",
    "/x.html.html", "/dots/a.b.c", "/dots/a.b", "/about?x=1", "/about.html?x=1&y=%20", "/blog?x", "/INDEX.html",
    "/About",
)  # fmt: skip

ENCODED_PATHS = (
    "/a%20b.txt", "/a+b.txt", "/%C3%BCn%C3%AF", "/%c3%bcn%c3%af", "/%C3%BCn%C3%AF.html", "/[id]",
    "/%5Bid%5D", "/%5bid%5d", "/[id].html", "/100%.txt", "/100%25.txt", "/%5Bx%5D.txt", "/%255Bx%255D.txt",
    "/comma,semi;at@.txt", "/comma%2Csemi%3Bat%40.txt", "/upper.txt", "/UPPER.TXT", "/%61bout", "/%FF", "/%C3",
    "/abc%", "/a%2", "/blog%2Fpost", "/blog%2fpost.html", "/.well-known/security.txt", "/.hidden", "/empty.txt",
    "/api/data.json", "/%E2%82%AC", "/a/../about", "/a/%2e%2e/about", "/a/.%2E/about", "/./about", "/blog/.",
    "/blog/..", "/~tilde", "/'quote'", "/about;x", "/about%3Fx=1", "/about%23x", "/\\about", "/blog\\post",
)  # fmt: skip

ESCAPES = (
    "/../outside.txt", "/..%2foutside.txt", "/%2e%2e%2foutside.txt", "/%2e%2e/outside.txt",
    "/%252e%252e%252foutside.txt", "/%252e%252e/outside.txt", "/blog/..%2f..%2foutside.txt", "/..\\outside.txt",
    "/..%5coutside.txt", "/blog/..%5c..%5coutside.txt", "/%2e%2e%5coutside.txt", "//outside.txt",
    "/C:/outside.txt", "/C:%5coutside.txt", "/c%3A%5Coutside.txt", "/%5c%5cserver%5cshare%5coutside.txt",
    "//server/share/outside.txt", "/outside.txt%00.html", "/about%00", "/%00", "/about.html%00.txt", "/CON",
    "/nul", "/aux.txt", "/COM1", "/about.html.", "/about.html%20", "/about.html::$DATA",
    "/about.html%3A%3A$DATA", "/%c0%ae%c0%ae/outside.txt", "/%ef%bc%8e%ef%bc%8e/outside.txt",
    "/...%2foutside.txt", "/_headers", "/_redirects", "/.assetsignore", "/%5fheaders", "/blog/../_headers",
    "/wrangler.toml", "/..%2fwrangler.toml",
)  # fmt: skip

METHODS: tuple[Request, ...] = tuple(
    (method, path, {})
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    for path in ("/about", "/about.html", "/nothing", "/")
)

CONDITIONS: tuple[Request, ...] = (
    ("GET", "/about", {"If-None-Match": "{etag}"}),
    ("GET", "/about", {"If-None-Match": "W/{etag}"}),
    ("HEAD", "/about", {"If-None-Match": "{etag}"}),
    ("GET", "/about", {"If-None-Match": '"other"'}),
    ("GET", "/about", {"If-None-Match": '"other", {etag}'}),
    ("GET", "/about", {"If-None-Match": "*"}),
    ("GET", "/about", {"If-Modified-Since": "Wed, 01 Jan 2098 00:00:00 GMT"}),
    ("GET", "/about", {"Range": "bytes=0-1"}),
    ("GET", "/about", {"Range": "bytes=100-200"}),
    ("GET", "/about", {"Range": "bytes=-2"}),
    ("GET", "/about", {"Range": "bytes=0-1", "If-Range": "{etag}"}),
    ("HEAD", "/about", {"Range": "bytes=0-1"}),
    ("GET", "/about", {"Authorization": "Bearer x"}),
    ("GET", "/about", {"Origin": "https://example.com"}),
)

NAVIGATION: tuple[Request, ...] = (
    *(
        ("GET", path, {"Sec-Fetch-Mode": mode})
        for mode in ("navigate", "cors")
        for path in ("/", "/nothing", "/api/x", "/docs/x", "/about.html", "/api/data.json")
    ),
    ("POST", "/nothing", {"Sec-Fetch-Mode": "navigate"}),
)

SUFFIXES = tuple(
    """
    html htm css js mjs cjs json jsonld map xml txt md csv tsv yaml yml toml svg png jpg jpeg gif webp avif ico
    bmp tif tiff apng jxl heic woff woff2 ttf otf eot wasm pdf zip gz tar tgz bz2 7z rar mp3 mp4 m4a m4v webm
    ogg ogv oga opus wav flac aac avi mov mpeg mpg m3u8 ts mpd vtt srt webmanifest appcache rss atom rdf xhtml
    xht ics vcf doc docx xls xlsx ppt pptx odt ods odp epub rtf psd ai eps ps swf jar exe dmg iso bin dll deb
    rpm apk msi sh py rb php c h java ts tsx jsx vue scss sass less log conf ini sql sqlite db geojson topojson
    gltf glb obj stl usdz ktx2 parquet avro proto graphql xsl xslt xsd dtd mathml kml kmz gpx cur icns key pem
    crt cer p12 asc sig torrent unknownsuffix json5 ndjson jsonl cbor msgpack br zst mhtml 3gp mid midi lua pl r
    tex bib hbs ejs pug text shtml jsonc properties patch diff webapp manifest lock htc wgsl glsl mdx markdown
    """.split()  # noqa: SIM905
)

HEADERS_FILE = """\
# A comment
/*
  X-All: yes
  Cache-Control: public, max-age=60

/about
  X-Page: about
  X-All: again
  X-Twice: one
  X-Twice: two

/blog/:name
  X-Name: :name
  Link: </:name.css>; rel=preload

/files/*
  X-Splat: :splat
  ! ETag
  ! Cache-Control

https://127.0.0.1/about
  X-Host: here
https://other.example/about
  X-Host: other
https://:sub.localhost/about
  X-Host: sub
/static/:a/:b/*
  X-Parts: :a-:b-:splat
/colour.txt
  Content-Type: text/x-colour
  X-Colon: a:b:c
/about
  X-Later: later
/bad name header
  X-Bad: 1
no slash
/empty-rule
/next-rule
  No separator
  With space: value
  : no name
  No-Value:
  X-Good: good
/old*
  X-Redirected: :splat
/missing
  X-Missing: yes
/%C3%BCn%C3%AF
  X-Encoded: yes
/ünï
  X-Encoded: raw
http://127.0.0.1/about
/umlaut
  X-Umlaut: grün
"""

REDIRECTS_FILE = """\
# A comment
/old /new
/old301 /new 301
/old302 /new 302   # an inline comment
/old303 /new 303
/old307 /new 307
/old308 /new 308
/rewritten /blog/post 200
/rewritten-nowhere /not/there 200
/rewritten-html /blog/post.html 200
/query /new?a=b
/hash /new#part
/both-parts /new?a=b#part 301
/outside https://example.com/elsewhere
/outside-query https://example.com/elsewhere?x=y#z 307
/about /shadowed 301
/a%20b.txt /spaced
/dots/../up /up
relative /relative-target
/same-host https://127.0.0.1/elsewhere
/bad-status /new 404
/bad-target example.com/x
/too many tokens 301 extra
/only-one
https://example.com/absolute /x
/proxy https://example.com/ 200
/ /index.html
/loop/* /index.html 200
/old /duplicate
/users/:id /people/:id.html 301
/users/:id/:tab /people/:tab/:id
/files/* /download/:splat 302
/spa/* /about 200
/blog/:year/* /:splat?year=:year 308
/wild/* https://:splat.example.com/x
/join/*  /double///:splat
/late /late-static 301
/rewrite-dynamic/:page /:page 200
/ext/:name.html /named/:name
/post/* /nothing/:splat 200
"""

IGNORE_FILE = """\
# A comment
secret.txt
*.log
!keep.log
/top.txt
drafts/
build/*
!build/public.txt
**/deep.txt
a/**/z.txt
[0-9].txt
question?.txt
trailing.txt{spaces}
\\#hash.txt
\\!bang.txt
Case.TXT
*.bak/
nested/file.txt
""".replace("{spaces}", "   ")

IGNORE_TREE = (
    "secret.txt", "sub/secret.txt", "x.log", "keep.log", "sub/y.log", "top.txt", "sub/top.txt", "drafts/a.txt",
    "sub/drafts/b.txt", "drafts", "build/out.txt", "build/public.txt", "sub/build/out.txt", "one/two/deep.txt",
    "deep.txt", "a/z.txt", "a/b/z.txt", "a/b/c/z.txt", "5.txt", "55.txt", "question1.txt", "question.txt",
    "trailing.txt", "#hash.txt", "!bang.txt", "case.txt", "Case.TXT", "old.bak/file.txt", "file.bak",
    "nested/file.txt", "sub/nested/file.txt", "kept.txt", ".git/config", "node_modules/x.js",
)  # fmt: skip

RULE_PATHS = (
    "/blog/post", "/blog/", "/files/a.txt", "/colour.txt", "/static/1/2/3/4", "/next-rule", "/old", "/old301",
    "/old302", "/old303", "/old307", "/old308", "/old?q=1", "/query", "/query?c=d", "/hash", "/hash?c=d",
    "/both-parts", "/both-parts?c=d", "/outside", "/outside?c=d", "/outside-query?c=d", "/rewritten",
    "/rewritten?x=1", "/rewritten-nowhere", "/rewritten-html", "/a%20b.txt", "/up", "/relative", "/same-host",
    "/bad-status", "/bad-target", "/too", "/only-one", "/absolute", "/proxy", "/loop/x", "/users/7",
    "/users/7/settings", "/users/7/settings/more", "/users/a%20b", "/files/x/y.txt", "/files/",
    "/spa/any/thing", "/blog/2024/a/b", "/blog/2024/a?x=1", "/wild/sub", "/join/a/b", "/late",
    "/rewrite-dynamic/about", "/rewrite-dynamic/nothing", "/ext/thing.html", "/post/a", "/old/", "/OLD",
    "/%C3%BCn%C3%AF", "/umlaut", "/missing", "/nothing",
)  # fmt: skip

BASE_PATHS = (
    "/", "/sub", "/sub/", "/sub/index.html", "/sub/index", "/sub/about", "/sub/about.html", "/sub/about/", "/about",
    "/sub/blog", "/sub/blog/", "/subway", "/sub/nothing", "/sub/docs/nothing", "/nothing", "/sub/old", "/old",
    "/sub/in", "/sub/out", "/s%75b/about", "/sub//about", "//sub/about", "/sub?x=1",
    "/sub/%C3%BCn%C3%AF", "/sub/../about",
)  # fmt: skip

ROUTED_PATHS = (
    "/", "/about", "/about.html", "/api", "/api/", "/api/data.json", "/api/docs/x", "/api/docs/", "/exact",
    "/exact/", "/nothing", "/docs/nothing", "/mid/x/end", "/mid/x/y/end", "/%61pi/data.json", "/api%2Fdata.json",
)  # fmt: skip

THROUGH = (
    "/", "/about", "/about.html", "/nothing", "/docs/x", "/index.html", "/blog", "/api/data.json",
    "/blog/index.html",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A folder of files, the `assets` table about it, and what is asked of it."""

    name: str
    files: Mapping[str, str]
    requests: tuple[Request, ...]
    assets: Mapping[str, object] = field(default_factory=dict)
    worker: bool = True
    date: str = LATE
    since: tuple[int, ...] = (4,)
    """The wrangler that knows what the site has."""
    flags: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the files, and one outside of the folder that none of them may lead to."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_dir():
                path.write_text(text)
        (folder.parent / "outside.txt").write_text("outside of the folder")

    def toml(self, main: str, *flags: str) -> str:
        """The config file; `flags` are those that the Worker's language needs."""
        lines = ['name = "site"', f'compatibility_date = "{self.date}"']
        if self.worker:
            lines.append(f'main = "{main}"')
        all_flags = [*self.flags, *(flags if self.worker else ())]
        if all_flags:
            lines.append(f"compatibility_flags = {_toml(all_flags)}")
        lines += ["[assets]", 'directory = "public"']
        lines += [f"{key} = {_toml(value)}" for key, value in self.assets.items()]
        return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    assert isinstance(value, Iterable)
    return f"[{', '.join(_toml(each) for each in value)}]"


def get(*paths: str) -> tuple[Request, ...]:
    return tuple(("GET", path, {}) for path in paths)


def _through(*options: str) -> tuple[Request, ...]:
    return get(*(f"/through?path={path}&{option}" for path in THROUGH for option in options))


_WEB = get(*PAGE_PATHS)
_RULES = {
    **PAGES,
    "_headers": HEADERS_FILE,
    "_redirects": REDIRECTS_FILE,
    "files/a.txt": "a",
    "colour.txt": "red",
    "umlaut": "u",
}
RULE_REQUESTS: tuple[Request, ...] = (
    *get(*PAGE_PATHS[:10], *RULE_PATHS),
    ("POST", "/old", {}),
    ("HEAD", "/old", {}),
    ("POST", "/rewritten", {}),
    ("POST", "/post/a", {}),
    ("GET", "/about", {"Host": "a.localhost"}),
    ("GET", "/old", {"Host": "a.localhost"}),
    ("GET", "/same-host", {"Host": "a.localhost"}),
    ("GET", "/files/a.txt", {"If-None-Match": "{etag}"}),
)
_BROKEN_HEADER = {"index.html": "home", "bad.txt": "bad", "_headers": "/bad.txt\n  Bad(Name): x\n"}

SITES = (
    Site("auto", PAGES, _WEB + get(*ENCODED_PATHS, *ESCAPES) + METHODS + CONDITIONS + NAVIGATION),
    Site("force", PAGES, _WEB + get("/%5Bid%5D", "/[id]"), {"html_handling": "force-trailing-slash"}),
    Site("drop", PAGES, _WEB + get("/%5Bid%5D", "/[id]"), {"html_handling": "drop-trailing-slash"}),
    Site("none", PAGES, _WEB + get("/%5Bid%5D.html", "/[id].html"), {"html_handling": "none"}),
    Site("only", PAGES, get(*PAGE_PATHS[:20], *ESCAPES) + METHODS, worker=False),
    Site("404-page", PAGES, get(*PAGE_PATHS) + NAVIGATION + METHODS, {"not_found_handling": "404-page"}),
    Site("404-page-only", PAGES, _WEB + METHODS + NAVIGATION, {"not_found_handling": "404-page"}, worker=False),
    Site(
        "spa",
        PAGES,
        get(*PAGE_PATHS[:20]) + NAVIGATION + METHODS,
        {"not_found_handling": "single-page-application"},
    ),
    Site(
        "spa-only",
        PAGES,
        get(*PAGE_PATHS[:20], "/nothing") + NAVIGATION + METHODS,
        {"not_found_handling": "single-page-application"},
        worker=False,
    ),
    Site("spa-early", PAGES, NAVIGATION, {"not_found_handling": "single-page-application"}, date=EARLY),
    Site(
        "spa-early-flag",
        PAGES,
        NAVIGATION,
        {"not_found_handling": "single-page-application"},
        date=EARLY,
        flags=("assets_navigation_prefers_asset_serving",),
    ),
    Site(
        "spa-late-no-effect",
        PAGES,
        NAVIGATION,
        {"not_found_handling": "single-page-application"},
        flags=("assets_navigation_has_no_effect",),
    ),
    Site(
        "worker-first",
        PAGES,
        get("/", "/about", "/nothing", "/pass/about", "/about.html")
        + _through("redirect=follow", "redirect=manual", "method=HEAD", "method=POST")
        + NAVIGATION,
        {"binding": "ASSETS", "run_worker_first": True, "not_found_handling": "404-page"},
    ),
    Site(
        "worker-first-not",
        PAGES,
        get("/", "/about", "/nothing") + _through("redirect=follow") + (("GET", "/asset-request", {}),),
        {"binding": "FILES", "run_worker_first": False, "not_found_handling": "single-page-application"},
    ),
    Site(
        "routed",
        PAGES,
        get(*ROUTED_PATHS) + NAVIGATION,
        {
            "binding": "ASSETS",
            "run_worker_first": ["/api/*", "!/api/docs/*", "/exact", "/mid/*/end"],
            "not_found_handling": "single-page-application",
        },
    ),
    Site("routed-all", PAGES, get(*ROUTED_PATHS), {"run_worker_first": ["/*", "!/about", "!/docs/*"]}),
    Site(
        "rules",
        _RULES,
        RULE_REQUESTS,
        {"not_found_handling": "none"},
    ),
    Site(
        "rules-404",
        _RULES,
        get("/missing", "/rewritten-nowhere", "/old", "/nothing", "/about", "/post/a"),
        {"not_found_handling": "404-page"},
        worker=False,
    ),
    *(
        Site(
            f"base-{html_handling}",
            {**PAGES, "_redirects": "/sub/old /sub/new\n/old /new\n/sub/in /sub/about 200\n/sub/out /about 200\n"},
            get(*BASE_PATHS),
            {"base_path": base, "html_handling": html_handling, "not_found_handling": not_found},
            worker=worker,
            since=(4, 164),
        )
        for html_handling, base, not_found, worker in (
            ("auto-trailing-slash", "/sub/", "none", True),
            ("force-trailing-slash", "sub/./x/..", "single-page-application", True),
            ("drop-trailing-slash", "/sub", "404-page", False),
            ("none", "/sub/", "404-page", True),
        )
    ),
    Site("rules-broken", _BROKEN_HEADER, get("/", "/bad.txt", "/nothing")),
    Site(
        "ignored",
        {**dict.fromkeys((name for name in IGNORE_TREE if name != "drafts"), "x"), ".assetsignore": IGNORE_FILE},
        get(*(f"/{name.replace('#', '%23')}" for name in IGNORE_TREE)),
        worker=False,
    ),
    Site(
        "types",
        {f"file.{suffix}": suffix for suffix in dict.fromkeys(SUFFIXES)} | {"none": "x", ".json": "{}", "a.": "x"},
        get(*(f"/file.{suffix}" for suffix in dict.fromkeys(SUFFIXES)), "/none", "/.json", "/a."),
        {"html_handling": "none"},
        worker=False,
    ),
)


def on_this_system(files: Mapping[str, str]) -> bool:
    """Whether the file system can hold `files`, which names that differ in case alone need."""
    return os.name != "nt" and len({name.lower() for name in files}) == len(files)
