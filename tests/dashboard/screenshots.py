"""Makes the README's screenshot of the dashboard: `scripts/screenshots [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Page, expect  # noqa: E402
from support.browser import find_chromium, open_browser  # noqa: E402
from support.dev_process import DevProcess  # noqa: E402
from support.shop_worker import write_shop  # noqa: E402

REQUESTS = (
    "/articles",
    "/joined",
    "/recent",
    "/view?id=2",
    "/transfer",
    "/comment",
    "/joined",
    "/view?id=2",
    "/recent",
)
"""What the Worker is asked, so that each page has something to show."""


def main(folder: Path) -> None:
    program = find_chromium()
    if program is None:
        sys.exit("scripts/screenshots needs Chromium: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    # On the embedded PostgreSQL, which is made as far away as a database in production is.
    with (
        tempfile.TemporaryDirectory() as home,
        DevProcess(write_shop(Path(home) / "shop"), "--latency", "3-6ms") as dev,
    ):
        url = dev.ready().wait_for("^Dashboard: ").split()[-1]
        for path in REQUESTS:
            dev.get(path).raise_for_status()
        with open_browser(program) as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 760})
            page.goto(url)
            take_all(page, folder)


def take_all(page: Page, folder: Path) -> None:
    page.get_by_role("row").filter(has_text="published_at").first.click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("STABLE")
    panel.get_by_role("button", name="Explain", exact=True).click()
    expect(panel.locator("pre.plan")).to_be_visible()
    page.screenshot(path=folder / "dashboard-query.png")
    page.goto(page.url.partition("#")[0] + "#/requests")
    page.get_by_role("button", name="GET /articles").first.click()
    expect(page.get_by_role("list", name="Queries over time").get_by_role("listitem").last).to_be_visible()
    page.screenshot(path=folder / "dashboard-requests.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
