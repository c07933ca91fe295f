from __future__ import annotations

import pytest

from wrangler_py.cache.stale_reads import StaleReadLog, WrittenTables


def test_an_answer_older_than_a_write_of_its_table_is_a_stale_read() -> None:
    written = WrittenTables()
    written.record({"articles"}, 137.8, "POST /articles")
    stale = written.stale_read(frozenset({"articles", "authors"}), 100.0, 141.0)
    assert stale is not None
    assert stale.table == "articles"
    assert stale.message("GET /articles") == (
        "stale read: articles was written 3.2 s ago (POST /articles), this answer is 41 s old (GET /articles); "
        "for fresh reads bind a second config with --caching-disabled"
    )
    assert stale.message("GET /", writer="PUT /") == (
        "stale read: articles was written 3.2 s ago (PUT /), this answer is 41 s old (GET /); "
        "for fresh reads bind a second config with --caching-disabled"
    )


def test_what_is_not_a_stale_read() -> None:
    written = WrittenTables()
    assert written.stale_read(frozenset({"a"}), 0.0, 10.0) is None
    written.record({"a"}, 5.0)
    assert written.stale_read(frozenset({"a"}), 5.0, 10.0) is None
    assert written.stale_read(frozenset({"a"}), 6.0, 10.0) is None
    assert written.stale_read(frozenset({"b"}), 0.0, 10.0) is None
    assert written.stale_read(frozenset(), 0.0, 10.0) is None


@pytest.mark.parametrize(
    ("written_name", "read_name", "stale"),
    [
        ("a", "public.a", True),
        ("public.a", "a", True),
        ("s.a", "t.a", False),
        ("s.a", "s.a", True),
        ('"A"', "a", False),
    ],
)
def test_names_with_and_without_schema(written_name: str, read_name: str, stale: bool) -> None:
    written = WrittenTables()
    written.record({written_name}, 5.0)
    assert (written.stale_read(frozenset({read_name}), 1.0, 9.0) is not None) == stale


def test_a_write_of_unknown_tables_counts_for_all() -> None:
    written = WrittenTables()
    written.record((), 5.0, "1-1", unknown=True)
    stale = written.stale_read(frozenset({"b", "a"}), 1.0, 9.0)
    assert stale is not None
    assert (stale.table, stale.write.request) == ("a", "1-1")
    assert written.stale_read(frozenset(), 1.0, 9.0) is None
    written.record({"b"}, 6.0, "1-2")
    stale = written.stale_read(frozenset({"b", "a"}), 1.0, 9.0)
    assert stale is not None
    assert (stale.table, stale.write.request) == ("b", "1-2")


def test_the_newest_write_is_named() -> None:
    written = WrittenTables()
    written.record({"a"}, 5.0, "1-1")
    written.record({"public.a"}, 6.0, "1-2")
    written.record({"b"}, 5.5, "1-3")
    stale = written.stale_read(frozenset({"b", "a"}), 1.0, 9.0)
    assert stale is not None
    assert (stale.table, stale.write.request) == ("a", "1-2")


def test_catalogs_are_written_as_one() -> None:
    written = WrittenTables()
    written.record({"articles"}, 5.0, "1-1", catalogs=True)
    for table in ("pg_class", "pg_catalog.pg_class", "information_schema.columns"):
        stale = written.stale_read(frozenset({table, "other"}), 1.0, 9.0)
        assert stale is not None
        assert (stale.table, stale.of_schema, stale.write.request) == (table, True, "1-1")
        assert f"the catalogs were changed 4.0 s ago (1-1), this answer from {table} is" in stale.message()
    for table in ("other", "public.pg_class", "pg"):
        assert written.stale_read(frozenset({table}), 1.0, 9.0) is None
    assert written.stale_read(frozenset({"pg_class"}), 6.0, 9.0) is None


def test_every_stale_read_is_counted_and_the_first_of_a_kind_reported() -> None:
    written = WrittenTables()
    written.record({"a", "b"}, 5.0)
    on_a = written.stale_read(frozenset({"a"}), 1.0, 9.0)
    on_b = written.stale_read(frozenset({"b"}), 1.0, 9.0)
    assert on_a
    assert on_b
    log = StaleReadLog()
    assert [log.add(b"TABLE a", on_a), log.add(b"TABLE a", on_a), log.add(b"SELECT 1 FROM a", on_a)] == [
        True,
        False,
        True,
    ]
    assert log.add(b"TABLE a", on_b)
    assert log.counts == {"a": 3, "b": 1}
    assert log.total == 4
