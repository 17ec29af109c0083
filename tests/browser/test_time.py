"""Time in Chromium: zoom sets the range and goes back, refresh pauses, links share exactly what is on screen, focus follows the page."""

import re

import pytest
from playwright.sync_api import Page, expect

from dashboards.block import COUNTED_TICKS
from dashboards.shared import CALM
from tests.browser.bare import UNSAFE, bare, hear
from tests.fixtures.browser import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 30_000
DAYS = "/platforms/scribe/deploys?range=2026-11-18..2026-11-19"


def visit(page: Page, address: str, selector: str = ".js-plotly-plot") -> Page:
    """Go there and wait for the page's main content and the header's controls."""
    page.goto(address, timeout=WAIT_MS)
    page.locator(selector).first.wait_for(timeout=WAIT_MS)
    page.locator("details[data-menu=range]").wait_for(timeout=WAIT_MS)
    return page


def zoom(page: Page, since: str, until: str) -> None:
    """What a horizontal drag over a chart ends in."""
    chart = page.locator(".js-plotly-plot").first
    chart.hover(timeout=WAIT_MS)
    chart.evaluate(
        "(chart, ends) => window.Plotly.relayout(chart, {'xaxis.range[0]': ends[0], 'xaxis.range[1]': ends[1]})", [since, until]
    )


def test_a_zoom_is_the_pages_range_and_back_goes_one_step(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window.page, f"{site}/cost?range=7d&by=model&tz=Europe%2FBerlin")
    zoom(page, "2026-11-19 10:04:41.5", "2026-11-19 12:29:10")
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("19 Nov 2026, 10:04–12:30", timeout=WAIT_MS)
    assert "range=2026-11-19T10:04..2026-11-19T12:30" in page.url
    assert "by=model" in page.url
    assert "tz=Europe" in page.url
    expect(page.locator("#live")).to_contain_text("Past range")
    page.locator("[data-act=zoom-out]").click()
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("Last 7 d", timeout=WAIT_MS)
    page.go_forward()
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("10:04–12:30", timeout=WAIT_MS)
    page.go_back()
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("Last 7 d", timeout=WAIT_MS)
    assert window.errors == []


def test_zooming_out_of_a_link_shows_twice_as_much(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window().page, site + "/platforms/scribe/deploys?range=2026-11-18T10:00..2026-11-18T12:00", "#crumbs li")
    page.locator("[data-act=zoom-out]").click()
    expect(page).to_have_url(re.compile(r"range=2026-11-18T09:30..2026-11-18T12:30|range=2026-11-18T09:00..2026-11-18T13:00"))


def test_refresh_is_paused_and_resumed_and_its_interval_remembered(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window().page, site, ".limit-row.ok")
    expect(page.locator("#live")).to_contain_text("Live", timeout=WAIT_MS)
    page.locator("details.refresh summary").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live")).to_contain_text("Paused")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "_dash-update" in request.url else None)
    expect(page.locator("#live")).to_contain_text(re.compile(r"Paused\s*([7-9]|1\d)\s*s ago"), timeout=WAIT_MS)
    assert asked == [], "nothing is asked while it is paused"
    page.locator("details.refresh summary").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#live")).to_contain_text("Live")
    page.locator("details.refresh summary").click()
    page.get_by_role("button", name="every 30").click()
    page.reload()
    page.locator(".limit-row.ok").first.wait_for(timeout=WAIT_MS)
    page.locator("details.refresh summary").click()
    expect(page.get_by_role("button", name="every 30")).to_have_attribute("aria-pressed", "true")


def test_share_copies_exact_times_and_the_zone(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(permissions=["clipboard-read", "clipboard-write"]).page, f"{site}/cost?range=24h&by=model")
    page.locator("details.share summary").click()
    page.get_by_role("button", name="Copy link to these times").click()
    expect(page.locator("#toast")).to_contain_text("exactly these times")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"/cost\?range=\d{4}-\d\d-\d\dT\d\d:\d\d\.\.\d{4}-\d\d-\d\dT\d\d:\d\d&by=model&tz=UTC$", copied), copied
    page.locator("details.share summary").click()
    page.get_by_role("button", name="Copy link that stays up to date").click()
    expect(page.locator("#toast")).to_contain_text("moves on")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site}/cost?range=24h&by=model"


