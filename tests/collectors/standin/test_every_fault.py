"""Every fault of every pack: it shows where it says, nowhere else, and leaves nothing behind; and reading under it fails in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from analytics.health import platform_health
from collectors.fetch import Patience
from collectors.platform_api.progress import progress
from collectors.platform_api.source import PlatformApi, SourceConfig
from collectors.standin.app import build
from collectors.standin.feed import Range
from collectors.standin.instants import to_us
from collectors.standin.standin import StandIn
from jobs.collect import StreamReader
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_packs
from roomleft.packs_standin_faults import FaultEffect, FaultShape
from warehouse.store import Store
from warehouse.writer import Writer

EVENING = datetime(2026, 11, 20, 20, 0, 7, tzinfo=UTC)
STEP = timedelta(seconds=15)
RANK = {"pass": 0, "warn": 1, "fail": 2}
PACKS: dict[str, Pack] = {
    slug: pack for slug, pack in load_packs(Path(__file__).parents[3] / "packs").items() if pack.standin is not None
}
FAULTS: dict[tuple[str, str], FaultShape] = {
    (slug, name): fault for slug, pack in PACKS.items() if pack.standin for name, fault in pack.standin.faults.items()
}
KINDS = tuple(FaultEffect.model_fields)


def played(slug: str) -> StandIn:
    """A pack's platform with a day of history, at a clock of its own."""
    shape = PACKS[slug].standin
    assert shape is not None
    return StandIn(shape, 7, EVENING, 1, FixedClock(EVENING))


def statuses(platform: StandIn, at: datetime) -> dict[str, int]:
    """How bad each component's worst check is at an instant."""
    platform.clock.at = at
    found: dict[str, int] = {}
    for name, answers in platform.health()[0]["checks"].items():
        component = name.partition(":")[0]
        found[component] = max(found.get(component, 0), *(RANK[answer["status"]] for answer in answers))
    return found


@cache
def calm(slug: str, at: datetime) -> dict[str, int]:
    """The same without any fault."""
    return statuses(played(slug), at)


def dependants(pack: Pack, roots: set[str]) -> set[str]:
    """Components that depend on any of `roots`, however far."""
    found = set(roots)
    while more := {part.id for part in pack.components if set(part.depends_on) & found} - found:
        found |= more
    return found - roots


@pytest.mark.parametrize(("slug", "name"), FAULTS)
def test_it_shows_where_it_says_and_nowhere_else_and_is_gone_when_it_is_off(slug: str, name: str) -> None:
    pack, platform, shows_on = PACKS[slug], played(slug), set(FAULTS[slug, name].shows_on)
    assert statuses(platform, EVENING) == calm(slug, EVENING)
    platform.faults.switch(name, True, platform.now_us())
    worse: set[str] = set()
    at = EVENING
    while at < EVENING + pack.interval:
        at += STEP
        before = calm(slug, at)
        worse |= {component for component, status in statuses(platform, at).items() if status > before[component]}
    assert shows_on <= worse
    assert worse - shows_on <= dependants(pack, shows_on)
    platform.faults.switch(name, False, platform.now_us())
    assert statuses(platform, at + pack.interval) == calm(slug, at + pack.interval)


class Served:
    """All platforms behind one real HTTP server, and one clock."""

    def __init__(self) -> None:
        self.clock = FixedClock(EVENING)
        self.platforms = {slug: played(slug) for slug in PACKS}
        for platform in self.platforms.values():
            platform.clock = self.clock
        config = uvicorn.Config(
            build(self.platforms, "t"), port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def switch(self, slug: str, name: str, on: bool) -> None:
        answer = httpx.put(f"{self.url}/{slug}/faults/{name}", json={"on": on}, headers={"Authorization": "Bearer t"})
        answer.raise_for_status()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers={"Authorization": "Bearer t"})

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.close()


@pytest.fixture(scope="module")
def warehouse(served: Served) -> Iterator[tuple[Store, Writer]]:
    store = Store.open("duckdb:///:memory:", now=served.clock)
    writer = Writer(store, served.clock, group_ms=1)
    writer.start()
    yield store, writer
    writer.close()
    store.close()


WIRE = [
    (slug, name)
    for (slug, name), fault in FAULTS.items()
    if any(e.http and not e.http.repeat and (e.http.routes is None or "health" in e.http.routes) for e in fault.effects)
]


