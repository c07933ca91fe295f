"""Summaries as JSON, text and HTML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from support.query_entries import Conversation

from wrangler_py.querylog.html_report import as_html
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.summary import summarize


def talk() -> Conversation:
    talk = Conversation(QueryLog(max_records=30))
    for number in range(6):
        talk.ask("SELECT * FROM comments WHERE article = $1", values=(f"secret-{number}",), request="1-1")
    for number in range(3):
        talk.ask(f"SELECT now(), 'secret-{number}'", request="1-2", status="volatile")
    talk.ask("SELECT 1", request="1-2", status="hit")
    talk.ask("SELECT 1 / 0", request="1-2", error=b"E\0\0\0\0Mdivision by zero\0C22012\0\0")
    return talk


def test_totals_statements_and_findings() -> None:
    summary = summarize(talk().log)
    assert summary.queries == summary.recorded == 11
    assert summary.by_status == {"miss": 7, "volatile": 3, "hit": 1}
    assert summary.errors == 1
    assert summary.requests == 2
    assert summary.costliest[0].sql == "SELECT * FROM comments WHERE article = $1"
    assert summary.costliest[0].count == 6
    assert [each.sql for each in summary.never_cached] == ["SELECT now(), ?"]
    assert summary.never_cached[0].reason == "NOW() is STABLE"
    assert {finding.kind for finding in summary.findings} == {"repeated-statement", "never-cached"}


def test_no_value_gets_into_a_summary() -> None:
    summary = summarize(talk().log)
    for text in (summary.as_text(), json.dumps(summary.as_json()), as_html(summary)):
        assert "secret" not in text


def test_the_text_reports_dropped_records() -> None:
    conversation = talk()
    for _ in range(40):
        conversation.ask("SELECT 2", pause_ms=1_000)
    text = summarize(conversation.log).as_text()
    assert text.startswith("51 queries: ")
    assert "The last 30 of them are in this report" in text


def test_the_text_has_findings_with_their_fix() -> None:
    text = summarize(talk().log).as_text()
    assert "repeated-statement: request 1-1 ran one statement 6 times" in text
    assert "ANY($1)" in text
    assert "NOW() is STABLE" in text


def test_an_empty_log_has_a_summary() -> None:
    summary = summarize(QueryLog())
    assert summary.as_text() == "No queries ran."
    assert "No queries ran." in as_html(summary)
    assert json.loads(json.dumps(summary.as_json()))["queries"] == 0


class Page(HTMLParser):
    """Collects what a browser would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@given(sql=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1, max_size=60))
def test_sql_is_text_in_the_page_and_never_html(sql: str) -> None:
    conversation = Conversation(QueryLog())
    conversation.ask(f"{sql}<script>alert(1)</script><img src=x>", status="volatile")
    page = Page(as_html(summarize(conversation.log)))
    plain = Page(as_html(summarize(QueryLog())))
    assert {"script", "img", "link", "iframe"}.isdisjoint(page.tags)
    assert set(page.attributes) <= {*plain.attributes, "class", "style", "role", "aria-label", "scope"}
    assert "<script>alert(" in page.text


def test_the_page_loads_nothing() -> None:
    text = as_html(summarize(talk().log))
    assert not re.search(r"https?:|src=|href=|@import|url\(", text)
    assert "default-src 'none'" in text
