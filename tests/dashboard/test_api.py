"""The API: compared with its description, and what a page can't show of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.dashboard import DashboardClient, Shop

from wrangler_py.dashboard.api.description import describe
from wrangler_py.dashboard.api.operations import OPERATIONS

# The stream does not end; a restart, or the faults of another example, would be those of later requests.
schema = schemathesis.openapi.from_dict(describe(OPERATIONS)).exclude(path="/api/events")


@schema.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case[Any], shop: Shop) -> None:
    case.call_and_validate(
        base_url=shop.origin,
        headers={"Authorization": f"Bearer {shop.token}"},
        # What fits the schema may still be impossible: a binding that there is not, a host without a database.
        excluded_checks=[positive_data_acceptance],
    )


def test_the_description_is_served(api: DashboardClient) -> None:
    description = api.get("/api/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    assert "/api/queries/{number}/plan" in description["paths"]


@pytest.fixture
def queries(shop: Shop, api: DashboardClient) -> Any:
    """The queries that a request of the Worker made."""

    def ask(path: str) -> list[dict[str, Any]]:
        before = api.get("/api/queries?limit=1").json()["last_number"]
        shop.get(path)
        return list(api.get(f"/api/queries?after={before}").json()["queries"])

    return ask


def test_a_record_has_its_request_and_status(queries: Any) -> None:
    (record,) = queries("/recent")
    assert record["request"] == "GET /recent"
    assert record["status"] == "volatile"
    assert record["rows"] == 3
    assert record["origin_connection"] >= 1


def test_records_can_be_selected(shop: Shop, api: DashboardClient, queries: Any) -> None:
    queries("/joined")
    (record,) = queries("/recent")

    def numbers(**selection: Any) -> list[int]:
        return [each["number"] for each in api.get("/api/queries", params=selection).json()["queries"]]

    number = record["number"]
    assert number in numbers(status="volatile")
    assert number not in numbers(status="hit")
    assert numbers(request=record["request_id"]) == [number]
    assert number in numbers(text="PUBLISHED_AT")
    assert number not in numbers(text="no such text")
    assert number not in numbers(slower_than=10_000_000)
    assert numbers(binding="OTHER") == []
    assert numbers(status="refused") == []
    wrong = api.get("/api/queries", params={"status": "volatle"})
    assert wrong.status_code == 400
    assert "volatile, refused" in wrong.json()["message"]


def test_an_unknown_operation_says_where_the_others_are(api: DashboardClient) -> None:
    answer = api.get("/api/querys")
    assert answer.status_code == 404
    assert "/api/openapi.json" in answer.json()["hint"]


def test_parameters_are_given_only_when_asked_for(api: DashboardClient, queries: Any) -> None:
    record = queries("/view?id=7")[0]
    path = f"/api/queries/{record['number']}"
    assert "parameters" not in api.get(path).json()
    assert api.get(path).json()["parameter_count"] == 1
    assert api.get(f"{path}/parameters").json() == {"parameters": ["7"]}


def test_a_plan_has_the_parameters_in_it(api: DashboardClient, queries: Any) -> None:
    record = queries("/view?id=7")[0]
    plan = api.post(f"/api/queries/{record['number']}/plan").json()["plan"]
    assert "id = 7" in plan
    assert "actual time" not in plan


def test_analyze_runs_reads_only(shop: Shop, api: DashboardClient, queries: Any) -> None:
    read, write, _ = queries("/view?id=7")
    analyzed = api.post(f"/api/queries/{read['number']}/plan", json={"analyze": True}).json()
    assert "actual time" in analyzed["plan"]
    refused = api.post(f"/api/queries/{write['number']}/plan", json={"analyze": True})
    assert refused.status_code == 422
    assert "for reads only" in refused.json()["message"]
    assert "Update on" in api.post(f"/api/queries/{write['number']}/plan").json()["plan"]


@pytest.mark.parametrize("sql", ["SELECT nextval('shop.articles_id_seq')", "SELECT shop.write_something()"])
def test_analyze_changes_nothing_by_way_of_a_function(api: DashboardClient, sql: str) -> None:
    """What the text doesn't show to be a write is refused by the read-only transaction, or before."""
    api.post(
        "/api/database/HYPERDRIVE/run",
        json={
            "sql": "CREATE OR REPLACE FUNCTION shop.write_something() RETURNS int LANGUAGE sql AS "
            "'INSERT INTO shop.authors (name) VALUES (''nobody'') RETURNING id'"
        },
    )
    ran = api.post("/api/database/HYPERDRIVE/run", json={"sql": sql}).json()
    assert ran["error"] is None
    count = "SELECT (SELECT count(*) FROM shop.authors), last_value FROM shop.articles_id_seq"
    before = api.post("/api/database/HYPERDRIVE/run", json={"sql": f"BEGIN; {count}; COMMIT"}).json()
    number = ran["queries"][0]["number"]
    assert api.post(f"/api/queries/{number}/plan", json={"analyze": True}).status_code == 422
    after = api.post("/api/database/HYPERDRIVE/run", json={"sql": f"BEGIN; {count}; COMMIT"}).json()
    assert after["rows"] == before["rows"]


@pytest.mark.parametrize("path", ["/long?where=sql", "/long?where=parameter"])
def test_truncated_queries_have_no_plan(api: DashboardClient, queries: Any, path: str) -> None:
    (record,) = queries(path)
    response = api.post(f"/api/queries/{record['number']}/plan")
    assert response.status_code == 422
    assert "only the beginning" in response.json()["message"]


def test_statements_without_a_plan_get_a_message(api: DashboardClient, queries: Any) -> None:
    begin = queries("/transfer")[0]
    response = api.post(f"/api/queries/{begin['number']}/plan")
    assert response.status_code == 422
    assert "no plan" in response.json()["message"]


def test_metrics_are_openmetrics(shop: Shop, api: DashboardClient) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    shop.get("/recent")
    response = api.get("/metrics")
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}  # type: ignore[no-untyped-call]
    volatile = [
        sample.value
        for sample in families["hyperdrive_queries"].samples
        if sample.labels == {"binding": "HYPERDRIVE", "cache_status": "volatile"}
    ]
    assert volatile[0] >= 1
    assert families["hyperdrive_max_pool_size"].samples[0].value == 20
    assert families["hyperdrive_query_latency_seconds"].type == "summary"


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream, at most those of a minute: pool sizes come every second."""
    name = ""
    for line in islice(response.iter_lines(), 500):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_stream_tells_of_queries_as_they_end(shop: Shop, api: DashboardClient) -> None:
    last = api.get("/api/queries?limit=1").json()["last_number"]
    with api.stream("GET", f"/api/events?after={last}") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        shop.get("/recent")
        told = events(response)
        record = next(data["queries"][0] for name, data in told if name == "queries" and data["queries"])
        assert (record["number"], record["request"]) == (last + 1, "GET /recent")
        sample = next(data["samples"][0] for name, data in told if name == "pools")
        assert sample["pool_size_maximum"] == 20


def test_a_stream_that_is_open_does_not_hold_up_the_end(shop: Shop, api: DashboardClient) -> None:
    """Needs a session of its own, since it ends it: another test module must not use this one afterwards."""
    with api.stream("GET", "/api/events") as response:
        next(events(response))
        assert shop.dev.interrupt() == 0
