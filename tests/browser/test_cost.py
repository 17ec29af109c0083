"""The Cost pages in Chromium: they fill without jumping or sticking out, and a total is two clicks away from its price."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import serving
from tests.dashboards.test_cost_pages import priced_parts
from tests.fixtures.browser import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.peers]
PAGES = {
    "/cost?by=platform&then=model": ".js-plotly-plot .bars",
    "/cost/rows?range=24h&platform=scribe": ".row-link",
    "/cost/rows?kind=infrastructure": "[data-block=items] td",
}
HEIGHTS = "() => Object.fromEntries(['cost-filters', 'cost-total'].map(id => [id, document.getElementById(id)?.getBoundingClientRect().height ?? 0]))"


WAIT_MS = 60_000


def visit(window: Window, address: str, selector: str) -> Page:
    """Go there and wait until the page's main content is drawn."""
    window.page.goto(address, timeout=WAIT_MS)
    window.page.locator(selector).first.wait_for(timeout=WAIT_MS)
    expect(window.page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)
    return window.page


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the pages over the sample world with a priced call."""
    parts = priced_parts()
    with serving(parts) as address:
        yield address
    parts.store.close()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_fill_and_nothing_sticks_out(site: str, open_window: OpenWindow, path: str, size: tuple[int, int]) -> None:
    window = open_window(*size, dark=size[0] < 500)
    page = visit(window, site + path, PAGES[path])
    assert window.errors == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.locator(".state-block.failed").count() == 0
    if size[0] < 500:
        small = page.evaluate(
            "[...document.querySelectorAll('.cost-table tr, .rows-card tr')].filter(e => e.getBoundingClientRect().right > innerWidth).length"
        )
        assert small == 0, "on a phone every line is a card that fits"


def test_a_total_is_two_clicks_from_its_price(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/cost?range=24h&platform=scribe&by=model&model=flash", ".cost-table tbody tr")
    page.locator(".cost-table tbody td.strong a").first.click()
    page.locator(".row-link").first.wait_for(timeout=WAIT_MS)
    page.get_by_role("link", name="$0.003000000").click()
    drawer = page.locator(".cost-drawer")
    expect(drawer.locator(".arithmetic tbody tr")).to_contain_text("1,200")
    expect(drawer.locator(".arithmetic tfoot")).to_contain_text("$0.003000000")
    price = "/prices?range=24h&platform=scribe&price=gemini%2Fflash%2Fout"
    assert drawer.get_by_role("link", name="test: test").get_attribute("href") == price
    page.get_by_role("link", name="Close").click()
    expect(drawer).to_have_count(0)
    page.get_by_role("link", name="Back to the Explorer").click()
    expect(page.locator(".cost-table tbody tr").first).to_be_visible(timeout=WAIT_MS)
    assert page.url.endswith("/cost?range=24h&platform=scribe&model=flash")
    assert window.errors == []


def test_two_values_of_a_filter_by_hand(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/cost?by=model&kind=ai", ".cost-table tbody tr")
    for count, name in ((1, "flash"), (2, "lite")):
        page.locator("[data-menu=only-model] summary").click()
        page.locator("[data-menu=only-model]").get_by_role("link", name=name, exact=True).click()
        expect(page.locator(".cost-table tbody tr")).to_have_count(count, timeout=WAIT_MS)
    assert page.url.endswith("?by=model&kind=ai&model=flash&model=lite")


def test_a_file_is_what_the_page_shows(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/cost?by=model&range=last-month", ".cost-table tbody tr")
    total = page.locator(".cost-table tfoot td").nth(3).inner_text()
    with page.expect_download(timeout=WAIT_MS) as got:
        page.get_by_role("link", name="CSV").click()
    text = got.value.path().read_text()
    assert got.value.suggested_filename.endswith(".csv")
    costs = [Decimal(row["cost_usd"]) for row in csv.DictReader(io.StringIO(text))]
    assert sum(costs) == Decimal(total.replace("$", "").replace(",", "").removesuffix(" +"))


def test_nothing_jumps_when_the_figures_come(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/cost", timeout=WAIT_MS)
    page.locator("#cost-total .skeleton").wait_for(state="attached", timeout=WAIT_MS)
    before = page.evaluate(HEIGHTS)
    page.locator(".js-plotly-plot .bars").first.wait_for(timeout=WAIT_MS)
    after = page.evaluate(HEIGHTS)
    assert abs(after["cost-total"] - before["cost-total"]) <= 24, (before, after)
