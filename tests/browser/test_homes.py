"""Every component, signal and target of every shipped pack stands on its platform's home, in a real browser, with data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from roomleft.packs import Pack, pack_files
from tests.browser.serving import serving
from tests.dashboards.played_world import PACKS, played_parts
from tests.fixtures.browser import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.peers]
SLUGS = list(pack_files(PACKS))
WAIT_MS = 30_000
READ_CARDS = """() => [...document.querySelectorAll('#health-signals .grid3 > .card')].map(card => {
  const plot = card.querySelector('.js-plotly-plot');
  const drawn = plot ? plot.data.flatMap(each => [...each.y]).filter(value => value !== null).length : 0;
  return {title: card.querySelector('h2').firstChild.textContent, drawn, value: card.querySelector('.card-value').textContent};
})"""


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[str, dict[str, Pack]]]:
    """The address of the pages over the played world, and its packs."""
    parts = played_parts()
    with serving(parts) as address:
        yield address, dict(parts.packs)
    parts.store.close()


def visit(window: Window, address: str) -> Page:
    page = window.page
    page.goto(address, timeout=WAIT_MS)
    page.locator("#platform-head h1").wait_for(timeout=WAIT_MS)
    expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)
    return page


def sound(window: Window) -> None:
    """No error in the console, no block that failed, nothing wider than the screen."""
    assert window.errors == []
    assert window.page.locator(".state-block.failed").count() == 0
    assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


@pytest.mark.parametrize("slug", SLUGS)
def test_a_home_shows_every_component_and_every_signal_with_data(
    played: tuple[str, dict[str, Pack]], open_window: OpenWindow, slug: str
) -> None:
    address, packs = played
    pack, window = packs[slug], open_window()
    page = visit(window, f"{address}/platforms/{slug}?range=1h")
    assert page.locator("#health-components [data-component]").count() == len(pack.components)
    assert page.locator("[data-tile]").count() == 6
    for part in pack.components:
        expect(page.locator(f'[data-component="{part.id}"] h2')).to_contain_text(part.title)
        own = [signal for signal in pack.signals if signal.component == part.id]
        if not own:
            continue
        page.locator("#health-signals .chip", has_text=part.title).first.click()
        expect(page.locator("#health-signals .chip[aria-current]")).to_have_text(part.title, timeout=WAIT_MS)
        expect(page.locator("#health-signals .js-plotly-plot .xaxislayer-above")).to_have_count(len(own), timeout=WAIT_MS)
        cards = page.evaluate(READ_CARDS)
        assert [card["title"] for card in cards] == [signal.title for signal in own]
        assert [card["title"] for card in cards if not card["drawn"] or card["value"] == "–"] == [], (
            f"{part.id}: charts without data"
        )
    sound(window)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_home_fits_a_phone_in_the_dark_and_shows_every_target(
    played: tuple[str, dict[str, Pack]], open_window: OpenWindow, slug: str
) -> None:
    address, packs = played
    pack, window = packs[slug], open_window(390, 844, dark=True)
    page = visit(window, f"{address}/platforms/{slug}?range=1h")
    assert page.locator("#health-components [data-component]").count() == len(pack.components)
    sound(window)
    page = visit(window, f"{address}/platforms/{slug}/limits")
    shown: list[str] = []
    onward = page.locator("#platform-targets .table-pager").get_by_role("button", name="Next")
    while True:
        shown += page.locator("#platform-targets [data-target]").evaluate_all("each => each.map(one => one.dataset.target)")
        if not onward.count() or onward.is_disabled():
            break
        onward.click()
    assert sorted(shown) == sorted([spec.id for spec in pack.limits] + [target.id for target in pack.targets])
    assert page.locator("#platform-limits .limit-row").count() == len(pack.limits) + 1
    sound(window)
