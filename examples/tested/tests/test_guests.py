import pytest

LIST = "SELECT name, signed_at FROM guests ORDER BY signed_at DESC, name LIMIT 100"

# Each test gets a database of its own, with schema.sql and seed.sql.
pytestmark = pytest.mark.usefixtures("database")


def names(worker):
    return [guest["name"] for guest in worker.get("/").json()["guests"]]


def test_the_list_is_cached(worker):
    assert names(worker) == ["Ada Lovelace", "Grace Hopper"]
    assert names(worker) == ["Ada Lovelace", "Grace Hopper"]
    worker.last.queries.assert_cached(LIST)
    worker.last.queries.assert_query_count(1)


def test_a_guest_signs(worker, database):
    answer = worker.post("/", json={"name": "Edgar Codd"})
    assert answer.status_code == 201
    assert database.execute("SELECT count(*) FROM guests") == [(3,)]
    assert "Edgar Codd" in names(worker)


@pytest.mark.allow_stale_reads
def test_a_guest_may_be_missing_for_a_minute(worker):
    names(worker)
    worker.post("/", json={"name": "Edgar Codd"})
    assert "Edgar Codd" not in names(worker)
    assert worker.last.queries.stale


def test_nobody_signs_twice(worker):
    assert worker.post("/", json={"name": "Ada Lovelace"}).status_code == 409


def test_no_connection_is_to_be_had(worker, hyperdrive):
    with hyperdrive.fault("connection-refused"):
        assert worker.get("/").status_code == 503
