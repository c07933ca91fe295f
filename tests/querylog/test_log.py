"""The query log: bounds, numbers, requests, subscribers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.query_entries import entry

from wrangler_py.querylog.log import RECORD_BYTES, QueryLog
from wrangler_py.querylog.record import MAX_TEXT_BYTES, QueryRecord

TEXTS = st.text(max_size=300)


@given(
    texts=st.lists(TEXTS, max_size=60),
    max_records=st.integers(0, 12),
    max_bytes=st.integers(0, 12 * (RECORD_BYTES + 100)),
    looks=st.sets(st.integers(0, 60)),
)
def test_the_log_keeps_the_newest_within_both_bounds(
    texts: list[str], max_records: int, max_bytes: int, looks: set[int]
) -> None:
    log = QueryLog(max_records, max_bytes)
    for number, text in enumerate(texts, 1):
        log.add(entry(text))
        assert len(log) <= max_records
        assert 0 <= log.size <= max_bytes
        if number in looks:
            log.records()
    records = log.records()
    assert [record.number for record in records] == list(range(log.first_number, len(texts) + 1))
    assert [record.sql for record in records] == texts[len(texts) - len(records) :]
    assert log.size == sum(RECORD_BYTES + len(record.sql.encode()) for record in records)
    if len(records) < min(len(texts), max_records):
        dropped = texts[len(texts) - len(records) - 1]
        assert log.size + RECORD_BYTES + len(dropped.encode()) > max_bytes


@given(
    texts=st.lists(TEXTS, max_size=30),
    max_records=st.integers(1, 30),
    after=st.integers(-2, 40),
    limit=st.integers(1, 30),
)
def test_records_after_a_number_are_those_with_a_higher_one(
    texts: list[str], max_records: int, after: int, limit: int
) -> None:
    log = QueryLog(max_records)
    for text in texts:
        log.add(entry(text))
    everything = log.records()
    assert log.records(after) == [record for record in everything if record.number > after]
    assert log.records(after, limit) == log.records(after)[:limit]
    for number in range(-1, len(texts) + 2):
        found = log.get(number)
        assert (found is not None) == (number in {record.number for record in everything})
        assert found is None or found.number == number


@given(count=st.integers(0, 3_000), looks=st.sets(st.integers(0, 3_000), max_size=4))
def test_a_large_log_makes_room_for_some_hundred_at_once(count: int, looks: set[int]) -> None:
    log = QueryLog(max_records=1_000)
    for number in range(1, count + 1):
        log.add(entry(f"SELECT {number}", client=number, rows=number % 7, values=(str(number),)))
        if number in looks:
            assert log.records()[-1].number == number
    records = log.records()
    assert min(count, 900) <= len(records) <= 1_000
    assert [record.number for record in records] == list(range(count - len(records) + 1, count + 1))
    for record in records:
        assert record.sql == f"SELECT {record.number}"
        assert record.parameters == (str(record.number),)
        assert (record.client, record.rows) == (record.number, record.number % 7)


def test_long_values_are_cut_and_their_length_kept() -> None:
    log = QueryLog()
    log.add(
        entry("x" * 100_000, values=("y" * 100_000, "z"), error=b"E\0\0\0\0M" + b"e" * 100_000 + b"\0C22012\0\0")
    )
    (record,) = log.records()
    assert record.query_bytes == 100_000
    assert record.sql == "x" * MAX_TEXT_BYTES + "…"
    assert not record.sql_is_whole
    assert record.parameters[0] is not None
    assert record.parameters[0].endswith("… (100,000 bytes)")
    assert log.size < 4 * MAX_TEXT_BYTES


def test_clear_forgets_and_goes_on_counting() -> None:
    log = QueryLog()
    log.add(entry())
    log.clear()
    assert (len(log), log.size, log.records(), log.last_number) == (0, 0, [], 1)
    log.add(entry())
    assert [record.number for record in log.records()] == [2]


def test_subscribers_hear_of_each_query_until_they_leave() -> None:
    log = QueryLog(max_records=1)
    heard: list[QueryRecord] = []
    leave = log.subscribe(heard.append)
    log.add(entry("SELECT 1"))
    log.add(entry("SELECT 2"))
    leave()
    leave()
    log.add(entry("SELECT 3"))
    assert [(record.number, record.sql) for record in heard] == [(1, "SELECT 1"), (2, "SELECT 2")]


def test_requests_have_their_names_and_times() -> None:
    now = 50.0
    log = QueryLog(clock=lambda: now)
    log.name_request("1-1", "GET /")
    log.add(entry(request="1-1", ended_at=51.0))
    log.add(entry(request="1-2", ended_at=52.0, origin_ms=500))
    log.add(entry(request="1-1", ended_at=53.0))
    named, unnamed = log.requests()
    assert (named.name, named.started_at, named.ended_at) == ("GET /", 50.0, None)
    assert [record.number for record in named.records] == [1, 3]
    assert (unnamed.name, unnamed.started_at, unnamed.ended_at) == ("request 1-2", 51.5, 52.0)
    now = 60.0
    log.end_request("1-1")
    ended = log.request("1-1")
    assert ended is not None
    assert ended.ended_at == 60.0
    assert log.request("1-3") is None
