"""The keyboard, the help sheet, the search, the words on hover and the wall screen, in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboards import glossary
from tests.browser.bare import HERE, bare, hear
from tests.browser.serving import serving
from tests.browser.test_pages import WAIT_MS, visit
from tests.dashboards.sample_rows import sample_parts
from tests.fixtures.browser import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.peers]
HOSTILE = "<img src=x onerror=window.ran=1>"
HEADINGS = "#page th, #page [role=columnheader], #page [class*='-row'].head > div, .fact-label, dl.facts-list > dt, dl.slo-facts > dt, dl.letter-facts > dt"
WORDED = (
    "/",
    "/?limit=arena.worlds_us",
    "/budgets",
    "/capacity",
    "/capacity/forecasts",
    "/cost?range=7d",
    "/cost/rows?range=7d",
    "/cost/economics",
    "/cost/allocation",
    "/platforms/scribe",
    "/platforms/scribe/limits",
    "/platforms/scribe/deploys?range=7d",
    "/sources",
    "/prices",
)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The pages with the route of the search."""
    parts = sample_parts()
    with serving(parts) as address:
        yield address
    parts.store.close()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


def test_g_and_a_letter_goes_to_a_page_and_keeps_the_filters(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/?platform=scribe", ".limit-row.ok")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/platforms?platform=scribe", timeout=WAIT_MS)
    expect(page.locator(".platform-card").first).to_be_visible(timeout=WAIT_MS)


