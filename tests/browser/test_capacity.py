"""Capacity and Reports in Chromium: every tab fits a phone in both themes, a limit opens large, the search searches, and the forms of recipients work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from dashboards.api.program import install_errors
from dashboards.api.recipients import make_recipient_api
from dashboards.api.report_archive import make_report_archive_api
from tests.browser.serving import serving
from tests.dashboards.forecast_world import World, forecast_world
from tests.fixtures.browser import OpenWindow
from warehouse.state.recipients import Recipients

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
TABS = {
    "/capacity": "#room-list .room-row:not(.head)",
    "/capacity?fan=tabletop.api_share": ".room-large .js-plotly-plot",
    "/capacity/forecasts": "[data-block=forecasts]",
    "/capacity/forecasts?target=scribe%2Fusage%3Acost": ".forecast-open .js-plotly-plot",
    "/capacity/track-record": "#record-charts .js-plotly-plot",
    "/reports": "[data-block=archive]",
    "/reports?report=weekly%2F2026-11-09T08%2FEurope%2FBerlin&as=text": ".mail-text",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = forecast_world(Path(tmp_path_factory.mktemp("capacity")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[str]:
    parts = world.parts
    with serving(parts, make_recipient_api(parts), make_report_archive_api(parts), prepare=install_errors) as address:
        yield address


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_tab_fills_and_fits(site: str, open_window: OpenWindow, width: int, dark: bool) -> None:
    window = open_window(width, 900, dark=dark)
    page = window.page
    for path, selector in TABS.items():
        page.goto(f"{site}{path}", timeout=WAIT_MS)
        expect(page.locator(selector).first).to_be_visible(timeout=WAIT_MS)
        expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)
        assert fits(page), f"{path} scrolls sideways"
        assert page.locator(".state-block.failed").count() == 0, path
    assert window.errors == []


def test_a_limit_opens_large_by_its_row_and_its_picture_and_closes(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/capacity?platform=arena", timeout=WAIT_MS)
    row = page.locator("[data-limit='arena.worlds_us']")
    row.locator(".r-chance").click(timeout=WAIT_MS)
    large = page.locator(".room-large")
    expect(large).to_contain_text("94\u202f% chance of exceeding 5,010 worlds", timeout=WAIT_MS)
    assert "fan=arena.worlds_us" in page.url
    assert "platform=arena" in page.url
    large.get_by_role("link", name="Close").click()
    expect(large).to_have_count(0)
    page.locator(".room-fans").get_by_role("link", name="Worlds, us-west-2").click()
    expect(large).to_be_visible(timeout=WAIT_MS)
    assert window.errors == []


def test_the_search_keeps_its_words_in_the_address_and_the_field(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/capacity", timeout=WAIT_MS)
    page.goto(f"{site}/capacity/forecasts", timeout=WAIT_MS)
    field = page.get_by_label("Search what is forecast")
    field.fill("worlds", timeout=WAIT_MS)
    expect(page.locator("[data-block=forecasts] tbody tr")).to_have_count(1, timeout=WAIT_MS)
    page.wait_for_url("**/capacity/forecasts?q=worlds")
    expect(field).to_have_value("worlds")
    page.locator("[data-block=forecasts] .row-link").click()
    expect(page.locator(".forecast-open")).to_be_visible(timeout=WAIT_MS)
    expect(field).to_have_value("worlds")
    # Back leads past what was typed, not through its letters.
    page.go_back()
    page.wait_for_url("**/capacity/forecasts?q=worlds")
    page.go_back()
    page.wait_for_url("**/capacity")
    assert window.errors == []


def test_a_recipient_is_added_refused_and_ended(site: str, world: World, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/reports?tz=Europe%2FBerlin", timeout=WAIT_MS)
    page.get_by_role("button", name="Add a recipient").click(timeout=WAIT_MS)
    form = page.locator("dialog.report-form")
    expect(form.get_by_label("By the clocks of")).to_have_value("Europe/Berlin")
    form.get_by_label("Address").fill("not an address")
    form.get_by_role("button", name="Add").click()
    expect(form.locator(".says.bad")).to_contain_text("is not an e-mail address")
    form.get_by_label("Address").fill("cfo@example.org")
    form.locator("[name=weekday]").select_option("thu")
    form.locator("[name=hour]").select_option("7")
    form.get_by_label("arena").check()
    form.get_by_role("button", name="Add").click()
    expect(form).to_have_count(0)
    table = page.locator("[data-block=recipients]")
    row = table.get_by_role("row", name="cfo@example.org")
    expect(row).to_contain_text("Thursdays 07:00, Europe/Berlin", timeout=WAIT_MS)
    expect(row).to_contain_text("arena")
    page.once("dialog", _accept)
    row.get_by_role("button", name="End").click()
    expect(table).not_to_contain_text("cfo@example.org", timeout=WAIT_MS)
    assert "cfo@example.org" not in [each.address for each in Recipients(world.state).live()]
    assert [each for each in window.errors if "422 (Unprocessable" not in each] == []


def test_a_report_is_sent_now_and_shown_as_mailed(site: str, world: World, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/reports", timeout=WAIT_MS)
    page.get_by_role("button", name="Send now").click(timeout=WAIT_MS)
    form = page.locator("dialog.report-form")
    form.get_by_label("To: an address a line").fill("cfo@example.org")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    expect(page.locator("#toast")).to_contain_text("1 copy sent")
    assert world.mailer.sent[-1][0] == ["cfo@example.org"]
    page.locator("[data-block=archive]").get_by_role("link", name="Sent by hand").first.click(timeout=WAIT_MS)
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_role("heading", name="2 decisions")).to_be_visible(timeout=WAIT_MS)
    assert page.title() != "ran", "a script of the report must not run"
    assert frame.get_by_alt_text("Month against budget").evaluate("image => image.naturalWidth") == 1
    assert frame.get_by_alt_text("far").evaluate("image => image.naturalWidth") == 0, "nothing is loaded from elsewhere"
    page.get_by_role("link", name="Text part").click()
    expect(page.locator(".mail-text")).to_contain_text("Order 1 deployment", timeout=WAIT_MS)
    # The browser says what the frame's policy stopped; nothing else may go wrong.
    assert [each for each in window.errors if "Content Security Policy" not in each and "sandboxed" not in each] == []


def test_both_pages_stand_behind_more_on_a_phone(site: str, open_window: OpenWindow) -> None:
    page = open_window(390, 844).page
    page.goto(f"{site}/capacity", timeout=WAIT_MS)
    page.locator(".bottom").get_by_text("More").click(timeout=WAIT_MS)
    page.locator(".bottom").get_by_role("link", name="Reports").click()
    expect(page.locator("#reports-top h1")).to_be_visible(timeout=WAIT_MS)


def _accept(ask: Dialog) -> None:
    assert "cfo@example.org" in ask.message
    ask.accept()
