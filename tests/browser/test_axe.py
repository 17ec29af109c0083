"""Every page and what opens on it, looked at by axe-core: both themes, on a desk and on a phone; no error on the console, nothing asked of another machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from dashboards import reads
from dashboards.runbook_pages import runbook_href
from roomleft.errors import StoreError
from tests.browser.working import Working, working
from tests.fixtures.browser import Window
from warehouse.state import Role

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
SERIOUS = ("serious", "critical")
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PAGES = (
    "/", "/?limit=arena.worlds", "/platforms", "/platforms/tabletop", "/platforms/tabletop/live", "/platforms/tabletop/limits",
    "/platforms/tabletop/deploys?range=7d", "/on-call", "/on-call/silences", "/on-call/deliveries", "/on-call/outbox", "/slos", "/cost?range=7d",
    "/cost/economics", "/cost/economics?platform=tabletop", "/cost/rows?range=1d&platform=tabletop", "/cost/allocation", "/budgets", "/capacity",
    "/capacity/forecasts", "/capacity/track-record", "/reports", "/sources", "/prices", "/people", "/audit", "/account", "/glossary", "/nowhere",
)  # fmt: skip
MENUS = ("range", "platform", "refresh", "share", "gear", "account")
LOOK = """async (rules) => {
  const options = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await window.axe.run(document, { ...options, resultTypes: ["violations"] });
  return JSON.stringify(found.violations.map(each => ({ id: each.id, impact: each.impact, nodes: each.nodes.map(node => [node.target.join(" "), node.failureSummary]) })));
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    with working(tmp_path_factory.mktemp("axe")) as made:
        yield made


class Looked:
    """A window of an administrator. `found` holds what axe said, as (impact, where, rule, element); `away` the requests that left the machine."""

    def __init__(self, browser: Browser, world: Working) -> None:
        self.context = browser.new_context(viewport=DESK, color_scheme="light", reduced_motion="reduce")
        self.window, self.world = Window(self.context.new_page()), world
        self.page: Page = self.window.page
        self.found: list[tuple[str, str, str, str]] = []
        self.away: list[str] = []
        self.sideways: list[str] = []
        self.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob", "about") and where.hostname != "127.0.0.1":
            self.away.append(request.url)

    def go(self, path: str) -> None:
        self.page.goto(self.world.address + path, timeout=WAIT_MS)
        settled(self.page)

    def look(self, where: str, *, phone: bool = True) -> None:
        """All rules in the light on a desk and on a phone; in the dark what depends on colours."""
        for size in (DESK, PHONE) if phone else (DESK,):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            for dark in (False, True):
                self._wear("dark" if dark else "light")
                self._run(
                    f"{where} {size['width']}{' dark' if dark else ''}", ["color-contrast", "link-in-text-block"] if dark else []
                )
            if size is PHONE and not self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                self.sideways.append(where)
        self.page.set_viewport_size(DESK)  # type: ignore[arg-type]
        self._wear("light")

    def _wear(self, theme: Literal["light", "dark"]) -> None:
        self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        self.page.evaluate(
            "theme => { if (document.documentElement.dataset.theme) document.documentElement.dataset.theme = theme; }", theme
        )

    def _run(self, where: str, rules: list[str]) -> None:
        if not self.page.evaluate("!!window.axe"):
            self.page.evaluate(AXE)
        for each in json.loads(self.page.evaluate(LOOK, rules)):
            self.found += [(each["impact"] or "", where, each["id"], f"{target}: {why}") for target, why in each["nodes"]]

    def close(self) -> None:
        self.context.close()

    def is_well(self) -> None:
        """Fails with what was found since the last time."""
        found, sideways, away, errors = self.found, self.sideways, self.away, list(self.window.errors)
        self.found, self.sideways, self.away = [], [], []
        self.window.errors.clear()
        for impact, rule in sorted({(impact, rule) for impact, _, rule, _ in found if impact not in SERIOUS}):
            print(f"\naxe, {impact}: {rule}: {sorted({where for _, where, each, _ in found if each == rule})}")
        assert sorted({(where, rule, element) for impact, where, rule, element in found if impact in SERIOUS}) == []
        assert sideways == []
        assert away == []
        assert [each for each in errors if "404 (Not Found)" not in each] == []


def settled(page: Page) -> None:
    """Nothing is loading any more."""
    expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)