@pytest.mark.parametrize(("slug", "name"), WIRE)
def test_under_a_fault_of_the_wire_reading_fails_in_words_and_nothing_looks_healthy_by_silence(
    served: Served, warehouse: tuple[Store, Writer], slug: str, name: str
) -> None:
    store, writer = warehouse
    pack = PACKS[slug]
    hasty = Patience(read_timeout_s=0.25, total_timeout_s=0.5, attempts=1)
    patient = Patience(read_timeout_s=20, attempts=1)

    def read(patience: Patience) -> Any:
        config = SourceConfig(slug, f"{served.url}/{slug}", "t", patience=patience)
        return StreamReader(PlatformApi(config), "health", store, writer, served.clock).run()

    def told() -> str:
        sql = "SELECT * FROM health_checks WHERE platform = $p QUALIFY row_number() OVER (PARTITION BY component, check_name ORDER BY observed_at DESC) = 1"
        return platform_health(pack, store.select(sql, {"p": slug}).to_pylist(), served.clock.now()).status

    assert read(patient).error is None
    before = told()
    assert before in ("pass", "warn")
    served.switch(slug, name, True)
    try:
        served.clock.advance(timedelta(minutes=10))
        failed = read(hasty)
    finally:
        served.switch(slug, name, False)
    assert failed.error is not None
    assert failed.error.what
    assert failed.error.hint
    (row,) = [row for row in progress(store, served.clock.now()) if (row.platform, row.stream) == (slug, "health")]
    assert (row.up, failed.error.what in str(row.last_error)) == (False, True)
    assert told() == "unknown"
    served.clock.advance(timedelta(minutes=1))
    assert read(patient).error is None
    assert told() == before


def first_of(kind: str) -> tuple[str, str]:
    return next(key for key, fault in FAULTS.items() if any(getattr(effect, kind) for effect in fault.effects))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("http", "business")])
def test_a_fault_of_each_kind_is_seen_over_http_and_gone_afterwards(served: Served, kind: str) -> None:
    slug, name = first_of(kind)
    stream = "samples" if kind in ("samples", "series") else "usage"

    def newest(minutes: int = 30) -> list[dict[str, Any]]:
        since = (served.clock.now() - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
        return served.get(f"/{slug}/{stream}?limit=10000&since={since}").json()["records"]

    quiet = played(slug)
    cursor = served.get(f"/{slug}/{stream}?limit=1").json()["next"]
    served.switch(slug, name, True)
    began = served.clock.now()
    served.clock.advance(timedelta(minutes=30))
    quiet.clock.at = served.clock.now()
    health = served.get(f"/{slug}/health").json()
    if kind == "cursors":
        assert served.get(f"/{slug}/{stream}?after={cursor}").status_code == 410
    elif kind == "health":
        assert {"warn", "fail"} & {answer["status"] for answers in health["checks"].values() for answer in answers}
        assert health["output"]
    elif kind == "clock":
        assert datetime.fromisoformat(health["time"]) != served.clock.now()
    elif kind == "samples":
        assert not [record for record in newest() if datetime.fromisoformat(record["observed_at"]) > began]
    else:
        without = quiet.page(stream, None, 10_000, Range(to_us(began))).records
        assert newest()
        assert newest() != [orjson.loads(record) for record in without]
    served.switch(slug, name, False)
    served.clock.advance(timedelta(minutes=31))
    assert newest()
    assert datetime.fromisoformat(served.get(f"/{slug}/health").json()["time"]) == served.clock.now()


def test_a_fault_of_business_changes_its_days_and_no_day_before_or_after(served: Served) -> None:
    slug, name = first_of("business")
    change = next(effect.business for effect in FAULTS[slug, name].effects if effect.business)
    today = served.clock.now().date()

    def said(day: date) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = served.get(f"/{slug}/business?from={day}&to={day + timedelta(days=1)}").json()["records"]
        return found

    usual, before = said(today), said(today - timedelta(days=1))
    served.switch(slug, name, True)
    served.clock.advance(timedelta(minutes=1))
    for calm, changed in zip(usual, said(today), strict=True):
        assert float(changed["revenue_usd"]) == pytest.approx(float(calm["revenue_usd"]) * change.revenue_multiply, abs=0.01)
        assert changed["satisfaction"] == pytest.approx(min(5, max(1, calm["satisfaction"] + change.satisfaction_add)), abs=0.02)
    assert said(today - timedelta(days=1)) == before
    served.switch(slug, name, False)
    served.clock.advance(timedelta(days=1))
    tomorrow = said(today + timedelta(days=1))
    assert sum(float(row["revenue_usd"]) for row in tomorrow) == pytest.approx(
        sum(float(row["revenue_usd"]) for row in usual), rel=0.1
    )
