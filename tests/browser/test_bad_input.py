"""What bad input gets: addresses nobody made, labels that are HTML, as long as a page or written from the right; nothing of it runs, and a session that ends."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page, expect

from alerts.book import Book
from alerts.silences import Draft, Silences
from jobs.measure import measure
from roomleft.app.building import App, build
from roomleft.clock import FixedClock
from roomleft.findings import AlertState
from roomleft.matchers import Matcher
from roomleft.settings import Settings
from tests.analytics.economics_world import PACK
from tests.browser.working import DAY, NOW, PASSWORD, Working, insert, listening
from tests.dashboards.alert_world import SLOW, alert, past
from tests.fixtures.browser import OpenWindow, Window
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import Role
from warehouse.state.open_sessions import OpenSessions
from warehouse.state.passwords import Passwords
from warehouse.state.recipients import Recipients
from warehouse.state.users import Users

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
HTML = """<img src=x onerror="window.ran=1"><script>window.ran=1</script>"><svg onload=window.ran=1> &lt;b&gt;"""
LABELS = (
    HTML,
    "x" * 500,
    "שלום עולם مرحبا",
    ("🦜🧑‍🚀 " * 40).strip(),
    "javascript:window.ran=1",
    "'; DROP TABLE ai_usage; --",
    "${{constructor}} %{x} \\n",
)
"""What somebody may call a model, a feature, a team, a user, a version."""
PLATFORM = "atelier"
PAGES = (
    "/", "/platforms", f"/platforms/{PLATFORM}", f"/platforms/{PLATFORM}/deploys?range=7d", f"/platforms/{PLATFORM}/limits", "/on-call",
    "/on-call/silences", "/on-call/deliveries", "/on-call/outbox", "/slos", "/cost?range=7d&by=model", "/cost?range=7d&by=feature", "/cost?range=7d&by=user",
    "/cost?range=7d&by=team&then=tier", "/cost/rows?range=7d", f"/cost/economics?platform={PLATFORM}", "/cost/allocation", "/budgets", "/capacity",
    "/capacity/forecasts", "/reports", "/sources", "/prices", "/people", "/audit", "/account",
)  # fmt: skip


def hostile(folder: Any) -> App:
    """A server whose every label is one of `LABELS`."""
    packs = folder / "packs"
    packs.mkdir()
    text = PACK.replace("ZONE", "UTC")
    for words in (
        "Atelier",
        "API",
        "Images",
        "Servers",
        "made up",
        "A made-up platform.",
        "Today",
        "As it is.",
        "All of it",
        "Paid",
        "Free",
    ):
        text = re.sub(
            rf"(title|summary|source): {re.escape(words)}(?=[,}}\n])",
            lambda hit: f"{hit[1]}: '{HTML.replace(chr(39), chr(39) * 2)}'",
            text,
        )
    (packs / f"{PLATFORM}.yaml").write_text(text)
    settings = Settings(
        data_dir=folder, warehouse_url=f"duckdb:///{folder / 'warehouse.duckdb'}", state_url=state_url(folder), packs_dir=packs, packs=(PLATFORM,),
        measure_every_s=3600.0,
    )  # fmt: skip
    app = build(settings, FixedClock(NOW))
    parts = app.parts
    parts.readiness._checks.clear()
    parts.writer.start()
    events = [
        {
            **usage_event(
                f"e{n}-{back}", NOW - timedelta(hours=6 * back, minutes=n), provider=label, model=label, feature=label, team=label, tier=label,
                request_type=label, project=label, user_id=label, component="api", output_tokens=10,
            ),
            "cost_usd": "0.5",
        }
        for n, label in enumerate(LABELS)
        for back in range(12)
    ]  # fmt: skip
    store_usage(parts.store, events, ingested_at=NOW)
    cursor = {
        "source": PLATFORM,
        "stream": "usage",
        "position": "end",
        "read_to": NOW,
        "newest_at": NOW,
        "oldest_at": NOW - 4 * DAY,
    }
    insert(app, "cursors", [{**cursor, "caught_up": True, "recorded_at": NOW}])
    deploys = [
        {"platform": PLATFORM, "deploy_id": f"d{n}", "deployed_at": NOW - timedelta(hours=3 + n), "component": label, "version": label, "title": label,
         "kind": "deploy", "ingested_at": NOW}
        for n, label in enumerate(LABELS)
    ]  # fmt: skip
    insert(app, "deploys", deploys)
    roll_up(parts.store, NOW, ["UTC"])
    measure(parts.store, parts.packs, NOW)
    fires = []
    for n, label in enumerate(LABELS):
        one = alert(SLOW, AlertState.FIRING, timedelta(minutes=10 + n), NOW, own={"replica": label})
        labels = {**one.labels, "platform": PLATFORM, "component": label, "owner": label}
        fires.append(dataclasses.replace(one, platform=PLATFORM, labels=labels, annotations={"summary": label}, reason=label))
    Book(parts.state).apply(fires, [event for each in fires for event in past(each)])
    matchers = (Matcher("replica", "=", HTML),)
    Silences(parts.state).add(Draft(matchers, NOW + DAY, note=HTML), who="<b>who</b>", now=NOW)
    Recipients(parts.state).add("x=onerror.window.ran=1@example.com", who=HTML)
    users, passwords = Users(parts.state), Passwords(parts.state)
    for role in Role:
        users.add(role.value, role, display_name=HTML[:60])
        passwords.set(role.value, PASSWORD)
    users.add("somebody.else", Role.VIEWER, display_name="שלום 🦜")
    return app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    app = hostile(tmp_path_factory.mktemp("bad"))
    with listening(app) as address:
        yield Working(app, address, app.parts.alerts()[0].episode)