@pytest.fixture(scope="module")
def admin(chromium: Browser, world: Working) -> Iterator[Looked]:
    looked = Looked(chromium, world)
    looked.go("/sign-in")
    looked.look("sign-in")
    world.enter(looked.page, Role.ADMIN, "/")
    yield looked
    looked.close()


def test_every_page(admin: Looked) -> None:
    for path in PAGES:
        admin.go(path)
        admin.look(path)
    admin.is_well()


def test_plain_pages(admin: Looked, world: Working) -> None:
    [fires] = [each for each in world.app.parts.alerts() if each.episode == world.episode]
    rule = world.app.parts.rules[fires.rule_id]
    for path in (f"/alerts/{world.episode}", runbook_href(rule.runbook), "/status/tabletop"):
        admin.go(path)
        admin.look(path)
    admin.is_well()


def test_menus_sheets_and_forms(admin: Looked, world: Working) -> None:
    admin.go("/cost?range=7d")
    page = admin.page
    for name in MENUS:
        page.locator(f"[data-menu={name}] summary").first.click()
        admin.look(f"menu {name}", phone=False)
        page.keyboard.press("Escape")
    opens: dict[str, Callable[[], Any]] = {
        "chart menu": lambda: page.locator("[data-chart-menu=cost-chart]").click(),
        "help": lambda: page.keyboard.press("?"),
        "search": lambda: page.keyboard.press("/"),
    }
    for where, act in opens.items():
        act()
        admin.look(where)
        page.keyboard.press("Escape")
    admin.go("/on-call")
    row = page.locator(f"[data-episode='{world.episode}']")
    for button in ("Ack", "Silence"):
        row.get_by_role("button", name=button).click()
        expect(page.locator("dialog.oncall-form")).to_be_visible()
        admin.look(f"form {button}")
        page.keyboard.press("Escape")
    admin.is_well()


def test_figures_that_stand_still_can_be_read(admin: Looked) -> None:
    """A page that hears nothing from the server is paler, not too pale."""
    admin.go("/")
    admin.page.evaluate("document.body.classList.add('stale'); document.body.classList.toggle = () => {}")
    admin.look("a stale page")
    admin.is_well()


def test_an_error_block(admin: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise StoreError("the query took longer than 10 s and was stopped", "the warehouse", "choose a shorter range")

    monkeypatch.setattr(reads, "limits", fail)
    admin.page.goto(admin.world.address + "/?state=tight", timeout=WAIT_MS)
    expect(admin.page.locator(".state-block.failed").first).to_be_visible(timeout=WAIT_MS)
    admin.look("an error block")
    admin.is_well()


REACHED = """() => {
  const shown = each => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length && !each.closest("[inert],[aria-hidden=true]");
  const all = [...document.querySelectorAll("a[href],button,input,select,textarea,summary,[tabindex='0']")];
  window.tabbed = all.filter(each => shown(each) && !each.disabled && each.tabIndex >= 0 && each.type !== "hidden");
  return window.tabbed.length;
}"""
AT = """() => {
  const at = document.activeElement, style = getComputedStyle(at), place = window.tabbed.indexOf(at);
  const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  return [place, seen, (at.outerHTML || "").slice(0, 120)];
}"""


@pytest.mark.parametrize("path", ["/", "/cost?range=7d", "/on-call"])
def test_tab_reaches_everything_and_shows_where_it_is(admin: Looked, path: str) -> None:
    admin.go(path)
    page = admin.page
    page.keyboard.press("Space")  # figures that are fetched anew would be other elements
    page.evaluate("document.activeElement.blur()")
    count = page.evaluate(REACHED)
    assert count > 20
    reached, unseen = set(), []
    for _ in range(count + 10):
        page.keyboard.press("Tab")
        place, seen, html = page.evaluate(AT)
        reached.add(place)
        if place >= 0 and not seen:
            unseen.append(html)
    missed = page.evaluate(
        "(got) => window.tabbed.filter((each, n) => !got.includes(n)).map(each => each.outerHTML.slice(0, 160))", list(reached)
    )
    page.keyboard.press("Space")
    assert missed == []
    assert unseen == []
