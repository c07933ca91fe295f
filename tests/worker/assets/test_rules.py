"""Limits and refusals of `_headers` and `_redirects`, in the words of the newest wrangler."""

from __future__ import annotations

import pytest

from wrangler_py.worker.assets.headers_file import HeaderRules
from wrangler_py.worker.assets.redirects_file import RedirectRules
from wrangler_py.worker.assets.rule_files import describe_invalid
from wrangler_py.worker.assets.rules import compile_globs, compile_pattern

PAGE_PATH = "/page"


def applied(text: str, path: str = PAGE_PATH, host: str = "localhost") -> dict[str, str]:
    return dict(HeaderRules.parse(text).apply([("etag", '"1"')], host, path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/a/*/b/*\n  X: y", "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) "
         "instead. Skipping /a/*/b/*."),
        ("/a/*/:splat\n  X: y", "Cannot combine a wildcard * with a :splat placeholder because wildcards are "
         "converted to :splat at runtime. Skipping /a/*/:splat."),
        ("https://example.com:8080/a\n  X: y",
         "Specifying ports is not supported. Skipping absolute URL https://example.com:8080/a."),
        ("http://example.com/a\n  X: y", 'URLs should either be relative (e.g. begin with a forward-slash), or use '
         'HTTPS (e.g. begin with "https://").'),
        ("  X: y", "Path should come before header (x: y)"),
        ("nothing", "Expected a path beginning with at least one forward-slash"),
        ("/a", "No headers specified"),
    ],
)  # fmt: skip
def test_invalid_headers(text: str, message: str) -> None:
    rules = HeaderRules.parse(text)
    assert [line.message for line in rules.invalid] == [message]
    assert rules.count == 0


def test_headers_under_a_refused_path_are_left_out_in_silence() -> None:
    rules = HeaderRules.parse("/a/*/b/*\n  X: y\n  ! Z\nhttp://example.com\n  no colon\n/page\n  X: z")
    assert len(rules.invalid) == 2
    assert dict(rules.apply([], "localhost", PAGE_PATH)) == {"x": "z"}


def test_limits_of_headers() -> None:
    rules = HeaderRules.parse("".join(f"/{number}\n  X: y\n" for number in range(103)))
    assert rules.count == 101  # wrangler counts a rule when the next one begins
    assert (
        rules.invalid[0].message == "Maximum number of rules supported is 100. Skipping remaining 5 lines of file."
    )
    long = HeaderRules.parse(f"/page\n  X: {'y' * 2000}\n  Z: 1\n")
    assert long.invalid[0].message == "Ignoring line 2 as it exceeds the maximum allowed length of 2000."
    assert long.count == 1


def test_headers_are_set_added_and_removed() -> None:
    text = "/*\n  X: one\n  ! ETag\n/page\n  X: two\nhttps://:name.example/page\n  Y: :name\n"
    assert applied(text) == {"x": "two"}
    assert HeaderRules.parse(text).apply([("x", "own")], "a.example", PAGE_PATH) == [
        ("x", "one"),
        ("x", "two"),
        ("y", "a"),
    ]


def test_limits_of_redirects() -> None:
    static = RedirectRules.parse("".join(f"/{number} /x\n" for number in range(2002)))
    assert static.count == 2000
    assert {line.message for line in static.invalid} == {
        "Maximum number of static rules supported is 2000. Skipping line."
    }
    dynamic = RedirectRules.parse("".join(f"/{number}/* /x\n" for number in range(103)))
    assert dynamic.count == 100
    assert [line.message for line in dynamic.invalid] == [
        "Maximum number of dynamic rules supported is 100. Skipping remaining 4 lines of file."
    ]
    assert len(RedirectRules.parse(f"/a /{'b' * 2000}").invalid) == 1


@pytest.mark.parametrize(
    ("line", "path", "target"),
    [
        ("/a/:b /x/:b", "/a/1", "/x/1"),
        ("/a/:b /x/:b", "/a/1/2", None),
        ("/a/* /:splat", "/a//example.com", "/example.com"),
        ("/a/* https://example.com/:splat", "/a/1/2", "https://example.com/1/2"),
        ("/a/* //example.com/:splat", "/a/1", "//example.com/1"),
        ("/a/* /x?next=//:splat", "/a//y", "/x?next=///y"),
        ("/:a/:a /x", "/1/1", None),
        ("/a.b /x", "/aXb", None),
        ("/a(b /x", "/a(b", "/x"),
    ],
)
def test_what_redirects_match(line: str, path: str, target: str | None) -> None:
    redirect = RedirectRules.parse(line).match(path)
    assert (redirect and redirect.to) == target


def test_a_root_may_lead_to_the_index_without_html_handling() -> None:
    assert RedirectRules.parse("/ /index.html").count == 0
    assert RedirectRules.parse("/ /index.html", html_handling="none").count == 1
    assert RedirectRules.parse("/* /index.html", html_handling="none").count == 0


def test_the_warning_names_the_lines() -> None:
    invalid = RedirectRules.parse("/a\n/b b 301\n").invalid
    assert describe_invalid("redirect", "public/_redirects", invalid).splitlines() == [
        "Found 2 invalid redirect rules:",
        "▶︎ Expected exactly 2 or 3 whitespace-separated tokens. Got 1.",
        "    at public/_redirects:1 | /a",
        '▶︎ URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with "https://").',
        "    at public/_redirects:2 | /b b 301",
    ]


def test_patterns_are_no_regular_expressions() -> None:
    assert compile_globs(["/a.b/*"])("/a.b/c/d")
    assert not compile_globs(["/a.b/*"])("/aXb/c")
    assert not compile_globs(["/a"])("/a/b")
    pattern = compile_pattern("/a+(b)/:c")
    assert pattern is not None
    assert pattern.fullmatch("/a+(b)/1")
