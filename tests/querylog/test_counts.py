"""What is counted per config: the same as adding up the queries one by one, whenever one looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.query_entries import entry

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.querylog.counts import ConfigCounts
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import REFUSED, Entry

ENTRIES = st.builds(
    entry,
    st.text(max_size=10),
    binding=st.sampled_from(["A", "B", "not counted"]),
    status=st.sampled_from([CacheStatus.HIT, CacheStatus.MISS, CacheStatus.UNCACHEABLE, REFUSED]),
    origin_ms=st.floats(0, 100),
    sending_ms=st.sampled_from([0.0, 2.5]),
    result_bytes=st.integers(0, 100),
    error=st.sampled_from([None, b"", b"E\0\0\0\4"]),
    origin_connection=st.sampled_from([None, 1, 2]),
)


@given(
    entries=st.lists(ENTRIES, max_size=80),
    max_records=st.sampled_from([0, 1, 20]),
    looks=st.sets(st.integers(0, 80)),
)
def test_queries_are_counted_as_if_one_by_one(entries: list[Entry], max_records: int, looks: set[int]) -> None:
    log = QueryLog(max_records)
    counts = {binding: ConfigCounts(log.settle) for binding in "AB"}
    for binding, each in counts.items():
        log.count_with(binding, each)
    for number, each_entry in enumerate(entries, 1):
        log.add(each_entry)
        if number in looks or number == len(entries):
            for binding in "AB":
                check(counts[binding], [e for e in entries[:number] if e[1] == binding and e[7] != REFUSED])


def check(counts: ConfigCounts, entries: list[Entry]) -> None:
    took = [(entry[9] + entry[10]) * 1000 for entry in entries if entry[15] is not None]
    assert counts.by_status.total() == len(entries)
    for status in CacheStatus:
        assert counts.by_status[status] == sum(entry[7] == status for entry in entries)
    assert counts.query_bytes == sum(entry[12] for entry in entries)
    assert counts.result_bytes == sum(entry[13] for entry in entries)
    assert counts.error == sum(entry[14] is not None for entry in entries)
    assert counts.complete == len(entries) - counts.error
    assert counts.query_latency.count == len(took)
    assert counts.query_latency.total_ms == pytest.approx(sum(took))
    assert counts.query_latency.max_ms == pytest.approx(max(took, default=0))


def test_counts_have_the_products_names() -> None:
    log = QueryLog()
    counts = ConfigCounts(log.settle)
    log.count_with("HYPERDRIVE", counts)
    log.add(entry("SELECT 1", status=CacheStatus.HIT, result_bytes=100, origin_connection=None))
    log.add(entry("SELECT 2", status=CacheStatus.MISS, result_bytes=100, origin_ms=3.0))
    log.add(entry("SELECT", status=CacheStatus.UNCACHEABLE, error=b"", result_bytes=0, origin_ms=1.0))
    counts.add_connection(0.0075)
    counts.add_stale_read()
    assert counts.as_metrics() == {
        "count": 3,
        "cacheStatus": {"hit": 1, "miss": 1, "uncacheable": 1},
        "queryBytes": 22,
        "resultBytes": 200,
        "connectionLatency": 7.5,
        "queryLatency": 2.0,
        "eventStatus": {"complete": 2, "error": 1},
        "staleReads": 1,
    }
    assert (counts.query_latency.count, counts.query_latency.max_ms) == (2, 3.0)