def test_a_range_to_the_minute_and_any_length(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window().page, site + DAYS, "#crumbs li")
    page.locator("[data-menu=range] summary").click()
    expect(page.locator("[data-date=from] input")).to_have_value("2026-11-18")
    page.locator("[data-time=from] input").fill("14:05")
    page.locator("[data-time=to] input").fill("15:35")
    page.locator("[data-act=dates]").click()
    expect(page).to_have_url(re.compile(r"range=2026-11-18T14:05\.\.2026-11-19T15:35|range=2026-11-18T14%3A05"))
    expect(page.locator("[data-menu=range] summary")).to_contain_text("18 Nov 14:05–19 Nov 2026 15:35")
    page.locator("[data-menu=range] summary").click()
    page.locator("[data-slot=last] input").fill("45")
    page.locator("[data-slot=last] select").select_option("m")
    page.locator("[data-act=last]").click()
    expect(page.locator("[data-menu=range] summary")).to_contain_text("Last 45 min")


def test_focus_follows_the_page_and_the_skip_link_works(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window().page, site, ".limit-row.ok")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.locator(".nav").get_by_role("link", name="Budgets").click()
    expect(page.locator("#page h1").first).to_be_focused(timeout=WAIT_MS)
    expect(page).to_have_title(re.compile("Budgets"), timeout=WAIT_MS)


def test_the_period_before_is_drawn_beside(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window().page, f"{site}/cost?range=7d&compare=previous")
    names = page.locator("#cost-chart .js-plotly-plot, #cost-chart.js-plotly-plot").first.evaluate(
        "chart => chart.data.map(each => each.name)"
    )
    assert "period before" in names
    page.locator(".compare-chip").click()
    expect(page.locator(".compare-chip")).to_have_count(0, timeout=WAIT_MS)
    assert "compare" not in page.url


def test_a_phone_reaches_everything_and_scrolls_over_charts(site: str, open_window: OpenWindow) -> None:
    window = open_window(390, 844, has_touch=True, is_mobile=True)
    page = visit(window.page, f"{site}/cost?range=2026-11-18T10:00..2026-11-19T12:00")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("details.more summary").click()
    page.locator("details.more").get_by_role("link", name="Capacity").click(timeout=WAIT_MS)
    expect(page).to_have_url(re.compile("/capacity"))
    visit(page, f"{site}/cost?range=7d")
    stopped = page.evaluate(
        """() => {
            const chart = document.querySelector('.js-plotly-plot .nsewdrag');
            let heard = false;
            chart.addEventListener('touchstart', () => { heard = true; });
            const touch = new Touch({ identifier: 1, target: chart, clientX: 200, clientY: 300 });
            chart.dispatchEvent(new TouchEvent('touchstart', { touches: [touch], bubbles: true, cancelable: true }));
            return !heard;
        }"""
    )
    assert stopped, "the chart never sees the finger, so the page scrolls"


# ---- The scripts by themselves.
FIVE = 1795323600
"""2026-11-22T05:00Z."""
OWN = ("roomleft.js", "time.js")
RANGE = """<details class="menu-holder range" data-menu="range" data-ranged="1" data-zone="UTC" data-moving="1" data-since="{since}" data-until="{until}"
data-length="{length}" data-end="{end}"><summary id="opener">Range</summary><div class="menu"><a data-nav="1" id="choice" href="/cost?range=7d">7 d</a></div></details>
<div id="page"></div><a href="#after" id="after">after</a><button data-act="share" id="share">Share</button>"""
COPIES = """window.copied = [];
if (navigator.clipboard) navigator.clipboard.writeText = text => { window.copied.push(text); return Promise.resolve(); };
document.addEventListener("copy", () => window.copied.push(document.activeElement.value));"""
LAST_HOUR = RANGE.format(since=FIVE - 3600, until=FIVE, length=3600, end="")
LINKS = {
    "of a pause: what was drawn, not the hour up to now": (LAST_HOUR, True, "2026-11-22T04:00..2026-11-22T05:00"),
    "of what moves: up to the last answer": (LAST_HOUR, False, "2026-11-22T05:00..2026-11-22T06:00"),
    "of times that ended meanwhile: not beyond their end": (
        RANGE.format(since=FIVE - 1800, until=FIVE, length="", end=FIVE + 1800), False, "2026-11-22T04:30..2026-11-22T05:30",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "paused", "asked"), LINKS.values(), ids=LINKS)
