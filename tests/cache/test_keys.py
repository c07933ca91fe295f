from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from wrangler_py.cache.keys import CacheKey, settings_key, statement_key

names = st.sampled_from(["TimeZone", "timezone", "search_path", "DateStyle", "role", "my.var"])
settings = st.dictionaries(names, st.sampled_from(["UTC", "a", "a,b", "", "timezone"]), max_size=4)
parts = st.tuples(
    st.sampled_from(["A", "B", "AB"]),
    st.sampled_from([b"SELECT 1", b"SELECT 2", b"SELECT 1\0"]),
    st.sampled_from([b"\0\0", b"\0\1\0\0\0\x17", b"\0\1\0\0\0\x14"]),
    st.binary(max_size=6),
    settings,
)


def folded(values: dict[str, str]) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in values.items())


@given(parts, parts)
@example(("A", b"ab", b"c", b"", {}), ("A", b"a", b"bc", b"", {}))
@example(("A", b"", b"", b"", {"timezone": "a"}), ("A", b"", b"", b"", {"timezonea": ""}))
def test_keys_are_equal_only_if_every_part_is(
    one: tuple[str, bytes, bytes, bytes, dict[str, str]], other: tuple[str, bytes, bytes, bytes, dict[str, str]]
) -> None:
    first = CacheKey(*one[:4], settings_key(one[4]))
    second = CacheKey(*other[:4], settings_key(other[4]))
    parts_equal = one[:4] == other[:4] and folded(one[4]) == folded(other[4])
    assert (first == second) == parts_equal
    if parts_equal:
        assert hash(first) == hash(second)


def test_settings_that_change_no_answer_are_left_out() -> None:
    bare = settings_key({"TimeZone": "UTC"})
    assert settings_key({"timezone": "UTC", "application_name": "x", "statement_timeout": "5s"}) == bare
    assert settings_key({"TimeZone": "CET"}) != bare
    assert settings_key({"TimeZone": "UTC", "role": "r"}) != bare
    assert settings_key({"TimeZone": "UTC", "search_path": "s"}) != bare
    assert settings_key({}) == b""


def test_a_statement_is_the_key_without_the_parameters() -> None:
    one = CacheKey("A", b"SELECT $1", b"\0\0", b"1", b"")
    assert statement_key(one) == statement_key(one._replace(bind=b"2"))
    assert statement_key(one) != statement_key(one._replace(settings=b"x"))
