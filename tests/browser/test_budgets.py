"""A budget in Chromium: opened from its address, edited with what its amount is for, kept, and shown at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboards.api.budgets import make_budget_api
from dashboards.api.program import install_errors
from tests.browser.serving import serving
from tests.dashboards.test_budget_meaning import EACH, PER
from tests.dashboards.test_budgets import World
from tests.fixtures.browser import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("shop")
    made = World(folder, EACH, PER)
    yield made
    made.parts.store.close()
    made.state.close()


def test_a_budget_opened_from_its_address_is_edited_and_kept(world: World, open_window: OpenWindow) -> None:
    with serving(world.parts, make_budget_api(world.parts), prepare=install_errors) as site:
        window = open_window()
        page = window.page
        page.goto(f"{site}/budgets?budget=shop.per", timeout=WAIT_MS)
        panel = page.locator(".budget-panel")
        expect(panel).to_contain_text("AI per call", timeout=WAIT_MS)
        expect(page.locator(".budget-table").first).to_contain_text("$2.00 × 20 calls = $40", timeout=WAIT_MS)
        form = page.locator("dialog.budget-form")
        panel.get_by_role("button", name="Edit").click()
        expect(form.get_by_label("Amount (dollars for each call)", exact=True)).to_have_value("2")
        form.get_by_label("Amount (dollars for each call)", exact=True).fill("3")
        form.get_by_role("button", name="Keep").click()
        expect(form).to_have_count(0)
        expect(page.locator("#toast")).to_contain_text("Kept: $3 × 20 calls = $60")
        expect(panel).to_contain_text("amount $3.00; for each call")
        assert world.packs["shop"].limit("per").amount_per == "calls"
        panel.get_by_role("button", name="Edit").click()
        form.get_by_label("Amount (dollars for each call)", exact=True).fill("6000")
        form.locator("select[name=amount_per]").select_option(label="dollars for the whole period")
        form.get_by_role("button", name="Keep").click()
        expect(form).to_have_count(0)
        expect(page.locator("#toast")).to_contain_text("Kept: $6,000")
        limit = world.packs["shop"].limit("per")
        assert (limit.amount, limit.amount_per) == (6000, None)
        # An amount is one word, however narrow its column.
        heights = page.locator(".b-used > span, .b-left > span").evaluate_all(
            "all => all.filter(one => one.isConnected && getComputedStyle(one).lineHeight)"
            ".map(one => one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight))"
        )
        assert heights
        assert max(heights) < 1.5
        assert window.errors == []
