"""A whole server with its door, on a free port of this machine: two platforms' readings, three weeks of calls with a jump yesterday, limits, alerts, people."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import uvicorn
from playwright.sync_api import Page

from alerts.book import Book
from collectors.records.small_rows import business_table
from jobs.anomaly import Anomalies
from jobs.measure import measure
from roomleft.app.building import App, build
from roomleft.clock import FixedClock
from roomleft.findings import AlertState, Severity
from roomleft.settings import ROOT, Settings
from tests.dashboards.alert_world import alert, past
from tests.dashboards.played_world import BACK, sent
from tests.dashboards.sample_rows import Sample, _columns, headroom_row
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import Role
from warehouse.state.passwords import Passwords
from warehouse.state.users import Users
from warehouse.writer import Batch

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
DAY, HALF_HOUR = timedelta(days=1), timedelta(minutes=30)
PLATFORMS = ("tabletop", "arena")
MONEY = "tabletop"
DAYS = 21
JUMP = (TODAY - timedelta(hours=14), TODAY - timedelta(hours=8))
"""Yesterday from 10:00 to 16:00: eight times as many pictures."""
JUMP_TIMES = 8
CALLS = (
    # model, request type, tier, calls in half an hour, price of one
    ("gemini-2.5-flash", "narration", "casual", 12, Decimal("0.004")),
    ("gemini-2.5-flash", "narration", "active", 20, Decimal("0.004")),
    ("gemini-2.5-flash-image", "scene_image", "active", 4, Decimal("0.039")),
    ("eleven_multilingual_v2", "voice", "power", 5, Decimal("0.030")),
)
JUMPS = "gemini-2.5-flash-image"
USERS = {"casual": 9, "active": 6, "power": 3}
REVENUE = {"casual": Decimal("3.00"), "active": Decimal("40.00"), "power": Decimal("5.00")}
"""Of a day."""
PASSWORD = "lantern over the harbour 7"


def jumps(model: str, at: datetime) -> bool:
    return model == JUMPS and JUMP[0] <= at < JUMP[1]


def calls() -> list[dict[str, Any]]:
    """The calls of the platform whose cost jumps, and what each cost."""
    found = []
    for n in range(int((NOW - TODAY + DAYS * DAY) / HALF_HOUR)):
        at = TODAY - DAYS * DAY + n * HALF_HOUR
        for model, kind, tier, usual, price in CALLS:
            # A little unrest, so that a usual day is no straight line: one call more or less in turn.
            number = usual * (JUMP_TIMES if jumps(model, at) else 1) + (n * 7 + usual) % 3 - 1
            event = usage_event(
                f"{model}-{tier}-{n}", at + timedelta(minutes=3), requests=number, platform=MONEY, source=MONEY, provider="gemini", model=model,
                request_type=kind, tier=tier, user_id=f"{tier}-{n % USERS[tier]}", component="agents",
            )  # fmt: skip
            found.append({**event, "cost_usd": str(price * number)})
    return found


@dataclass
class Working:
    """The server, its address, and the episode of the alert that needs somebody. Each role's person is called as the role and has `PASSWORD`."""

    app: App
    address: str
    episode: str

    def enter(self, page: Page, role: Role, landing: str) -> None:
        """Sign in by the form of the first page, as anybody would; the role's landing page comes."""
        page.goto(self.address, timeout=60_000)
        page.get_by_label("Name").fill(role.value)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").first.click()
        page.wait_for_url(f"{self.address}{landing}", timeout=60_000)


def settings_in(folder: Path, packs: Path = ROOT / "packs") -> Settings:
    return Settings(
        data_dir=folder,
        warehouse_url=f"duckdb:///{folder / 'warehouse.duckdb'}",
        state_url=state_url(folder),
        packs_dir=packs,
        packs=PLATFORMS,
        measure_every_s=3600.0,
    )


