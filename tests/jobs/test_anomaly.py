"""The anomaly job over a real warehouse: what it finds and why, once, whoever looks; what was announced or came in late is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.anomalies.finding import Anomaly
from analytics.anomalies.movers import movers
from analytics.anomalies.series import DAY, FAMILIES, edges_of, read, slots_of
from analytics.anomalies.storing import anomalies, mark_as_known
from jobs.anomaly import Anomalies, anomaly_job
from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from roomleft.packs import Pack
from tests.analytics.economics_world import NOW, READ, make_pack
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.expected_events import ExpectedEvents
from warehouse.store import Store

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
DAYS = 20
ODD = NOW - 3 * HOUR
"""From here on the dear model is asked six times as often."""
Calls = list[dict[str, Any]]


def calls(since: datetime, until: datetime, seed: int = 1, times: Callable[[datetime], float] = lambda at: 1.0) -> Calls:
    """A platform's calls, a batch of each of two models each half hour, more by day."""
    rng = np.random.default_rng(seed)
    found: Calls = []
    at = since
    while at < until:
        load = 1 + 0.6 * np.sin(2 * np.pi * (at.hour - 6) / 24)
        for model, tier, each, usual in (("flash", "free", "0.01", 120), ("pro", "paid", "0.10", 30)):
            n = int(max(1, rng.poisson(usual * load)) * (times(at) if model == "pro" else 1.0))
            if n:
                event = usage_event(
                    f"{model}-{at.isoformat()}", at + timedelta(minutes=3), requests=n, provider="g", model=model, tier=tier,
                    request_type="text", user_id=f"u{len(found) % 7}", component="api",
                )  # fmt: skip
                found.append({**event, "cost_usd": str(Decimal(each) * n)})
        at += timedelta(minutes=30)
    return found


class World:
    """A warehouse with the platform in it, read to its end."""

    def __init__(self, folder: Path, events: Calls, zone: str = "UTC", now: datetime = NOW) -> None:
        self.clock = FixedClock(now)
        self.pack: Pack = make_pack(folder, zone)
        self.packs = {self.pack.slug: self.pack}
        self.store = Store.open("duckdb:///:memory:", now=self.clock, threads=1)
        self.add(events, now)

    def add(self, events: Calls, at: datetime) -> None:
        """Calls come in at an instant; all there is has been read by then."""
        self.clock.at = at
        store_usage(self.store, events, ingested_at=at)
        self.store.run(lambda tx: tx.execute(READ, {"now": at, "oldest": at - timedelta(days=DAYS)}))
        roll_up(self.store, at, ["UTC"])

    def stored(self, form: str | None = None) -> list[Anomaly]:
        return anomalies(self.store, NOW - timedelta(days=100), NOW + timedelta(days=10), form=form)

    def rows(self) -> int:
        return int(self.store.select("SELECT count(*) AS n FROM anomalies")["n"][0].as_py())


@pytest.fixture(scope="module")
def events() -> Calls:
    return calls(NOW - timedelta(days=DAYS), NOW, times=lambda at: 6.0 if at >= ODD else 1.0)


