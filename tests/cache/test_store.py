from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wrangler_py.cache.keys import CacheKey, statement_key
from wrangler_py.cache.single_flight import SingleFlight
from wrangler_py.cache.store import ENTRY_OVERHEAD_BYTES, CacheStore, StoredResult

MAX_AGE, SWR = 60.0, 15.0


def key(number: int = 0, config: str = "A") -> CacheKey:
    return CacheKey(config, b"SELECT $1", b"\0\1", b"%d" % number, b"")


def result(body: bytes = b"body", row_description: bytes | None = b"T") -> StoredResult:
    return StoredResult(row_description, None, body)


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, "fresh"), (59.999, "fresh"), (60, "stale"), (74.999, "stale"), (75, None), (1_000, None)],
)
def test_life(age: float, expected: str | None) -> None:
    store = CacheStore()
    store.put(key(), result(), 100.0, tables=frozenset({"t"}))
    hit = store.get(key(), 100.0 + age, MAX_AGE, SWR)
    if expected is None:
        assert hit is None
        assert (len(store), store.size) == (0, 0)
    else:
        assert hit is not None
        assert hit.stale == (expected == "stale")
        assert hit.age == pytest.approx(age)
        assert hit.entry.result == result()
        assert hit.entry.tables == {"t"}


def test_an_age_of_zero_never_hits() -> None:
    store = CacheStore()
    store.put(key(), result(), 100.0)
    assert store.get(key(), 100.0, 0, 0) is None


def test_least_recently_used_goes_first() -> None:
    store = CacheStore(max_bytes=3 * (ENTRY_OVERHEAD_BYTES + 100))
    for number in range(3):
        store.put(key(number), result(bytes(80)), 0.0)
    assert store.get(key(0), 1.0, MAX_AGE, SWR)
    store.put(key(3), result(bytes(80)), 2.0)
    assert store.get(key(1), 3.0, MAX_AGE, SWR) is None
    assert all(store.get(key(number), 3.0, MAX_AGE, SWR) for number in (0, 2, 3))


def test_an_answer_larger_than_the_store_is_not_kept() -> None:
    store = CacheStore(max_bytes=10_000)
    store.put(key(0), result(), 0.0)
    assert not store.put(key(1), result(bytes(10_000)), 0.0)
    assert len(store) == 1


def test_clear() -> None:
    store = CacheStore()
    for number in range(3):
        store.put(key(number), result(), 0.0)
        store.put(key(number, "B"), result(), 0.0)
    assert store.clear() == 6
    assert store.get(key(0), 0.0, MAX_AGE, SWR) is None
    assert (len(store), store.size) == (0, 0)


def test_an_answer_asked_for_before_a_clear_is_not_kept() -> None:
    store = CacheStore()
    generation = store.generation
    store.clear()
    assert not store.put(key(), result(), 0.0, generation=generation)
    assert store.put(key(), result(), 0.0, generation=store.generation)


def test_exactly_one_refreshes() -> None:
    store = CacheStore()
    assert not store.claim_refresh(key())
    store.put(key(), result(), 0.0)
    assert [store.claim_refresh(key()) for _ in range(5)] == [True, False, False, False, False]
    store.give_up_refresh(key())
    assert [store.claim_refresh(key()) for _ in range(2)] == [True, False]
    store.put(key(), result(b"new"), 61.0)
    assert store.claim_refresh(key())


def test_a_statement_is_described_while_one_of_its_answers_is_alive() -> None:
    store = CacheStore()
    statement = statement_key(key())
    assert store.describing(statement, 0.0, MAX_AGE, SWR) is None
    store.put(key(1), result(b"old"), 0.0)
    store.put(key(2), result(b"new"), 50.0)
    store.put(key(3), result(b"undescribed", row_description=None), 50.0)
    described = store.describing(statement, 100.0, MAX_AGE, SWR)
    assert described is not None
    assert described.body == b"new"
    assert store.describing(statement._replace(settings=b"x"), 100.0, MAX_AGE, SWR) is None
    assert store.describing(statement, 200.0, MAX_AGE, SWR) is None


class StoreMachine(RuleBasedStateMachine):
    """The store beside a plain dict that knows everything ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.store = CacheStore(max_bytes=20_000)
        self.put_at: dict[CacheKey, tuple[float, StoredResult]] = {}
        self.now = 0.0

    keys = st.builds(key, st.integers(0, 12), st.sampled_from("AB"))

    @rule(key=keys, length=st.integers(0, 25_000), described=st.booleans())
    def put(self, key: CacheKey, length: int, described: bool) -> None:
        stored = result(bytes(length), b"T" * 10 if described else None)
        if self.store.put(key, stored, self.now):
            self.put_at[key] = (self.now, stored)

    @rule(key=keys)
    def get(self, key: CacheKey) -> None:
        hit = self.store.get(key, self.now, MAX_AGE, SWR)
        if hit is not None:
            at, stored = self.put_at[key]
            assert (hit.entry.stored_at, hit.entry.result) == (at, stored)
            assert self.now - at < MAX_AGE + SWR

    @rule()
    def clear(self) -> None:
        self.store.clear()
        assert len(self.store) == 0

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_size_is_exact(self) -> None:
        entries = dict(self.store.entries())
        sizes = [
            ENTRY_OVERHEAD_BYTES
            + sum(len(part) for part in key)
            + len(entry.result.body)
            + len(entry.result.row_description or b"")
            for key, entry in entries.items()
        ]
        assert self.store.size == sum(sizes) <= self.store.max_bytes
        index = self.store._by_statement  # noqa: SLF001 - shows in memory only if it is wrong
        assert sum(map(len, index.values())) == len(entries)


TestStoreMachine = StoreMachine.TestCase


def test_one_leads_and_the_others_follow() -> None:
    flights: SingleFlight[str] = SingleFlight()
    assert flights.lead(key(1))
    assert not flights.lead(key(1))
    for follower in ("a", "b", "c"):
        flights.follow(key(1), follower)
    flights.leave(key(1), "b")
    flights.leave(key(2), "b")
    assert flights.lead(key(2))
    assert flights.land(key(1)) == ["a", "c"]
    assert flights.land(key(1)) == []
    assert flights.lead(key(1))
    assert len(flights) == 2
