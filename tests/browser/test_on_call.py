"""On call in Chromium: an alert is taken on and silenced, a silence is ended, every tab fits a phone in both themes, the alert's page is above the fold."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from alerts.acknowledgements import Acknowledgements
from alerts.silences import Silences
from dashboards.api.acknowledge import make_acknowledge_api
from dashboards.api.program import install_errors
from dashboards.api.silences import make_silence_api
from dashboards.on_call_routes import make_on_call
from tests.browser.bare import bare
from tests.browser.serving import serving
from tests.dashboards.alert_world import AlertWorld, alert_world
from tests.dashboards.sample_rows import NOW
from tests.fixtures.browser import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
TABS = {
    "/on-call": ".alert-row.firing",
    "/on-call/silences": "#on-call-body .state-block, #on-call-body .plain-table",
    "/on-call/deliveries": "#on-call-body .plain-table",
    "/on-call/outbox": ".letter",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertWorld]:
    made = alert_world(Path(tmp_path_factory.mktemp("on-call")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(world: AlertWorld) -> Iterator[str]:
    parts = world.parts
    with serving(
        parts, make_on_call(parts), make_silence_api(parts), make_acknowledge_api(parts), prepare=install_errors
    ) as address:
        yield address


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_tab_fills_and_fits(site: str, open_window: OpenWindow, width: int, dark: bool) -> None:
    window = open_window(width, 900, dark=dark)
    page = window.page
    page.goto(f"{site}/on-call", timeout=WAIT_MS)
    for path, selector in TABS.items():
        if path != "/on-call":
            page.get_by_role("navigation", name="Of on call").get_by_role(
                "link", name=path.rsplit("/", 1)[1].capitalize()
            ).click()
        expect(page.locator(selector).first).to_be_visible(timeout=WAIT_MS)
        expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)
        assert page.url.endswith(path)
        assert fits(page), f"{path} scrolls sideways"
        assert page.locator(".state-block.failed").count() == 0
    assert window.errors == []


@pytest.mark.parametrize("name", ["slow", "worlds", "model", "spend"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_alerts_page_says_it_all_above_the_fold_without_a_script(
    site: str, world: AlertWorld, open_window: OpenWindow, name: str, dark: bool
) -> None:
    alert = world.alerts[name]
    window = open_window(390, 844, dark=dark, java_script_enabled=False)
    page = window.page
    page.goto(
        f"{site}/alerts/{alert.episode}" if alert.episode else f"{site}/alerts/{alert.rule_id}/{alert.fingerprint}",
        timeout=WAIT_MS,
    )
    for each in ("h1", "dl", "#act .button"):
        box = page.locator(each).last.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844, each
    assert page.locator("main").bounding_box()["width"] <= 390  # type: ignore[index]
    assert window.errors == []


def test_an_alert_is_taken_on_and_silenced_on_its_own_page(site: str, world: AlertWorld, open_window: OpenWindow) -> None:
    """With plain forms: the browser runs no script."""
    window = open_window(390, 844, java_script_enabled=False)
    page = window.page
    page.goto(f"{site}/alerts/{world.alerts['worlds'].episode}", timeout=WAIT_MS)
    page.get_by_label("A word on it").fill("buying one more")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text("You have it")
    expect(page.locator("dl")).to_contain_text("somebody has it")
    [taken] = Acknowledgements(world.state).of(world.alerts["worlds"].episode)
    assert taken.note == "buying one more"
    page.get_by_role("button", name="Silence 1 h").click()
    expect(page.get_by_role("status")).to_contain_text("Silenced")
    assert any(each.holds(world.alerts["worlds"].labels, NOW) for each in Silences(world.state).all(NOW))
    assert window.errors == []


def test_an_alert_is_taken_on_and_silenced_on_the_list_and_the_silence_ended(
    site: str, world: AlertWorld, open_window: OpenWindow
) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/on-call", timeout=WAIT_MS)
    row = page.locator(f"[data-episode='{world.alerts['slow'].episode}']")
    row.get_by_role("button", name="Ack").click(timeout=WAIT_MS)
    form = page.locator("dialog.oncall-form")
    form.get_by_label("A word on it").fill("looking")
    form.get_by_role("button", name="Acknowledge").click()
    expect(form).to_have_count(0)
    expect(row).to_contain_text("looking")
    expect(row.get_by_role("button", name="Ack")).to_have_count(0)
    row.get_by_role("button", name="Silence").click()
    expect(form.get_by_label("What it matches")).to_have_value(re.compile('alertname="QueriesSlow"'))
    form.get_by_label("Why").fill("known")
    form.get_by_role("button", name="Silence").click()
    expect(form).to_have_count(0)
    expect(row).to_contain_text("silenced")
    page.get_by_role("link", name="Silences").click()
    body = page.locator("#on-call-body")
    table = body.locator(".plain-table", has_text="known").first
    expect(table).to_contain_text("Queries are slow", timeout=WAIT_MS)
    table.get_by_role("row", name="known").get_by_role("button", name="+1").click()
    expect(table).to_contain_text("in 2")
    page.once("dialog", _accept)
    table.get_by_role("row", name="known").get_by_role("button", name="End").click()
    expect(body).to_contain_text("ended")
    assert window.errors == []


def test_a_silence_that_cannot_be_says_so_in_the_form(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/on-call/silences", timeout=WAIT_MS)
    page.get_by_role("button", name="New silence").click(timeout=WAIT_MS)
    form = page.locator("dialog.oncall-form")
    form.get_by_label("What it matches").fill("severity")
    form.get_by_role("button", name="Silence").click()
    expect(form.locator(".says.bad")).not_to_be_empty()
    form.get_by_label("What it matches").fill('component="cache"')
    form.get_by_label("Sat").check()
    form.get_by_label("From").fill("22:00")
    form.get_by_label("To", exact=True).fill("06:00")
    form.get_by_label("In the zone").fill("Europe/Berlin")
    form.get_by_label("For").select_option("30d")
    form.get_by_role("button", name="Silence").click()
    expect(form).to_have_count(0)
    expect(page.locator("#on-call-body")).to_contain_text("Sat 22:00–06:00 Europe/Berlin")
    assert [each for each in window.errors if "422 (Unprocessable" not in each] == []


def test_more_opens_the_other_pages_on_a_phone(site: str, open_window: OpenWindow) -> None:
    page = open_window(390, 844).page
    page.goto(f"{site}/on-call", timeout=WAIT_MS)
    page.locator(".bottom").get_by_text("More").click(timeout=WAIT_MS)
    page.locator(".bottom").get_by_role("link", name="Budgets").click()
    expect(page.locator("#budgets-list")).to_be_visible(timeout=WAIT_MS)


def _accept(ask: Dialog) -> None:
    ask.accept()


def test_what_was_expected_is_sent_and_a_refusal_is_said_in_the_form(open_window: OpenWindow) -> None:
    page = open_window().page
    told = html.escape(json.dumps({"id": "a/1", "name": "More calls than usual"}))
    bare(page, "/", f'<div id="page"><button data-anomaly="{told}">Mark as expected</button></div>', "deeds.js", "f-unusual.js", "roomleft.js", "time.js")  # fmt: skip
    sent: list[Any] = []

    def answer(route: Route) -> None:
        sent.append((urlsplit(route.request.url).path, route.request.post_data_json))
        refused = {"error": {"what": "that lies too far ahead", "hint": "choose less"}}
        route.fulfill(status=400 if len(sent) == 1 else 200, json=refused if len(sent) == 1 else {})

    page.route("**/api/v1/**", answer)
    page.get_by_role("button", name="Mark as expected").click()
    form = page.get_by_role("dialog", name="Mark as expected")
    form.get_by_label("Note").fill(" a launch ")
    form.locator("[name=lasts]").select_option("7d")
    form.get_by_role("button", name="It was expected").click()
    expect(form.locator(".says.bad")).to_have_text("that lies too far ahead – choose less")
    form.get_by_role("button", name="It was expected").click()
    expect(page.locator("#toast")).to_have_text("Remembered as expected")
    expect(form).to_have_count(0)
    assert sent == [("/api/v1/anomalies/a%2F1/expected", {"kind": "launch", "note": "a launch", "for": "7d"})] * 2
