"""The form of a mapping rule in Chromium: it opens at every click, says what is wrong, shows what a rule would change, and what was decided shows at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from dashboards.api.allocation import make_allocation_api
from dashboards.api.program import install_errors
from roomleft.clock import FixedClock
from tests.analytics.test_allocated_cost import PACKS
from tests.browser.serving import serving
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.fixtures.browser import OpenWindow
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
MODELS = 40


@pytest.fixture
def told() -> list[str]:
    """What the parts were told to put in force."""
    return []


@pytest.fixture
def site(tmp_path: Path, told: list[str]) -> Iterator[str]:
    """A platform with many kinds of usage that say no team."""
    clock = FixedClock(NOW)
    with Store.open("duckdb:///:memory:", now=clock) as store:
        store_usage(
            store,
            [
                usage_event(
                    f"e-{n}",
                    NOW - timedelta(minutes=20 * (n + 1)),
                    platform="shop",
                    provider="openai",
                    model=f"m-{n}",
                    cost_usd="1",
                )
                for n in range(MODELS)
            ],
        )
        roll_up(store, NOW)
        state = StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", clock)
        parts = dataclasses.replace(
            sample_parts(filled=False), store=store, state=state, packs=PACKS, decided=lambda: told.append("decided")
        )
        with serving(parts, make_allocation_api(parts), prepare=install_errors) as address:
            yield address
        state.close()


def test_a_rule_is_opened_previewed_kept_and_withdrawn(site: str, told: list[str], open_window: OpenWindow) -> None:
    window = open_window()
    page = window.page
    page.goto(f"{site}/cost/allocation?range=7d", timeout=WAIT_MS)
    opens = page.locator("#allocation-open button[data-act=allocate]")
    expect(opens.first).to_be_visible(timeout=WAIT_MS)
    form = page.locator("dialog.rule-form")
    for button in (page.get_by_role("button", name="New rule"), opens.first, opens.nth(3)):
        button.click()
        expect(form).to_be_visible()
        page.keyboard.press("Escape")
        expect(form).to_have_count(0)
        expect(button).to_be_focused()
    page.get_by_role("button", name="New rule").click()
    _field(page, "Name of the rule").fill("all of it")
    form.get_by_role("button", name="Keep the rule").click()
    expect(form.locator(".says.bad")).to_contain_text("give a platform, or something to match")
    _field(page, "Value").fill("web")
    form.get_by_role("combobox").nth(1).select_option("shop")
    _field(page, "From (UTC)").fill("2026-01-01")
    form.get_by_role("button", name="Preview").click()
    expect(form.locator(".says")).to_contain_text(f"Without team: ${MODELS}.00 → $0.00")
    form.get_by_role("button", name="Keep the rule").click()
    expect(form).to_have_count(0)
    expect(page.locator("#allocation-rules")).to_contain_text("all of it")
    expect(page.locator("#allocation-open")).to_contain_text("All AI usage of this range has a team")
    assert told == ["decided"]
    page.once("dialog", _accept)
    page.locator("#allocation-rules").get_by_role("button", name="Withdraw").click()
    expect(page.locator("#allocation-rules")).to_contain_text("no mapping rules")
    expect(opens.first).to_be_visible()
    assert told == ["decided", "decided"]
    assert [each for each in window.errors if "422 (Unprocessable" not in each] == []


def _field(page: Page, words: str) -> Locator:
    return page.locator("dialog.rule-form").get_by_label(words, exact=True)


def _accept(ask: Dialog) -> None:
    assert "all of it" in ask.message
    ask.accept()
