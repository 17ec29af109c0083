"""Every page in Chromium: it fills, nothing errs, nothing sticks out, and the controls do what they say."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from dashboards.block import COUNTED_TICKS
from dashboards.shared import CALM
from tests.fixtures.browser import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.peers]
PAGES = {
    "/": ".limit-row.ok",
    "/?limit=arena.worlds_us": ".drawer .js-plotly-plot",
    "/cost?range=7d": ".js-plotly-plot",
    "/platforms": ".platform-card",
    "/platforms/scribe?component=database": ".js-plotly-plot",
    "/platforms/scribe/live": ".js-plotly-plot",
    "/platforms/scribe/limits": ".limit-row.ok",
    "/platforms/scribe/deploys?range=7d": ".plain-table",
}
WAIT_MS = 20_000


def visit(window: Window, address: str, selector: str) -> Page:
    """Go there and wait until the page's main content is drawn."""
    page = window.page
    page.goto(address, timeout=WAIT_MS)
    page.locator(selector).first.wait_for(timeout=WAIT_MS)
    expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)
    return page


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_fills_without_errors(site: str, open_window: OpenWindow, path: str, size: tuple[int, int]) -> None:
    window = open_window(*size, dark=size[0] < 500)
    page = visit(window, site + path, PAGES[path])
    assert window.errors == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.locator(".state-block.failed").count() == 0
    assert page.evaluate("document.fonts.check('13px Inter')")
    assert page.locator(".modebar").count() == 0