@pytest.fixture(scope="module")
def looked(events: Calls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose last three hours are odd, after one look."""
    made = World(tmp_path_factory.mktemp("looked"), events)
    anomaly_job(Anomalies(made.store, made.packs)).run(NOW)
    yield made
    made.store.close()


def of_total(found: Sequence[Anomaly]) -> list[Anomaly]:
    return [each for each in found if each.target == "atelier/ai_cost" and each.about_to > ODD]


def test_a_jump_is_found_in_both_forms_with_its_cause(looked: World) -> None:
    found = of_total(looked.stored())
    assert {each.form for each in found} == {"page", "screen"}
    one = next(each for each in found if each.form == "screen" and each.step_s == 3600)
    assert one.about_at == ODD
    assert one.value > one.high > one.expected > one.low >= 0
    assert one.p_value < 1e-3
    assert one.unit == "usd"
    told = one.causes["told"][0]
    assert (told["dimension"], told["value"]) == ("model", "pro")
    assert 0.9 < told["share"] < 1.1
    assert "model pro +$" in one.causes["words"]


def test_parts_are_found_too_and_every_dimension_adds_up(looked: World) -> None:
    found = looked.stored()
    assert "atelier/ai_cost#model=pro" in {each.target for each in found}
    for each in found:
        whole = Decimal(each.causes["difference_usd"])
        assert sum(Decimal(each.causes[name]) for name in ("calls_usd", "mix_usd", "price_usd")) == whole
        for parts in each.causes["by"].values():
            assert sum(Decimal(part["difference_usd"]) for part in parts) == whole


def test_what_was_read_is_what_the_ledger_says(looked: World) -> None:
    one = next(each for each in of_total(looked.stored()) if each.form == "screen" and each.step_s == 3600)
    spent = looked.store.select(
        "SELECT sum(cost_usd) AS usd FROM usage_15m WHERE bucket >= $since AND bucket < $until",
        {"since": one.about_at, "until": one.about_to},
    )["usd"][0].as_py()
    assert one.value * one.causes["readings"] == pytest.approx(float(spent))
    assert Decimal(one.causes["by"]["model"][0]["usd"]) + Decimal(one.causes["by"]["model"][1]["usd"]) == spent


def test_looking_again_stores_nothing_and_neither_does_another_server(looked: World) -> None:
    before = looked.rows()
    again = Anomalies(looked.store, looked.packs)
    assert again.look(NOW) == []
    assert again.look(NOW) == []
    assert looked.rows() == before


def test_an_event_that_goes_on_keeps_its_id_and_its_newest_row_counts(events: Calls, tmp_path: Path) -> None:
    world = World(tmp_path, [each for each in events if each["occurred_at"] < NOW - HOUR], now=NOW - HOUR)
    servers = [Anomalies(world.store, world.packs), Anomalies(world.store, world.packs)]
    servers[0].look(NOW - HOUR)
    first = {(each.form, each.step_s): each for each in of_total(world.stored())}
    world.add([each for each in events if each["occurred_at"] >= NOW - HOUR], NOW)
    # The other server takes over.
    servers[1].look(NOW)
    later = {(each.form, each.step_s): each for each in of_total(world.stored())}
    for key, each in first.items():
        assert later[key].anomaly_id == each.anomaly_id
        assert later[key].about_at == each.about_at
        assert later[key].about_to >= each.about_to
    assert later["page", 900].about_to > first["page", 900].about_to
    assert len(of_total(world.stored())) == len({each.anomaly_id for each in of_total(world.stored())})
    world.store.close()


def test_what_was_announced_is_known(events: Calls, tmp_path: Path) -> None:
    world = World(tmp_path, events)
    state = StateDb.open(state_url(tmp_path), world.clock)
    book = ExpectedEvents(state)
    book.add("launch", ODD - HOUR, NOW + DAY, who="ann", now=NOW, platform="atelier", note="spring sale")
    Anomalies(world.store, world.packs, book.lasting).look(NOW)
    found = of_total(world.stored())
    assert found
    assert {each.known_as for each in found} == {"launch: spring sale"}
    state.close()
    world.store.close()


def test_calls_that_come_in_long_after_they_happened_are_known_as_that(tmp_path: Path) -> None:
    quiet = calls(NOW - timedelta(days=DAYS), NOW)
    world = World(tmp_path, [], now=NOW - timedelta(days=DAYS))
    # Each day's calls came in on their day.
    for day in range(DAYS):
        until = NOW - timedelta(days=DAYS - day - 1)
        batch = [each for each in quiet if until - DAY <= each["occurred_at"] < until]
        store_usage(world.store, batch[: len(batch) - 4], ingested_at=batch[0]["occurred_at"] + HOUR / 2)
        store_usage(world.store, batch[len(batch) - 4 :], ingested_at=until)
    world.add([], NOW)
    late = calls(NOW - 9 * HOUR, NOW - 6 * HOUR, seed=9)
    world.add(
        [
            {
                **each,
                "event_id": f"late-{each['event_id']}",
                "requests": each["requests"] * 8,
                "cost_usd": str(Decimal(each["cost_usd"]) * 8),
            }
            for each in late
        ],
        NOW,
    )
    Anomalies(world.store, world.packs).look(NOW)
    found = [
        each
        for each in world.stored("screen")
        if each.target == "atelier/ai_cost" and each.about_to > NOW - 9 * HOUR and each.step_s < 86_400
    ]
    assert found
    assert all(each.known_as.startswith("back-fill: ") for each in found)
    # And it wakes nobody: it is over.
    assert [each for each in world.stored("page") if each.about_to > NOW - 9 * HOUR and each.step_s < 86_400] == []
    world.store.close()


def test_what_has_not_been_read_yet_is_no_drop(events: Calls, tmp_path: Path) -> None:
    world = World(tmp_path, [each for each in events if each["occurred_at"] < ODD], now=ODD)
    # Five hours later the source has not been read again.
    assert Anomalies(world.store, world.packs).look(ODD + 5 * HOUR) is not None
    assert [each for each in world.stored() if each.about_to > ODD - HOUR and each.value < each.expected] == []
    world.store.close()


def test_a_source_that_is_read_and_has_no_calls_dropped_to_zero(events: Calls, tmp_path: Path) -> None:
    world = World(tmp_path, [each for each in events if each["occurred_at"] < ODD])
    Anomalies(world.store, world.packs).look(NOW)
    found = [each for each in of_total(world.stored("screen")) if each.step_s == 3600]
    assert found
    assert all(each.value == 0 for each in found)
    world.store.close()


def test_a_platform_that_fails_leaves_the_others_alone(looked: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = looked.pack.model_copy(update={"slug": "broken", "zone": "UTC"})
    caplog.set_level("WARNING")
    fresh = Anomalies(looked.store, {"broken": broken, **looked.packs})
    assert fresh.look(NOW) == []


def test_what_could_not_be_stored_is_found_again(events: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, events)
    watching = Anomalies(world.store, world.packs)
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "run", lambda *_, **__: (_ for _ in ()).throw(StoreError("the disk is full", "test")))
        with pytest.raises(StoreError):
            watching.look(NOW)
    assert world.rows() == 0
    assert of_total(watching.look(NOW))
    world.store.close()


def test_an_anomaly_may_be_marked_as_known_later(looked: World) -> None:
    found = of_total(looked.stored("screen"))[0]
    mark_as_known(looked.store, found, "campaign: posters", NOW)
    again = next(each for each in looked.stored() if each.anomaly_id == found.anomaly_id)
    assert (again.known_as, again.about_at, again.value) == ("campaign: posters", found.about_at, found.value)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_counts_by_its_length(tmp_path: Path, day: str, hours: int) -> None:
    pack = make_pack(tmp_path, "Europe/Berlin")
    first = datetime.fromisoformat(f"{day}T00:00+00:00").astimezone(UTC) - timedelta(days=2)
    found = [usage_event(f"e{i}", first + i * HOUR, model="m", provider="p") | {"cost_usd": "1"} for i in range(5 * 24)]
    with Store.open("duckdb:///:memory:", now=FixedClock(first + timedelta(days=6)), threads=1) as store:
        store_usage(store, found, ingested_at=first + timedelta(days=6))
        roll_up(store, first + timedelta(days=6), ["UTC"])
        family = FAMILIES[2]
        from zoneinfo import ZoneInfo

        edges = edges_of(family, ZoneInfo("Europe/Berlin"), first + timedelta(hours=3), first + timedelta(days=4, hours=12))
        lengths = {str(a.astimezone(ZoneInfo("Europe/Berlin")).date()): (b - a) / HOUR for a, b in itertools.pairwise(edges)}
        assert lengths[day] == hours
        readings = read(store, pack, family, edges)
        assert readings.values[:, 0] == pytest.approx(24.0)
        assert slots_of(edges[:-1], family.step, ZoneInfo("Europe/Berlin"))[0].tolist() == [0] * (len(edges) - 1)


def test_movers_tell_the_change_of_the_week_and_why(looked: World) -> None:
    (found,) = movers(looked.store, looked.packs, NOW)
    spans = ((NOW - timedelta(days=7), NOW), (NOW - timedelta(days=14), NOW - timedelta(days=7)))
    spent = [
        looked.store.select(
            "SELECT sum(cost_usd) AS usd FROM usage_15m WHERE bucket >= $since AND bucket < $until",
            {"since": since, "until": until},
        )["usd"][0].as_py()
        for since, until in spans
    ]
    assert [found.usd, found.before_usd] == spent
    assert found.change_usd == spent[0] - spent[1] == found.causes.split.total_usd
    assert found.change == pytest.approx(float(found.change_usd / spent[1]))
    assert found.causes.words.startswith("+$")
    assert movers(looked.store, looked.packs, NOW - timedelta(days=400)) == []


@pytest.mark.parametrize(
    ("now", "read_at", "until"),
    [
        (NOW + timedelta(minutes=12), NOW + timedelta(minutes=12), NOW),
        (NOW + timedelta(minutes=1), NOW - timedelta(minutes=2), NOW - QUARTER),
        (NOW + timedelta(days=2), NOW - 5 * HOUR - timedelta(minutes=1), NOW - 5 * HOUR - QUARTER),
    ],
)
def test_both_weeks_of_a_mover_are_whole(
    events: Calls, tmp_path: Path, now: datetime, read_at: datetime, until: datetime
) -> None:
    world = World(tmp_path, [each for each in events if datetime.fromisoformat(str(each["occurred_at"])) < read_at], now=read_at)
    (found,) = movers(world.store, world.packs, now)
    assert found.until == until
    for each, end in ((found.usd, until), (found.before_usd, until - timedelta(days=7))):
        spent = world.store.select(
            "SELECT sum(cost_usd) AS usd FROM usage_15m WHERE bucket >= $since AND bucket < $until",
            {"since": end - timedelta(days=7), "until": end},
        )
        assert each == spent["usd"][0].as_py()
    world.store.close()


def _weeks(before: str, after: str, days: int = 14) -> Calls:
    """Calls each hour that cost so much in the week before, and in the last one."""
    found = []
    for hour in range(days * 24):
        at = NOW - (hour + 1) * HOUR
        usd = (Decimal(after if hour < 7 * 24 else before) / (7 * 24)).quantize(Decimal("1e-9"))
        found.append(usage_event(f"w{hour}", at, requests=3, provider="g", model="pro") | {"cost_usd": str(usd)})
    return found


@pytest.mark.parametrize(
    ("before", "after", "days", "told"),
    [
        ("842", "841", 14, False),  # a dollar of hundreds
        ("3", "7", 14, False),  # four dollars
        ("3", "9", 14, True),
        ("2000", "2015", 14, False),  # less than one in a hundred
        ("2000", "1970", 14, True),
        ("100", "300", 11, False),  # half of the week before is not known
    ],
)
def test_only_what_matters_moved(tmp_path: Path, before: str, after: str, days: int, told: bool) -> None:
    world = World(tmp_path, [])
    store_usage(world.store, _weeks(before, after, days), ingested_at=NOW)
    world.store.run(lambda tx: tx.execute(READ, {"now": NOW, "oldest": NOW - timedelta(days=days)}))
    roll_up(world.store, NOW, ["UTC"])
    assert bool(movers(world.store, world.packs, NOW)) is told
    world.store.close()
