"""The pages Queries and Requests, with a real Worker behind them."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from support.browser import OpenPage
from support.dashboard import DashboardClient, Shop

LOG_SIZE = 20_000


def test_queries_appear_as_they_end(shop: Shop, open_page: OpenPage) -> None:
    page = open_page("queries")
    shop.get("/recent")
    first = page.get_by_role("row").first
    expect(first).to_contain_text("volatile")
    expect(first).to_contain_text("GET /recent")
    shop.get("/joined")
    expect(page.get_by_role("row").first).to_contain_text("FROM articles a JOIN authors b")


def test_the_empty_list_says_what_to_do(api: DashboardClient, open_page: OpenPage) -> None:
    page = open_page("queries")
    api.delete("/api/queries")
    expect(page.get_by_role("heading", name="No queries yet")).to_be_visible()
    expect(page.locator("#main")).to_contain_text("Send a request to the Worker")


def test_pause_keeps_the_list_as_it_is(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    shop.get("/joined")
    page = open_page("queries")
    expect(page.get_by_role("row").first).to_contain_text("GET /joined")
    page.get_by_role("button", name="Pause").click()
    shop.get("/comment")
    count = len(api.get("/api/queries").json()["queries"])
    expect(page.get_by_role("status").first).to_contain_text(f"of {count} queries")
    expect(page.get_by_role("row").first).to_contain_text("GET /joined")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("row").first).to_contain_text("GET /comment")


def test_filters(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    api.delete("/api/queries")
    for path in ("/recent", "/view?id=3", "/sleep?seconds=0.3", "/fails"):
        shop.get(path)
    page = open_page("queries")
    grid = page.get_by_role("grid", name="Queries")
    rows = grid.get_by_role("row")
    expect(grid).to_have_attribute("aria-rowcount", "6")
    page.get_by_label("Cache status").select_option("uncacheable")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("UPDATE articles")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Search the SQL").fill("PG_SLEEP")
    expect(rows).to_have_count(1)
    page.get_by_label("Search the SQL").fill("")
    page.get_by_label("Slower than").fill("250")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("pg_sleep")
    page.get_by_label("Slower than").fill("")
    page.get_by_label("Request: a name or an id").fill("/view")
    expect(rows).to_have_count(3)
    page.get_by_label("Search the SQL").fill("no such text")
    expect(page.get_by_role("heading", name="No query matches")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(rows).to_have_count(6)
    shop.get("/recent")
    expect(grid).to_have_attribute("aria-rowcount", "7")


def test_one_query_says_why_and_what_to_change(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/recent")
    page = open_page("queries")
    page.get_by_role("row").filter(has_text="GET /recent").first.click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("NOW() is STABLE.")
    expect(panel).to_contain_text("What to change: pass the time as a parameter.")
    expect(panel.locator("mark")).to_have_text("now")
    expect(panel.get_by_role("button", name="Formatted")).to_have_attribute("aria-pressed", "true")
    expect(panel.get_by_label("SQL", exact=True).last).to_contain_text("FROM articles")
    panel.get_by_role("button", name="As sent").click()
    expect(panel.locator("mark")).to_have_text("now")
    expect(panel.get_by_role("img", name=re.compile("Waited for a connection: .*, Origin: .*"))).to_be_visible()
    expect(panel).to_contain_text("outside a transaction")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_a_name_in_a_comment_is_shown_where_it_is(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/comment")
    page = open_page("queries")
    page.get_by_role("row").filter(has_text="GET /comment").first.click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("button", name="As sent")).to_have_attribute("aria-pressed", "true")
    expect(panel.locator("mark")).to_have_text("NOW")


def test_parameters_are_hidden_behind_a_click(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/view?id=11")
    page = open_page("queries")
    page.get_by_role("row").filter(has_text="UPDATE articles").first.click()
    panel = page.get_by_role("complementary")
    reveal = panel.get_by_role("button", name="Show 1 parameter")
    expect(reveal).to_be_visible()
    expect(panel.get_by_text("11", exact=True)).to_have_count(0)
    reveal.click()
    expect(panel.get_by_text("11", exact=True)).to_be_visible()


def test_explain_has_the_parameters_and_analyze_is_for_reads(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/view?id=9")
    page = open_page("queries")
    page.get_by_role("row").filter(has_text="SELECT views FROM articles").first.click()
    panel = page.get_by_role("complementary")
    panel.get_by_role("button", name="Explain", exact=True).click()
    expect(panel.get_by_label("Plan").last).to_contain_text("(articles.id = 9)")
    panel.get_by_role("button", name="Explain analyze").click()
    expect(panel.get_by_label("Plan").last).to_contain_text("actual time")
    page.get_by_role("row").filter(has_text="UPDATE articles").first.click()
    expect(panel).to_contain_text("UPDATE is a write")
    expect(panel.get_by_role("button", name="Explain", exact=True)).to_be_visible()
    expect(panel.get_by_role("button", name="Explain analyze")).to_have_count(0)


def test_sql_and_values_never_become_html(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/markup")
    page = open_page("queries")
    text = "<script>document.title = ''hacked''</script>"
    entry = page.get_by_role("row").filter(has_text="GET /markup").first
    expect(entry).to_contain_text(text)
    entry.click()
    panel = page.get_by_role("complementary")
    panel.get_by_role("button", name="Show 1 parameter").click()
    expect(panel.locator("ol.values")).to_contain_text("<img src=x onerror=alert(1)>")
    page.goto(f"{shop.origin}/#/cache")
    expect(page.get_by_role("region", name="Table: Cached answers")).to_contain_text(text)
    page.goto(f"{shop.origin}/#/database")
    page.get_by_role("textbox", name="SQL").fill("SELECT '<b>x</b><script>1</script>' AS \"<i>y</i>\"")
    page.get_by_role("button", name="Run").click()
    result = page.get_by_role("region", name="Table: Rows")
    expect(result.get_by_role("columnheader")).to_have_text("<i>y</i>")
    expect(result.get_by_role("cell")).to_have_text("<b>x</b><script>1</script>")
    expect(page).to_have_title("Database · Local Hyperdrive")
    assert page.locator("#main script, #main img, #main i:not([class])").count() == 0


def test_characters_that_hide_what_runs_are_shown_as_escapes(shop: Shop, open_page: OpenPage) -> None:
    page = open_page("database")
    sql = "SELECT 'a\u202eb\u2066', E'\x1b[31m', 'שלום'"
    page.get_by_role("textbox", name="SQL").fill(sql)
    page.get_by_role("button", name="Run").click()
    cells = page.get_by_role("region", name="Table: Rows").get_by_role("cell")
    expect(cells.first).to_have_text(r"a\u202eb\u2066")
    expect(cells.nth(1)).to_have_text(r"\u001b[31m")
    expect(cells.nth(2)).to_have_text("שלום")
    page.goto(f"{shop.origin}/#/queries")
    entry = page.get_by_role("row").filter(has_text=r"SELECT 'a\u202eb\u2066'").first
    entry.click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("group", name="SQL", exact=True)).to_contain_text(r"\u202eb")


def test_a_request_is_a_waterfall_with_its_findings(shop: Shop, open_page: OpenPage) -> None:
    shop.get("/articles")
    page = open_page("requests")
    page.get_by_role("button", name="GET /articles").first.click()
    detail = page.get_by_role("region", name="Request", exact=True)
    expect(detail.get_by_role("heading", level=2)).to_have_text("GET /articles")
    expect(detail).to_contain_text("What to change")
    bars = detail.get_by_role("list", name="Queries over time").get_by_role("listitem")
    expect(bars).to_have_count(13)
    expect(detail.locator(".marked")).to_have_count(12)
    bars.nth(1).get_by_role("button").click()
    expect(page.get_by_role("complementary")).to_contain_text(["name", " authors WHERE id = $1"][0])


def test_findings_that_are_not_one_requests(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    for _ in range(6):
        shop.get("/recent")
    outside = [each for each in api.get("/api/findings").json()["findings"] if each["request_id"] is None]
    assert "never-cached" in {each["kind"] for each in outside}
    page = open_page("requests")
    page.get_by_role("button", name="Whole session").click()
    detail = page.get_by_role("region", name="Request", exact=True)
    expect(detail).to_contain_text(outside[0]["title"])
    detail.get_by_role("link", name="Query").first.click()
    expect(page.get_by_role("complementary")).to_be_visible()


def test_a_request_without_findings_has_none(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    api.delete("/api/cache")  # what an earlier test has written makes cached answers stale
    shop.get("/joined")
    page = open_page("requests")
    entry = page.get_by_role("button", name="GET /joined").first
    expect(entry).to_be_visible()
    expect(entry).not_to_contain_text("finding")


def test_twenty_thousand_queries(shop: Shop, api: DashboardClient, open_page: OpenPage) -> None:
    def kept() -> str:
        answer = api.get("/api/queries?limit=1").json()
        return str(answer["last_number"] - answer["first_number"] + 1)

    for _ in range(5):
        shop.get("/many?count=4500")
    assert LOG_SIZE * 0.95 < int(kept()) <= LOG_SIZE
    page = open_page("queries")
    grid = page.get_by_role("grid", name="Queries")
    expect(grid).to_have_attribute("aria-rowcount", kept())
    assert grid.get_by_role("row").count() < 100
    grid.focus()
    page.keyboard.press("End")
    oldest = api.get("/api/queries?limit=1").json()["queries"][0]
    expect(grid.get_by_role("row").last).to_contain_text(oldest["sql"])
    page.get_by_label("Search the SQL").fill("SELECT 77 AS")
    matching = api.get("/api/queries", params={"text": "SELECT 77 AS"}).json()["queries"]
    expect(grid).to_have_attribute("aria-rowcount", str(len(matching)))
    page.get_by_label("Search the SQL").fill("")
    shop.get("/recent")
    expect(grid.get_by_role("row").first).to_contain_text("GET /recent")
    expect(grid).to_have_attribute("aria-rowcount", kept())