def test_twenty_one_limits_fit_one_screen(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    last = page.locator(".limit-row").last.bounding_box()
    assert page.locator(".limit-row").count() == 22
    assert last is not None
    assert last["y"] + last["height"] <= 900


def test_bars_draw_the_limit_at_four_fifths(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    bar, line = page.locator(".bar").first.bounding_box(), page.locator(".bar-limit").first.bounding_box()
    assert bar is not None
    assert line is not None
    assert (line["x"] + 1 - bar["x"]) / bar["width"] == pytest.approx(0.8, abs=0.01)
    assert line["height"] == 22


def test_a_chip_filters_and_stays_in_the_address(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    page.get_by_role("link", name="5 tight").click()
    expect(page.locator(".limit-row.ok")).to_have_count(0)
    expect(page.locator(".limit-row.tight")).to_have_count(5)
    assert page.url.endswith("?state=tight")
    page.reload()
    expect(page.locator(".limit-row.tight")).to_have_count(5, timeout=WAIT_MS)
    page.go_back()
    expect(page.locator(".limit-row.ok")).to_have_count(13)


def test_the_drawer_opens_by_keyboard_and_closes_with_escape(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    page.get_by_role("link", name="Worlds, us-west-2").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_contain_text("at most 5,010 worlds")
    assert "limit=arena.worlds_us" in page.url
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_have_count(0)
    assert "limit=" not in page.url


def test_navigation_keeps_range_and_platform(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/cost?range=7d&platform=scribe&by=model", ".js-plotly-plot")
    page.get_by_role("navigation", name="Pages").first.get_by_role("link", name="Overview").click()
    expect(page.locator(".limit-row.ok").first).to_be_visible(timeout=WAIT_MS)
    assert page.url.endswith("/?range=7d&platform=scribe")
    expect(page.locator(".nav-link[aria-current=page]").first).to_have_text("Overview")


def test_a_custom_range_of_days(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/cost", ".js-plotly-plot")
    page.locator("[data-menu=range] summary").click()
    page.locator("[data-date=from] input").fill("2026-11-01")
    page.locator("[data-date=to] input").fill("2026-11-14")
    page.locator("[data-act=dates]").click()
    expect(page.locator("[data-menu=range] summary")).to_contain_text("1 Nov–14 Nov 2026")
    assert "range=2026-11-01..2026-11-14" in page.url


def test_the_theme_is_the_systems_until_chosen_then_remembered(site: str, open_window: OpenWindow) -> None:
    window = open_window(dark=True)
    page = visit(window, f"{site}/cost?range=7d", ".js-plotly-plot")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    bar = page.locator(".js-plotly-plot .bars path").first
    expect(bar).to_have_attribute("style", re.compile(r"rgb\(0, 114, 178\)"), timeout=WAIT_MS)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert window.errors == []


def test_live_is_pushed_over_a_websocket(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.route(
        "**/_dash-update-component*",
        lambda route: route.abort() if '"live-body' in (route.request.post_data or "") else route.continue_(),
    )
    page.goto(f"{site}/platforms/scribe/live", timeout=WAIT_MS)
    expect(page.locator("#live-body")).to_contain_text("over the last", timeout=WAIT_MS)


def test_a_silent_server_shows_as_stale(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    page.route("**/_dash-update-component*", lambda route: route.abort())
    expect(page.locator("#live")).to_contain_text("reconnecting", timeout=WAIT_MS)
    assert page.locator(".limit-row.ok").count() == 13, "the numbers stay"


def test_ages_keep_counting(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    page.route("**/_dash-update-component*", lambda route: route.abort())
    age = page.locator(".limit-row.exhausted .age")
    before = age.inner_text()
    expect(age).not_to_have_text(before, timeout=10_000)


def test_a_slow_server_is_heard_out(site: str, open_window: OpenWindow) -> None:
    """Answers slower than the refresh must still reach the page: asking again would make Dash drop them."""
    page = open_window().page
    page.route("**/_dash-update-component*", lambda route: (page.wait_for_timeout(900), route.continue_()))
    page.goto(site, timeout=WAIT_MS)
    expect(page.locator(".verdict h1")).to_be_visible(timeout=WAIT_MS * 2)


@pytest.mark.parametrize("path", ["/", "/capacity", "/reports"])
def test_nothing_is_asked_before_the_page_is_laid_out(site: str, open_window: OpenWindow, path: str) -> None:
    window = open_window()
    window.page.add_init_script(
        "const clock = performance.now.bind(performance), every = setInterval; window.rounds = 0;"
        "performance.now = () => clock() + 60000;"
        "window.setInterval = (act, ms) => every(() => { window.rounds += 1; act(); }, ms);"
    )
    held: list[Route] = []
    window.page.route("**/_dash-layout", lambda route: held.append(route))
    window.page.goto(site + path, timeout=WAIT_MS)
    window.page.wait_for_function("window.rounds >= 2 && Boolean(window.dash_clientside.set_props)", timeout=WAIT_MS)
    window.page.wait_for_function(f"window.rounds >= {window.page.evaluate('window.rounds') + 2}", timeout=WAIT_MS)
    for route in held:
        route.continue_()
    window.page.locator("#live").wait_for(timeout=WAIT_MS)
    assert window.errors == []


def test_a_block_that_got_no_answer_is_asked_again(site: str, open_window: OpenWindow) -> None:
    """Blocks that are drawn in one round of six would otherwise stay grey for half a minute: so it is asked in such a round, whose answers are shared."""
    page = open_window().page
    asked: list[int | None] = []

    def lose_the_first(route: Route) -> None:
        body = route.request.post_data_json or {}
        # The questions of a tick come together in one request.
        questions = [each["body"] for each in body["asked"]] if "asked" in body else [body]
        mine = [each for each in questions if each.get("output") == "room-top.children"]
        asked.extend(next(each.get("value") for each in one["inputs"] if each["id"] == "tick") for one in mine)
        if mine and asked == [None]:
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", lose_the_first)
    page.goto(site + "/capacity", timeout=WAIT_MS)
    expect(page.locator("#room-top h1")).to_be_visible(timeout=WAIT_MS * 3)
    assert asked[0] is None
    assert asked[1] is not None
    assert (asked[1] % CALM, asked[1] < COUNTED_TICKS) == (0, True)