@pytest.mark.parametrize("pressed", ["Control+g", "Alt+g"])
def test_keys_rest_with_modifiers_in_menus_and_while_typing(site: str, open_window: OpenWindow, pressed: str) -> None:
    page = visit(open_window(), f"{site}/glossary", ".glossary")
    page.keyboard.press(pressed)
    page.keyboard.press("b")
    page.keyboard.press("?")
    expect(page.locator("#help-sheet[open]")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.locator("#search-sheet[open]")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("g?jb")
    expect(page.locator(".search-input")).to_have_value("g?jb")
    expect(page.locator("#help-sheet[open]")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("[data-menu=range] summary").click()
    page.keyboard.press("?")
    expect(page.locator("#help-sheet[open]")).to_have_count(0)
    assert page.url.endswith("/glossary")


def test_help_holds_the_focus_and_gives_it_back(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/glossary", ".glossary")
    button = page.get_by_role("button", name="Keys and help")
    button.click()
    sheet = page.get_by_role("dialog", name="Keys and help")
    for said in ("Search", "Choose the time", "Next row or card", "Overview", "Reports"):
        expect(sheet).to_contain_text(said)
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('help-sheet').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_rows_by_keyboard_stand_over_a_refresh_and_open(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    for key in "jjjjk":
        page.keyboard.press(key)
    assert "Worlds, us-west-2" in focused(page)
    page.evaluate(
        "(() => { const block = document.querySelector('[data-html]'); block.setAttribute('data-html', block.getAttribute('data-html') + ' '); })()"
    )
    page.wait_for_function("document.activeElement.classList.contains('limit-row')", timeout=WAIT_MS)
    assert "Worlds, us-west-2" in focused(page)
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_contain_text("at most 5,010 worlds", timeout=WAIT_MS)


def test_t_opens_the_time_and_r_asks_again(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/cost?range=7d", ".js-plotly-plot")
    page.keyboard.press("t")
    expect(page.locator("[data-menu=range]")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    with page.expect_request("**/_dash-update-component*"):
        page.keyboard.press("r")


def test_search_finds_places_and_things_by_arrow_and_enter(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/cost?range=7d", ".js-plotly-plot")
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()
    page.keyboard.type("wrolds")
    expect(page.get_by_role("option", name="Worlds, us-west-2")).to_have_attribute("aria-selected", "true", timeout=WAIT_MS)
    assert box.get_attribute("aria-activedescendant") == page.locator("[role=option][aria-selected=true]").get_attribute("id")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".drawer")).to_contain_text("at most 5,010 worlds", timeout=WAIT_MS)
    assert "range=7d" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("zzzzqq")
    expect(page.locator(".search-hint")).to_contain_text("Nothing is called that", timeout=WAIT_MS)
    assert window.errors == []


def test_names_in_the_search_are_words_and_nothing_else(site: str, open_window: OpenWindow) -> None:
    page = open_window().page
    told = {
        "q": "",
        "found": [
            {"group": "Models", "name": name, "href": "/cost", "note": HOSTILE} for name in (HOSTILE, "שלום ‮abc", "🙂" * 300)
        ],
    }
    page.route("**/api/v1/search*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(told)))
    page.goto(f"{site}/glossary", timeout=WAIT_MS)
    page.locator(".glossary").first.wait_for(timeout=WAIT_MS)
    page.keyboard.press("/")
    expect(page.locator(".search-option", has_text=HOSTILE).first).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("window.ran") is None
    assert page.evaluate(
        "document.querySelector('.search-list').scrollWidth <= document.querySelector('.search-list').clientWidth"
    )


def test_a_word_says_what_it_means_on_hover_on_focus_and_on_tap(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), site, ".limit-row.ok")
    heading = page.locator("[role=columnheader]", has_text="Owner")
    expect(heading).to_have_attribute("data-gloss", "Owner", timeout=WAIT_MS)
    heading.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Who answers for the limit", timeout=WAIT_MS)
    page.mouse.move(5, 600)
    expect(page.get_by_role("tooltip")).to_be_hidden(timeout=WAIT_MS)
    heading.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("Who answers for the limit")
    assert heading.get_attribute("aria-describedby") == "gloss"
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()
    phone = visit(open_window(390, 844, has_touch=True, is_mobile=True), site, ".limit-row.ok")
    fact = phone.locator(".fact-label", has_text="Sources and jobs")
    expect(fact).to_have_attribute("data-gloss", "Sources and jobs", timeout=WAIT_MS)
    fact.tap()
    expect(phone.get_by_role("tooltip")).to_contain_text("Whether everything")


@pytest.mark.parametrize("path", WORDED)
def test_every_heading_and_fact_is_plain_or_explained(site: str, open_window: OpenWindow, path: str) -> None:
    page = open_window().page
    page.goto(site + path, timeout=WAIT_MS)
    page.locator("#page > *").first.wait_for(timeout=WAIT_MS)
    expect(page.locator("#page .skeleton")).to_have_count(0, timeout=WAIT_MS)
    told = page.evaluate(
        f"[...document.querySelectorAll({HEADINGS!r})].filter(e => !e.closest('tbody')).map(e => e.textContent.trim())"
    )
    assert [words for words in told if words and not glossary.meaning(words) and not glossary.is_plain(words)] == []


def test_a_wall_screen_has_no_controls_goes_round_and_says_when_it_is_stale(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(1920, 1080), f"{site}/?kiosk=5&pages=/,/platforms", ".limit-row.ok")
    expect(page.locator(".kiosk-bar time")).to_contain_text("UTC", timeout=WAIT_MS)
    expect(page.locator(".kiosk-age")).to_contain_text("Data")
    for hidden in (".header", ".nav"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.wait_for_url("**/platforms?kiosk=5*", timeout=WAIT_MS)
    expect(page.locator(".platform-card").first).to_be_visible(timeout=WAIT_MS)
    page.route("**/_dash-update-component*", lambda route: route.abort())
    expect(page.locator(".kiosk-lost")).to_contain_text("No answer for", timeout=WAIT_MS * 2)
    assert page.evaluate("document.body.classList.contains('kiosk-stale')")
    page.unroute("**/_dash-update-component*")
    expect(page.locator(".kiosk-lost")).to_be_empty(timeout=WAIT_MS * 2)
    page.keyboard.press("Escape")
    expect(page.locator(".header").first).to_be_visible()
    assert "kiosk" not in page.url


FIVE = 1795323600
"""2026-11-22T05:00Z."""
WALL = ("kiosk.js", "roomleft.js", "time.js")


def wall(window: Window, *, every_s: int = 5, over: bool = False, path: str = "/?kiosk=1", before: str = "") -> Page:
    """A bare wall screen of that interval at a clock that stands; just answered."""
    window.page.clock.install(time=FIVE)
    kept = f"localStorage.setItem('roomleft-refresh', '{every_s}');"
    page = bare(window.page, path, '<div id="page"></div>', *WALL, before=kept + before)
    if over:
        page.evaluate("document.getElementById('live').dataset.over = '1'")
    page.clock.run_for(1_500)
    hear(page, FIVE)
    return page


SILENCES = {
    "the usual interval: said, and it begins anew": ({}, 14, 20, True),
    "each minute": ({"every_s": 60}, 65, 75, True),
    "each five minutes": ({"every_s": 300}, 305, 315, True),
    "a past range, asked for each minute": ({"over": True}, 65, 75, True),
    "only when asked: never": ({"every_s": 0}, 600, 900, False),
}


@pytest.mark.parametrize(("how", "calm_s", "late_s", "said"), SILENCES.values(), ids=SILENCES)
def test_a_wall_screen_waits_as_long_as_it_was_told(
    open_window: OpenWindow, how: dict[str, Any], calm_s: int, late_s: int, said: bool
) -> None:
    window = open_window()
    page = wall(window, **how)
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    page.clock.run_for(calm_s * 1000)
    expect(page.locator(".kiosk-lost")).to_be_empty()
    page.clock.run_for((late_s - calm_s) * 1000)
    expect(page.locator(".kiosk-lost")).to_contain_text("No answer for" if said else "")
    assert page.evaluate("document.body.classList.contains('kiosk-stale')") is said
    hear(page, FIVE + late_s)
    page.clock.run_for(1_500)
    expect(page.locator(".kiosk-lost")).to_be_empty()
    assert loads == [], "an answer that is a little late is no outage"


def test_a_pause_that_is_over_is_no_outage(open_window: OpenWindow) -> None:
    page = wall(open_window())
    page.evaluate("window.refresh.pause(true)")
    page.clock.run_for(1_200_000)
    page.evaluate("window.refresh.pause(false)")
    page.clock.run_for(8_000)
    expect(page.locator(".kiosk-lost")).to_be_empty()
    assert page.evaluate("document.body.classList.contains('stale')") is False


LOCKS = """window.held = 0;
Object.defineProperty(navigator, "wakeLock", { value: { request: () => { window.held += 1; const lock = { released: false, release() { window.held -= 1; lock.released = true; return Promise.resolve(); } }; return Promise.resolve(lock); } } });"""


def test_a_wall_screen_keeps_what_it_was_asked_for_and_lets_the_screen_sleep_when_left(open_window: OpenWindow) -> None:
    path = "/?kiosk=5&platform=shop&range=7d&tz=Europe%2FBerlin&pages=/,%2Fcost%3Frange%3D1h"
    page = wall(open_window(), path=path, before=LOCKS)
    assert page.evaluate("window.held") == 1
    page.clock.run_for(5_000)
    assert page.url.startswith(f"{HERE}/cost?range=1h&kiosk=5&tz=Europe%2FBerlin&platform=shop&pages="), (
        "a page's own range is its own"
    )
    page.clock.run_for(5_000)
    assert page.url.startswith(f"{HERE}/?kiosk=5&tz=Europe%2FBerlin&range=7d&platform=shop&pages=")
    page.keyboard.press("Escape")
    assert page.evaluate("Promise.resolve().then(() => window.held)") == 0


def test_space_pauses_where_a_new_page_put_the_focus(open_window: OpenWindow) -> None:
    page = bare(
        open_window().page, "/budgets", '<div id="page"><h1 tabindex="-1">Budgets</h1></div>', "keys.js", "roomleft.js", "time.js"
    )
    page.locator("h1").focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.body.classList.contains('paused')")


def test_escape_closes_the_sheet_and_not_the_drawer_below(open_window: OpenWindow) -> None:
    sheet = '<div id="page"></div><dialog id="help-sheet" class="sheet" data-going="{}"><button>Close</button></dialog>'
    page = bare(open_window().page, "/?limit=a.b", sheet, "keys.js", "roomleft.js", "time.js")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.url == f"{HERE}/?limit=a.b"
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{HERE}/")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_field_that_never_fills_hides_the_rest_for_three_seconds_only(open_window: OpenWindow, motion: str) -> None:
    fields = '<div id="page"><div><div class="skeleton" style="height:30px"></div></div><div id="below">figures</div></div>'
    page = bare(open_window(reduced_motion=motion).page, "/", fields, "a-tokens.css", "c-first.css")
    expect(page.locator("#below")).to_be_visible(timeout=10_000)


def test_a_session_that_is_over_is_said_plainly(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(), f"{site}/?kiosk=1", ".limit-row.ok")
    page.route("**/_dash-update-component*", lambda route: route.fulfill(status=401, body="{}"))
    expect(page.get_by_role("alert")).to_contain_text("You are signed out", timeout=WAIT_MS)
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/sign-in?next=%2F%3Fkiosk%3D1")


def test_less_motion_means_none(site: str, open_window: OpenWindow) -> None:
    page = visit(open_window(reduced_motion="reduce"), site, ".limit-row.ok")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => { const s = getComputedStyle(e); return s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0; }).length"
    )
    assert moving == 0