def entered(world: Working, window: Window, role: Role, landing: str) -> Page:
    """Somebody signed in, whose dialogs would be noticed."""

    def shown(dialog: Dialog) -> None:
        window.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    window.page.on("dialog", shown)
    world.enter(window.page, role, landing)
    return window.page


def visit(world: Working, page: Page, path: str) -> None:
    page.goto(world.address + path, timeout=WAIT_MS)
    expect(page.locator(".skeleton")).to_have_count(0, timeout=WAIT_MS)


def nothing_ran(page: Page, path: str) -> None:
    assert page.evaluate("window.ran") is None, f"{path} ran a label"
    assert page.locator("img[src=x], svg[onload], [onerror]").count() == 0, path
    assert (
        page.evaluate("[...document.querySelectorAll('a[href]')].filter(each => each.protocol === 'javascript:').length") == 0
    ), path


@pytest.mark.parametrize("width", [1440, 390])
def test_no_label_runs_or_breaks_a_page(world: Working, open_window: OpenWindow, width: int) -> None:
    window = open_window(width, 844)
    page = entered(world, window, Role.ADMIN, "/")
    sideways = []
    for path in (*PAGES, f"/alerts/{world.episode}", f"/status/{PLATFORM}"):
        visit(world, page, path)
        nothing_ran(page, path)
        if page.locator(".state-block.failed").count():
            window.errors.append(f"{path}: {page.locator('.state-block.failed').first.inner_text()}")
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            sideways.append(path)
    assert sideways == []
    assert window.errors == []


def test_labels_stand_there_as_they_were_given(world: Working, open_window: OpenWindow) -> None:
    page = entered(world, open_window(), Role.ADMIN, "/")
    visit(world, page, "/cost?range=7d&by=feature")
    table = page.locator(".cost-table")
    for label in LABELS:
        expect(table.locator(f"td.label[title={css(label.strip())}]")).to_have_count(1, timeout=WAIT_MS)
    page.locator(".cost-table td.strong a").first.click()
    expect(page.locator(".asked")).to_be_visible(timeout=WAIT_MS)
    nothing_ran(page, page.url)
    page.keyboard.press("/")
    page.keyboard.type("img")
    expect(page.locator(".search-option").first).to_be_visible(timeout=WAIT_MS)
    nothing_ran(page, "the search")


def css(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/cost?range=forever", "range"),
        ("/cost?range=2026-11-20..2026-11-01", ""),
        ("/cost?range=2026-02-30..2026-03-01", "range"),
        ("/cost?range=9999999999d", "range"),
        ("/cost?range=2099-01-01..2099-02-01", "future"),
        ("/cost?range=7d&by=colour&nothing=1&model=no-such-model", "colour"),
        ("/cost/rows?range=7d&page=-1&row=~~~", "This address names no row"),
        ("/cost/rows?range=7d&page=99999999999999999999", ""),
        ("/?platform=nowhere", "nowhere"),
        ("/?limit=nothing.such", ""),
        ("/?state=%00%FF&kind=%3Cscript%3E&sort=up", ""),
        ("/?tz=Mars/Olympus", "Mars/Olympus"),
        ("/platforms/nowhere", "nowhere"),
        ("/platforms/atelier/nowhere", "nowhere"),
        ("/platforms/..%2f..%2fetc", ""),
        (f"/?q={quote(HTML)}", ""),
        (f"/cost?range=7d&model={quote(HTML)}&against={quote(HTML)}", ""),
        ("/capacity/forecasts?target=%F0%9F%A6%9C", ""),
        ("/on-call/nothing", ""),
        (f"/{'x' * 3000}", ""),
    ],
)
def test_an_address_nobody_made_gets_a_sensible_screen(
    world: Working, admin: Page, window_of_admin: Window, path: str, said: str
) -> None:
    """The frame stands, what was not understood is said, and nothing failed."""
    visit(world, admin, path)
    expect(admin.get_by_role("navigation", name="Main").or_(admin.locator("nav.side, nav.rail, nav")).first).to_be_visible(
        timeout=WAIT_MS
    )
    nothing_ran(admin, path)
    words = admin.locator("body").inner_text()
    assert said in words
    assert admin.locator(".state-block.failed").count() == 0
    assert "Traceback" not in words
    errors = [each for each in window_of_admin.errors if "404 (Not Found)" not in each]
    assert errors == []
    window_of_admin.errors.clear()


@pytest.fixture(scope="module")
def window_of_admin(chromium: Any, world: Working) -> Iterator[Window]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    window = Window(context.new_page())
    entered(world, window, Role.ADMIN, "/")
    yield window
    context.close()


@pytest.fixture(scope="module")
def admin(window_of_admin: Window) -> Page:
    return window_of_admin.page


@pytest.mark.parametrize("path", ["/", f"/platforms/{PLATFORM}/live"], ids=["asking", "pushed"])
def test_a_session_that_is_revoked_says_so(world: Working, open_window: OpenWindow, path: str) -> None:
    """Also in the course of a push: the page says that it stands still, and leads to the way in."""
    window = open_window()
    page = entered(world, window, Role.VIEWER, "/")
    visit(world, page, path)
    OpenSessions(world.app.parts.state).end_all("viewer", by="admin")
    note = page.locator("#signed-out")
    if path == "/":
        page.keyboard.press("r")
    expect(note).to_contain_text("You are signed out", timeout=WAIT_MS)
    note.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible(timeout=WAIT_MS)
    assert [each for each in window.errors if "401" not in each and "WebSocket" not in each] == []
