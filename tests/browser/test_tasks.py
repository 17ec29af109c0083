"""What people come for, each signed in as the role that does it: how many clicks from their first page, how long, and whether the answer is plain."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from alerts.acknowledgements import Acknowledgements
from alerts.silences import Silences
from roomleft.money import usd
from tests.browser.working import CALLS, DAY, DAYS, JUMP, JUMPS, NOW, REVENUE, TODAY, USERS, Working, calls, working
from tests.fixtures.browser import OpenWindow, Window
from warehouse.state import Role

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
MOST_CLICKS = 4
LANDING = {Role.VIEWER: "/", Role.ONCALL: "/on-call", Role.FINANCE: "/cost"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    with working(tmp_path_factory.mktemp("tasks")) as made:
        yield made


class Task:
    """One task of a role: the clicks so far, and the seconds since their first page was asked for."""

    def __init__(self, name: str, role: Role, page: Page) -> None:
        self.name, self.role, self.page = name, role, page
        self.clicked: list[str] = []
        self.began_at = 0.0

    def click(self, at: Locator, words: str) -> None:
        """One click."""
        at.click(timeout=WAIT_MS)
        self.clicked.append(words)

    def done(self) -> None:
        """Says how it went, in the line that the documentation quotes."""
        took_s = time.monotonic() - self.began_at
        path = " → ".join(self.clicked) or "none"
        print(f"\ntask: {self.name} | {self.role.value} | {len(self.clicked)} | {path} | {took_s:.1f} s")
        assert len(self.clicked) <= MOST_CLICKS


Begin = Callable[..., tuple[Task, Window]]


@pytest.fixture
def begin(world: Working, open_window: OpenWindow) -> Begin:
    """Signs a role in and asks for its first page: from there the clicks and the seconds count."""

    def one(name: str, role: Role, width: int = 1440, **options: object) -> tuple[Task, Window]:
        window = open_window(width, 900 if width > 500 else 844, **options)
        task = Task(name, role, window.page)
        world.enter(window.page, role, LANDING[role])
        task.began_at = time.monotonic()
        window.page.goto(world.address + LANDING[role], timeout=WAIT_MS)
        return task, window

    return one


def test_which_limit_breaks_first_and_when(begin: Begin) -> None:
    """The first line of the first page says it."""
    task, window = begin("Which limit breaks first, and when", Role.VIEWER)
    said = task.page.locator(".verdict")
    expect(said).to_contain_text(
        "Worlds of the pool · 24 Nov · 22–27 Nov · 94 % likely".replace(" %", "\u202f%"), timeout=WAIT_MS
    )
    task.done()
    expect(said).to_contain_text("two more probably will")
    expect(said.get_by_role("link", name="Worlds of the pool")).to_have_attribute("href", "/?limit=arena.worlds")
    assert window.errors == []


@pytest.mark.parametrize("role", [Role.FINANCE, Role.VIEWER])
def test_why_did_cost_jump_yesterday(begin: Begin, role: Role) -> None:
    """The page names what it was and by how much; one click further stand the calls, which come to what was planted."""
    task, window = begin("Why did cost jump yesterday", role)
    page = task.page
    if role is Role.VIEWER:
        line = page.locator(".unusual-line")
        expect(line).to_contain_text("yesterday 10:00", timeout=WAIT_MS)
        task.click(line, "the line *Unusual*")
    planted = [
        each for each in calls() if each["model"] == JUMPS and JUMP[0] <= each["occurred_at"] < JUMP[1] - timedelta(minutes=15)
    ]
    usual = next(number * price for model, _, _, number, price in CALLS if model == JUMPS) * 2 * 6
    more = sum((Decimal(each["cost_usd"]) for each in planted), Decimal(0)) - usual
    unusual = page.locator(".unusual-list li").first
    expect(unusual).to_contain_text("Tabletop: AI cost", timeout=WAIT_MS)
    expect(unusual).to_contain_text(f"model {JUMPS} +${more:.0f}")
    task.click(unusual.get_by_role("link", name="The calls"), "*The calls*")
    asked = page.locator(".asked")
    expect(asked).to_contain_text(f"model: {JUMPS}", timeout=WAIT_MS)
    expect(asked).to_contain_text("19 Nov 10:00")
    task.done()
    sums = {usd(sum((Decimal(each["cost_usd"]) for each in planted[:n]), Decimal(0))) for n in (len(planted), len(planted) - 1)}
    assert any(each in page.locator(".sum").inner_text() for each in sums), sums
    assert window.errors == []


@pytest.mark.parametrize("width", [1440, 390])
def test_acknowledge_and_silence_the_page(begin: Begin, world: Working, width: int) -> None:
    task, window = begin(f"Acknowledge and silence the page, {width} px", Role.ONCALL, width)
    page, state = task.page, world.app.parts.state
    # The list keeps what the other width took and gave back.
    before = Acknowledgements(state).of(world.episode)
    assert not any(each.holds_at(NOW) for each in before)
    row, form = page.locator(f"[data-episode='{world.episode}']"), page.locator("dialog.oncall-form")
    expect(row).to_be_visible(timeout=WAIT_MS)
    task.click(row.get_by_role("button", name="Ack"), "*Ack*")
    task.click(form.get_by_role("button", name="Acknowledge"), "*Acknowledge*")
    expect(row).to_contain_text("acknowledged", timeout=WAIT_MS)
    task.click(row.get_by_role("button", name="Silence"), "*Silence 1 h*")
    task.click(form.get_by_role("button", name="Silence"), "*Silence*")
    expect(row).to_contain_text("silenced", timeout=WAIT_MS)
    task.done()
    [taken] = Acknowledgements(state).of(world.episode)[len(before) :]
    assert taken.who == "oncall"
    assert taken.holds_at(NOW)
    [silence] = [each for each in Silences(state).all(NOW) if each.state_at(NOW) == "active"]
    [fires] = [each for each in world.app.parts.alerts() if each.episode == world.episode]
    assert silence.holds(fires.labels, NOW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert window.errors == []
    # The other width finds it as it was.
    Acknowledgements(state).give_back(world.episode, who="oncall", now=NOW)
    Silences(state).end(silence.id, who="oncall", now=NOW)


def test_what_does_tier_active_earn(begin: Begin) -> None:
    task, window = begin("What does tier *active* earn", Role.FINANCE)
    page = task.page
    task.click(page.get_by_role("navigation", name="Cost").get_by_role("link", name="Unit economics"), "*Unit economics*")
    task.click(page.get_by_role("link", name="Tabletop"), "*Tabletop*")
    row = page.locator("[data-block=tiers] tbody tr", has=page.get_by_text("Active", exact=True))
    expect(row).to_be_visible(timeout=WAIT_MS)
    cells = [text.strip() for text in row.locator("td").all_inner_texts()]
    task.done()
    revenue = REVENUE["active"] * DAYS
    ai = sum(
        (
            Decimal(each["cost_usd"])
            for each in calls()
            if each["tier"] == "active" and TODAY - DAYS * DAY <= each["occurred_at"] < TODAY
        ),
        Decimal(0),
    )
    _, users, paid, cost, infrastructure, margin, _, a_user = cells
    assert (users, paid, cost) == (str(USERS["active"]), usd(revenue), usd(ai))
    assert margin == f"+{usd(dollars(paid) - dollars(cost) - dollars(infrastructure))}"
    assert abs(dollars(a_user) * USERS["active"] - dollars(cost) - dollars(infrastructure)) < Decimal("0.05")
    assert dollars(infrastructure) > 0
    assert window.errors == []


@pytest.mark.parametrize("form", ["CSV", "PNG", "link"])
def test_send_me_this_chart(begin: Begin, world: Working, form: str) -> None:
    """From the chart's own menu. The CSV adds up to the total on the page; the link opens the same stretch."""
    task, window = begin(
        f"Send me this chart: {form}", Role.FINANCE, accept_downloads=True, permissions=["clipboard-read", "clipboard-write"]
    )
    page = task.page
    expect(page.locator("#cost-chart .bars path").first).to_be_visible(timeout=WAIT_MS)
    total = page.locator(".cost-facts .card-value").nth(2).inner_text()
    task.click(page.locator("[data-chart-menu=cost-chart]"), "*⋯* on the chart")
    item = page.locator(".chart-menu [role=menuitem]", has_text=form).first
    if form == "link":
        task.click(item, "*Copy link*")
        expect(page.locator(".toast").first).to_be_visible(timeout=WAIT_MS)
        link = str(page.evaluate("navigator.clipboard.readText()"))
        task.done()
        assert link.startswith(f"{world.address}/cost?")
        page.goto(link, timeout=WAIT_MS)
        expect(page.locator(".cost-facts .card-value").nth(2)).to_have_text(total, timeout=WAIT_MS)
        return
    with page.expect_download(timeout=WAIT_MS) as got:
        task.click(item, f"*{form}*")
    file = Path(got.value.path()).read_bytes()
    task.done()
    if form == "PNG":
        assert file[:8] == b"\x89PNG\r\n\x1a\n"
        wide, high = (int.from_bytes(file[at : at + 4], "big") for at in (16, 20))
        assert wide >= 1000
        assert high >= 232
    else:
        rows = list(csv.DictReader(file.decode("utf-8-sig").splitlines()))
        assert usd(sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0))) == total
    assert window.errors == []


def dollars(text: str) -> Decimal:
    """`−$1,234.56` as a number."""
    return Decimal(text.replace("$", "").replace(",", "").replace("+", "").replace("−", "-"))
