"""The pages Pool connections, Cache, Metrics and Database, and the dialog Latency and faults."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from queue import Queue

from playwright.sync_api import Route, expect
from support.browser import OpenPage
from support.dashboard import DashboardClient, Shop


@contextlib.contextmanager
def load(shop: Shop, path: str, clients: int) -> Iterator[Queue[int]]:
    """Requests of the Worker without a pause while the block runs; gives the statuses of their answers."""
    statuses: Queue[int] = Queue()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.put(shop.dev.get(path).status_code)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def test_the_pool_is_shown_live(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/recent")
    page = open_page("pools")
    pool = page.get_by_role("region", name="Pool of HYPERDRIVE")
    expect(pool.locator("dl")).to_contain_text(re.compile("Open connections[1-9]"))
    expect(pool.locator("dl")).to_contain_text("Pool size maximum20")
    expect(pool.get_by_role("img", name=re.compile("pool size maximum 20"))).to_be_visible()
    table = pool.get_by_role("region", name="Origin connections of HYPERDRIVE")
    expect(table.get_by_text("idle").first).to_be_visible()
    with load(shop, "/sleep?seconds=2", 1):
        expect(table.get_by_text("in a query")).to_be_visible()
        expect(table.get_by_role("cell", name="GET /sleep")).to_be_visible()


def test_restart_under_load(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    """Every origin connection is another one afterwards, and the Worker goes on."""

    def process_ids() -> set[int]:
        (pool,) = api.get("/api/pools").json()["pools"]
        return {each["process_id"] for each in pool["connections"]}

    page = open_page("pools")
    with load(shop, "/recent", 4) as statuses:
        expect(page.locator("dl.tiles")).to_contain_text(re.compile("Open connections[1-9]"))
        before = process_ids()
        page.get_by_role("button", name="Restart").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Running queries may fail")
        dialog.get_by_role("button", name="Restart").click()
        expect(page.locator("#toasts")).to_contain_text("Restarted HYPERDRIVE")
        for old in before:
            expect(page.get_by_role("cell", name=str(old), exact=True)).to_have_count(0)
        expect(page.locator("dl.tiles")).to_contain_text(re.compile("Open connections[1-9]"))
        # Those that were under way may have failed; each client's next one is all right.
        while not statuses.empty():
            statuses.get()
        after = [statuses.get(timeout=60) for _ in range(12)]
    assert not process_ids() & before
    assert after[-4:] == [200] * 4
    shop.dev.wait_for("Restarted HYPERDRIVE")


def test_clearing_the_cache(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    api.delete("/api/cache")
    shop.get("/articles")
    shop.get("/joined")
    page = open_page("cache")
    entries = page.get_by_role("region", name="Table: Cached answers").locator("tbody tr")
    expect(entries).to_have_count(8)
    expect(entries.first).to_contain_text("FROM articles a JOIN authors b")
    expect(entries.first).to_contain_text("fresh")
    shop.get("/joined")
    expect(entries.first.get_by_role("cell").nth(4)).to_have_text("1")
    entries.first.get_by_role("button", name="1 parameter").click()
    expect(page.get_by_role("dialog")).to_contain_text("10")
    page.keyboard.press("Escape")
    entries.first.get_by_role("button", name="Clear").click()
    expect(entries).to_have_count(7)
    page.get_by_role("button", name="Clear cache").click()
    expect(page.locator("#toasts")).to_contain_text("Cleared 7 cached answers.")
    expect(page.get_by_role("heading", name="Nothing is cached")).to_be_visible()
    shop.dev.wait_for("Cleared 7 cached answers")


def test_stale_reads_and_statements_never_cached(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    api.delete("/api/queries")
    shop.get("/view?id=4")
    shop.get("/recent")
    page = open_page("cache")
    stale = page.get_by_role("region", name="Table: Stale reads")
    expect(stale).to_contain_text("SELECT views FROM articles")
    expect(stale).to_contain_text("GET /view")
    never = page.get_by_role("region", name="Table: Statements never cached")
    expect(never.locator("tr").filter(has_text="published_at")).to_contain_text("NOW() is STABLE")


def test_metrics(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    shop.get("/recent")
    shop.get("/fails")
    page = open_page("metrics")
    for title in (
        "Queries by cache status",
        "Query latency",
        "Connection latency",
        "Event status",
        "Query bytes",
        "Result bytes",
    ):
        expect(page.get_by_role("img", name=re.compile(f"^{title}\\. "))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("[1-9][0-9]* volatile"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("[1-9][0-9]* error"))).to_be_visible()
    count = api.get("/api/metrics").json()["bindings"]["HYPERDRIVE"]["count"]
    expect(page.locator("dl.tiles")).to_contain_text(f"Queries{count:,}")
    expect(page.get_by_role("link", name="OpenMetrics")).to_have_attribute("href", "/metrics")


def test_tables_and_their_first_rows(open_page: OpenPage) -> None:
    page = open_page("database")
    page.get_by_role("button", name="shop.articles").click()
    columns = page.get_by_role("region", name="Columns of shop.articles")
    expect(columns.locator("tr").filter(has_text="published_at")).to_contain_text("timestamp with time zone")
    expect(columns.locator("tr").filter(has_text="id").nth(0)).to_contain_text("primary key")
    expect(page.get_by_role("region", name="Table: First rows of shop.articles")).to_contain_text("Article 1")


def test_the_sql_box_shows_no_old_result_while_a_query_runs(shop: Shop, open_page: OpenPage) -> None:
    page = open_page("database")
    box = page.get_by_role("textbox", name="SQL")
    box.fill("SELECT 'first' AS word")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("region", name="Table: Rows")).to_contain_text("first")
    held: list[Route] = []
    page.route("**/api/database/*/run", lambda route: held.append(route))
    box.fill("SELECT 'second' AS word")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#main")).to_contain_text("Running…")
    expect(page.locator("#main")).not_to_contain_text("first")
    held[0].continue_()
    expect(page.get_by_role("region", name="Table: Rows")).to_contain_text("second")


def test_the_sql_box_runs_through_the_binding(api: DashboardClient, open_page: OpenPage) -> None:
    page = open_page("database")
    box = page.get_by_role("textbox", name="SQL")
    box.fill("SELECT id, name, NULL AS nothing, now() FROM authors ORDER BY id")
    box.press("Control+Enter")
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("NOW() is STABLE. What to change: pass the time as a parameter.")
    expect(result.locator("mark")).to_have_text("now")
    expect(result.get_by_role("heading", name="6 rows")).to_be_visible()
    expect(result.get_by_role("region", name="Table: Rows")).to_contain_text("Ada LovelaceNULL")
    box.fill("SELECT name FROM authors WHERE id = 2")
    for status in ("miss", "hit"):
        page.get_by_role("button", name="Run").click()
        expect(result.locator(".chip").first).to_have_text(status)
    box.fill("UPDATE authors SET name = name WHERE id > 2")
    page.get_by_role("button", name="Run").click()
    expect(result).to_contain_text("UPDATE 4")
    box.fill("SELECT nonsense")
    page.get_by_role("button", name="Run").click()
    expect(result).to_contain_text('column "nonsense" does not exist (42703)')
    assert api.get("/api/queries?text=nonsense").json()["queries"][-1]["request"] == "SQL box"


def test_latency_and_faults_are_switched_while_it_runs(shop: Shop, open_page: OpenPage) -> None:
    page = open_page("queries")
    page.get_by_role("button", name="Latency and faults").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Latency of each round trip").fill("nonsense")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Latency 'nonsense': give a time with its unit, ms or s.")
    dialog.get_by_label("Latency of each round trip").fill("40ms")
    dialog.get_by_label("Faults, one a line").fill("connection-lost:/published_at/")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_be_hidden()
    on = page.get_by_role("button", name="Simulating: 40ms, connection-lost:/published_at/")
    expect(on).to_be_visible()
    shop.dev.wait_for("Latency is on")
    shop.dev.wait_for("Faults are on")
    assert shop.dev.get("/recent").status_code == 500
    page.get_by_label("Slower than").fill("38")
    shop.get("/transfer")
    expect(page.get_by_role("row").filter(has_text="GET /transfer").first).to_be_visible()
    on.click()
    page.get_by_role("dialog").get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("button", name="Latency and faults")).to_be_visible()
    shop.get("/recent")