def filled(folder: Path, settings: Settings) -> tuple[App, str]:
    """The built server over the world; its jobs do not run: what they would have done is done once. And the firing alert's episode."""
    app = build(settings, FixedClock(NOW))
    parts = app.parts
    # What it waits for is done below, by hand.
    parts.readiness._checks.clear()
    parts.writer.start()
    waiting = [
        parts.writer.submit(batch)
        for slug in PLATFORMS
        for batch in sent(slug, parts.packs[slug], {**BACK, "samples": timedelta(minutes=75), "usage": timedelta(minutes=20)})
        if not (slug == MONEY and (batch.usage is not None or batch.business is not None))
    ]
    days = [
        {"day": str((TODAY - n * DAY).date()), "tier": tier, "active_users": USERS[tier], "revenue_usd": str(revenue)}
        for n in range(1, DAYS + 1)
        for tier, revenue in REVENUE.items()
    ]
    table = business_table(days, source=MONEY, platform=MONEY, now=NOW, known_platforms=(MONEY,)).rows
    waiting.append(parts.writer.submit(Batch(MONEY, business=table)))
    for receipt in waiting:
        assert receipt.result(timeout=60).rejected == 0
    store_usage(parts.store, calls(), ingested_at=NOW)
    cursor = {
        "source": MONEY,
        "stream": "usage",
        "position": "end",
        "read_to": NOW,
        "newest_at": NOW,
        "oldest_at": TODAY - DAYS * DAY,
    }
    insert(app, "cursors", [{**cursor, "caught_up": True, "recorded_at": NOW}])
    roll_up(parts.store, NOW, sorted({"UTC", *(zone for pack in parts.packs.values() for zone in pack.zones())}))
    measure(parts.store, parts.packs, NOW)
    insert(app, "headroom", measured(app))
    Anomalies(parts.store, parts.packs).look(NOW)
    rule = next(rule for rule in parts.rules.values() if rule.severity is Severity.CRITICAL and rule.platform == "arena")
    fires = alert(rule, AlertState.FIRING, timedelta(minutes=14), NOW)
    Book(parts.state).apply([fires], past(fires))
    users, passwords = Users(parts.state), Passwords(parts.state)
    for role in Role:
        users.add(role.value, role)
        passwords.set(role.value, PASSWORD)
    return app, fires.episode


def measured(app: App) -> list[dict[str, Any]]:
    """What was measured of two limits just now: the first breaks on 24 Nov, the second on 27 Nov."""
    found = []
    for name, used, dates in (("worlds", Decimal("0.92"), (2, 4, 7)), ("bots", Decimal("0.90"), (5, 7, 9))):
        [limit] = [each for each in app.parts.packs["arena"].limit_list() if each.limit_id == f"arena.{name}"]
        more = {"p_breach": 0.94 if name == "worlds" else 0.81, "about_to": NOW + 30 * DAY}
        row = headroom_row(Sample(limit, str(limit.amount * used), "tight", None, dates, "little is left", more=more), NOW)
        found.append({**row, "as_of": NOW + timedelta(seconds=1)})
    return found


def insert(app: App, table: str, rows: list[dict[str, Any]]) -> None:
    """Rows into a table of the warehouse."""

    def work(tx: Any) -> None:
        kinds = {name: kind for name, kind in _columns(tx, table).items() if name in rows[0]}
        tx.insert(table, pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}))

    app.parts.store.run(work)


@contextmanager
def listening(app: App) -> Iterator[str]:
    """The address at which a built server listens; it is closed in the end."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    web = uvicorn.Server(uvicorn.Config(app.asgi, log_level="warning", ws="websockets-sansio", lifespan="on"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.started and time.monotonic() < deadline:
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        web.should_exit = web.force_exit = True
        thread.join(10)
        app.parts.writer.close()
        app.parts.store.close()
        app.parts.state.close()


@contextmanager
def working(folder: Path) -> Iterator[Working]:
    """The whole server, listening."""
    app, episode = filled(folder, settings_in(folder))
    with listening(app) as address:
        yield Working(app, address, episode)