def test_a_link_has_the_times_that_are_drawn(open_window: OpenWindow, body: str, paused: bool, asked: str) -> None:
    page = open_window().page
    page.clock.install(time=FIVE)
    bare(page, "/cost?range=x", body, *OWN, before=COPIES)
    hear(page, FIVE)
    if paused:
        page.evaluate("window.refresh.pause(true)")
        page.clock.run_for(3_600_000)
    else:
        page.clock.run_for(3_600_000)
        hear(page, FIVE + 3600)
    page.evaluate("document.getElementById('share').click()")
    assert [re.findall("range=([^&]*)", each) for each in page.evaluate("window.copied")] == [[asked]]


def test_a_link_is_copied_where_the_browser_gives_no_clipboard(open_window: OpenWindow) -> None:
    page = bare(open_window().page, "/cost?range=1h", LAST_HOUR, *OWN, origin=UNSAFE, before=COPIES)
    assert page.evaluate("window.isSecureContext") is False
    page.locator("#share").click()
    expect(page.locator("#toast")).to_contain_text("exactly these times")
    assert re.search("range=.*&tz=UTC$", page.evaluate("window.copied")[0])
    expect(page.locator("#share")).to_be_focused()


def test_what_is_said_last_is_said_long_enough(open_window: OpenWindow) -> None:
    page = open_window().page
    page.clock.install(time=FIVE)
    bare(page, "/", LAST_HOUR, *OWN, "deeds.js")
    page.evaluate("window.pages.toast('first')")
    page.clock.run_for(2_000)
    page.evaluate("window.deeds.toast('It does not answer')")
    page.clock.run_for(5_000)
    expect(page.locator("#toast.shown")).to_have_text("It does not answer")
    page.clock.run_for(1_500)
    expect(page.locator("#toast.shown")).to_have_count(0)


def test_while_it_is_stale_only_the_seconds_change(open_window: OpenWindow) -> None:
    page = open_window().page
    page.clock.install(time=FIVE)
    bare(page, "/", LAST_HOUR, *OWN)
    hear(page, FIVE)
    page.evaluate(
        """() => {
            window.said = [];
            const word = document.querySelector(".live-word");
            new MutationObserver(() => window.said.push(word.textContent)).observe(word, { childList: true, characterData: true, subtree: true });
        }"""
    )
    page.clock.run_for(40_000)
    expect(page.locator(".live-age")).to_contain_text(re.compile(r"(39|40)\s*s"))
    assert page.evaluate("window.said") == ["Stale, reconnecting"], "a screen reader tells each change"


def test_the_server_hears_of_the_interval_that_is_remembered(open_window: OpenWindow) -> None:
    page = bare(open_window().page, "/platforms/x/live", LAST_HOUR, *OWN, before="localStorage.setItem('roomleft-refresh', '0');")
    page.wait_for_function("window.told.some(each => each[0] === 'refresh')")
    assert page.evaluate("window.told.filter(each => each[0] === 'refresh')") == [
        ["refresh", {"data": {"on": False, "every_s": 0}}]
    ]


MISSING = {
    "nothing else is asked for: after 5, 10, 20, 40 s, then each minute": (0, range(6, 9), range(6, 9)),
    "the rest of the page is asked for as ever, each sixth round for all of it": (5, range(55, 62), range(10, 16)),
}


@pytest.mark.parametrize(("every_s", "rounds", "whole"), MISSING.values(), ids=MISSING)
def test_a_field_that_never_fills_is_asked_for_ever_more_seldom(
    open_window: OpenWindow, every_s: int, rounds: range, whole: range
) -> None:
    page = open_window().page
    page.clock.install(time=FIVE)
    grey = LAST_HOUR.replace('<div id="page">', '<div id="page"><div class="skeleton"></div>')
    bare(page, "/", grey, *OWN, before=f"localStorage.setItem('roomleft-refresh', '{every_s}');")
    page.clock.run_for(300_000)
    ticks = [each[1]["data"] for each in page.evaluate("window.told") if each[0] == "tick"]
    assert len(ticks) in rounds
    assert len([each for each in ticks if each % CALM == 0]) in whole
    assert max(ticks) < COUNTED_TICKS, "answers are shared with others who ask"


def test_a_menu_gives_the_focus_back_and_closes_behind_it(open_window: OpenWindow) -> None:
    page = bare(open_window().page, "/cost?range=1h", LAST_HOUR, *OWN)
    page.locator("#opener").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#choice")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/cost?range=7d")
    expect(page.locator("#opener")).to_be_focused()
    page.evaluate("() => { const old = document.querySelector('[data-menu=range]'); old.replaceWith(old.cloneNode(true)); }")
    expect(page.locator("#opener")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#after")).to_be_focused()
    assert page.evaluate("document.querySelector('[data-menu=range]').open") is False
