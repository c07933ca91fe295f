"""The findings of a log, and queries that must give none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.query_entries import Conversation, entry

from wrangler_py.querylog.findings import Finding, find, find_in_request
from wrangler_py.querylog.incidents import Incident
from wrangler_py.querylog.log import QueryLog


def kinds(log: QueryLog) -> list[str]:
    return [finding.kind for finding in find(log)]


def only(log: QueryLog, kind: str) -> Finding:
    (finding,) = [finding for finding in find(log) if finding.kind == kind]
    return finding


@pytest.fixture
def talk() -> Conversation:
    return Conversation(QueryLog())


@pytest.mark.parametrize("request_id", ["1-1", None])
def test_a_query_for_each_of_many_values_is_found(talk: Conversation, request_id: str | None) -> None:
    talk.ask("SELECT id FROM articles", request=request_id)
    for number in range(8):
        talk.ask("SELECT * FROM comments WHERE article = $1", values=(str(number),), request=request_id)
    finding = only(talk.log, "repeated-statement")
    assert finding.records == tuple(range(2, 10))
    assert finding.cost_ms == pytest.approx(7 * 5)
    assert "N+1" in finding.explanation
    assert "ANY($1)" in finding.fix
    assert finding.request_id == (request_id or "client-1-1")


def test_a_batch_that_is_sent_together_is_not_reported_as_repeated() -> None:
    log = QueryLog()
    for number in range(20):
        log.add(
            entry("INSERT INTO t VALUES ($1)", values=(str(number),), request="1-1", ended_at=1_000 + number / 1e6)
        )
    assert kinds(log) == []


def test_values_in_the_text_make_no_other_statement(talk: Conversation) -> None:
    for number in range(6):
        talk.ask(f"SELECT * FROM comments WHERE article = {number} AND author = 'a{number}'", request="1-1")
    assert only(talk.log, "repeated-statement").title.endswith("WHERE article = ? AND author = ?")


def test_repeated_values_have_their_own_explanation(talk: Conversation) -> None:
    for _ in range(6):
        talk.ask("SELECT * FROM settings WHERE name = $1", values=("a",), request="1-1", status="hit")
    assert "same values" in only(talk.log, "repeated-statement").explanation


def test_rows_written_one_by_one_are_found(talk: Conversation) -> None:
    for number in range(6):
        talk.ask("INSERT INTO t VALUES ($1)", values=(str(number),), request="1-1", status="uncacheable")
    assert "unnest" in only(talk.log, "repeated-statement").fix


def test_statements_of_different_requests_are_not_repeated(talk: Conversation) -> None:
    for number in range(20):
        talk.ask("SELECT * FROM articles WHERE id = $1", values=(str(number),), request=f"1-{number}")
    assert kinds(talk.log) == []


def test_transactions_are_not_repeated_statements(talk: Conversation) -> None:
    for _ in range(6):
        talk.ask("BEGIN", request="1-1", status="notaquery")
        talk.ask("COMMIT", request="1-1", status="notaquery")
    assert kinds(talk.log) == []


def test_what_a_client_without_a_request_runs_now_and_then_is_not_repeated(talk: Conversation) -> None:
    for _ in range(20):
        talk.ask("SELECT count(*) FROM jobs", pause_ms=5_000)
    assert kinds(talk.log) == []


def test_different_reads_one_after_the_other_are_found(talk: Conversation) -> None:
    for table in ("users", "articles", "tags"):
        talk.ask(f"SELECT * FROM {table}", request="1-1")
    finding = only(talk.log, "separate-round-trips")
    assert finding.records == (1, 2, 3)
    assert finding.cost_ms == pytest.approx(10)


def test_reads_at_the_same_time_are_one_round_trip() -> None:
    log = QueryLog()
    for client, table in enumerate(("users", "articles", "tags")):
        log.add(
            entry(
                f"SELECT * FROM {table}", request="1-1", client=client, ended_at=1_000 + client / 1e4, origin_ms=5
            )
        )
    assert kinds(log) == []


def test_reads_with_a_write_between_them_cannot_be_joined(talk: Conversation) -> None:
    talk.ask("SELECT * FROM users", request="1-1")
    talk.ask("SELECT * FROM articles", request="1-1")
    talk.ask("UPDATE articles SET read = read + 1", request="1-1", status="uncacheable")
    talk.ask("SELECT * FROM tags", request="1-1")
    assert kinds(talk.log) == []


def test_hits_are_no_round_trips(talk: Conversation) -> None:
    for table in ("users", "articles", "tags"):
        talk.ask(f"SELECT * FROM {table}", request="1-1", status="hit")
    assert kinds(talk.log) == []


def test_a_stale_read_is_found(talk: Conversation) -> None:
    talk.ask("SELECT * FROM articles", request="1-1", status="hit", stale=True)
    finding = only(talk.log, "stale-read")
    assert "second binding" in finding.fix
    assert finding.records == (1,)


def test_reads_that_are_never_cached_are_found_with_the_reason(talk: Conversation) -> None:
    for number in range(3):
        talk.ask("SELECT now(), * FROM articles", request=f"1-{number}", status="volatile")
    finding = only(talk.log, "never-cached")
    assert "NOW() is STABLE" in finding.explanation
    assert finding.fix == "Pass the time as a parameter."
    assert finding.records == (1, 2, 3)


@pytest.mark.parametrize("status", ["hit", "miss", "disabled"])
def test_what_is_cached_or_is_not_to_be_is_not_found(talk: Conversation, status: str) -> None:
    for number in range(3):
        talk.ask("SELECT * FROM articles", request=f"1-{number}", status=status)
    assert kinds(talk.log) == []


def test_writes_are_not_expected_to_be_cached(talk: Conversation) -> None:
    for number in range(3):
        talk.ask("INSERT INTO t VALUES (1)", request=f"1-{number}", status="uncacheable")
        talk.ask("SELECT * FROM t FOR UPDATE", request=f"1-{number}", status="uncacheable")
    assert kinds(talk.log) == []


def test_a_slow_query_is_found(talk: Conversation) -> None:
    talk.ask("SELECT * FROM big", origin_ms=900, request="1-1")
    assert only(talk.log, "slow-query").cost_ms == pytest.approx(900)


def test_the_wait_for_a_connection_is_found(talk: Conversation) -> None:
    talk.ask("SELECT 1", request="1-1", waited_ms=80)
    assert kinds(talk.log) == []
    talk.ask("SELECT 2", request="1-1", waited_ms=80)
    assert only(talk.log, "waited-for-connection").cost_ms == pytest.approx(160)


def test_incidents_become_findings_and_a_deadlock_comes_first(talk: Conversation) -> None:
    talk.ask("SELECT * FROM big", origin_ms=90_000, request="1-1", in_transaction=True, client=7)
    talk.ask(
        "SELECT 2", request="1-1", waited_ms=15_000, origin_ms=0, error=b"E\0\0\0\0MFailed\0C58000\0\0", client=8
    )
    common: dict[str, Any] = {"binding": "HYPERDRIVE", "request_id": "1-1", "label": "GET /"}
    talk.log.note(Incident(kind="left-in-transaction", client=7, **common))
    talk.log.note(Incident(kind="self-deadlock", client=0, connections=1, timeout_s=15, **common))
    first, *others = find(talk.log)
    assert first.kind == "self-deadlock"
    assert first.records == (2,)
    assert first.cost_ms == pytest.approx(15_000)
    assert {finding.kind for finding in others} == {"left-in-transaction", "slow-query", "waited-for-connection"}
    request = talk.log.request("1-1")
    assert request is not None
    assert {finding.kind for finding in find_in_request(request)} == {
        "self-deadlock",
        "left-in-transaction",
        "slow-query",
        "waited-for-connection",
    }


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(["SELECT 1", "SELECT now()", "BEGIN", "INSERT INTO t VALUES (1)", "nonsense", "", "'"]),
            st.sampled_from(["hit", "miss", "volatile", "refused", "uncacheable", "parseerror", "transaction"]),
            st.sampled_from([None, "1-1", "1-2"]),
            st.booleans(),
            st.sampled_from([0.0, 1.0, 400.0]),
        ),
        max_size=40,
    )
)
def test_findings_name_records_that_are_there_and_say_what_to_do(
    asked: list[tuple[str, str, str | None, bool, float]],
) -> None:
    talk = Conversation(QueryLog(max_records=25))
    for sql, status, request, stale, took in asked:
        talk.ask(sql, status=status, request=request, stale=stale, origin_ms=took)
    numbers = {record.number for record in talk.log.records()}
    for finding in find(talk.log):
        assert set(finding.records) <= numbers
        assert finding.records
        assert finding.title
        assert finding.explanation.endswith(".")
        assert finding.fix.endswith(".")
        assert finding.cost_ms >= 0
