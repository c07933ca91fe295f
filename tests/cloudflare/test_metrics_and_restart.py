from __future__ import annotations

import json
from typing import Any

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare

URL = "postgres://app:s3cret@db.example.com:6432/shop"


@pytest.fixture
def config(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> str:
    cli.ok("hyperdrive", "create", "shop", "--remote", "--connection-string", URL)
    cloudflare.take_requests()
    return next(iter(cloudflare.configs[account]))


def group(status: str, count: int, **dimensions: str) -> dict[str, Any]:
    sums = {"connectionLatency": 5, "queryLatency": 4 * count, "queryBytes": 10 * count, "resultBytes": 20 * count}
    shown = {"cacheStatus": status, "eventStatus": "complete", "datetimeHour": "2026-11-01T10:00:00Z", **dimensions}
    return {"count": count, "dimensions": shown, "sum": sums}


def test_metrics_stand_beside_those_of_the_last_session(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, config: str
) -> None:
    cloudflare.query_groups = [group("hit", 75), group("miss", 25), group("volatile", 100, eventStatus="error")]
    cloudflare.pool_groups = [{"max": {"currentPoolSize": 7, "waitingClients": 1, "maxPoolSize": 20}}]
    (cli.cwd / "wrangler.toml").write_text(f'[[hyperdrive]]\nbinding = "DB"\nid = "{config}"\n')
    state = cli.cwd / ".wrangler" / "state"
    state.mkdir(parents=True)
    summary = {
        "version": 1,
        "ended_on": "2026-11-01T00:00:00+00:00",
        "bindings": {"DB": {"cacheStatus": {"hit": 3, "miss": 1}}},
        "never_cached": [],
        "repeated": [],
        "most_connections": 1,
    }
    (state / "last-session.json").write_text(json.dumps(summary))
    shown = cli.ok("hyperdrive", "metrics", "DB", "--since", "7d").stdout
    assert "75 (38%)" in shown
    assert "3 (75%)" in shown
    assert "100 (50%)" in shown
    assert "100 error" in shown
    assert "currentPoolSize 7" in shown
    assert "11-01 10:00" in shown
    document = cli.ok("hyperdrive", "metrics", "shop", "--json").json()
    assert document["cacheStatus"] == {"hit": 75, "miss": 25, "volatile": 100}
    assert document["lastDevSession"] == {"cacheStatus": {"hit": 3, "miss": 1}}
    variables = [each.body["variables"] for each in cloudflare.take_requests() if each.path == "/graphql"]
    assert all((each["accountTag"], each["configId"]) == (account, config) for each in variables)


def test_metrics_of_a_short_time_are_shown_by_five_minutes(
    cli: CommandLine, cloudflare: FakeCloudflare, config: str
) -> None:
    minutes = {f"2026-11-01T10:{minute:02}:00Z": minute for minute in (0, 4, 5, 9)}
    cloudflare.query_groups = [group("hit", count + 1, datetimeMinute=time) for time, count in minutes.items()]
    steps = cli.ok("hyperdrive", "metrics", config, "--since", "30m", "--json").json()["byTime"]
    assert steps == [{"time": "2026-11-01T10:00Z", "hit": 6}, {"time": "2026-11-01T10:05Z", "hit": 16}]


def test_metrics_say_which_permission_is_missing(
    offline: CommandLine, cloudflare: FakeCloudflare, account: str
) -> None:
    token = cloudflare.add_token(permissions=frozenset({"Hyperdrive Read"}))
    said = offline.fails("hyperdrive", "metrics", "a" * 32, CLOUDFLARE_API_TOKEN=token)
    assert "Account Analytics Read" in said


def test_metrics_of_no_queries(cli: CommandLine, config: str) -> None:
    assert "no queries" in cli.ok("hyperdrive", "metrics", config).stdout


@pytest.mark.parametrize("since", ["1", "0h", "32d", "h", "1w"])
def test_metrics_refuse_an_invalid_span(cli: CommandLine, config: str, since: str) -> None:
    assert cli("hyperdrive", "metrics", config, "--since", since).status == 2


def test_restart(cli: CommandLine, cloudflare: FakeCloudflare, account: str, config: str) -> None:
    assert "add --remote" in cli.fails("hyperdrive", "restart", "shop")
    assert cloudflare.take_requests() == []
    cli.ok("hyperdrive", "restart", "shop", "--remote")
    assert "restarted_on" in cloudflare.configs[account][config]
    assert cloudflare.take_requests()[-1].path.endswith(f"/configs/{config}/restart")
