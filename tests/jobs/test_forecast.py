"""The job that forecasts, on a real store with a whole history: what it stores, when it does, and what becomes of it when something dies."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from analytics.forecasting.daily import histories
from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.futures import Futures
from analytics.forecasting.targets import plan_of
from analytics.forecasting.track_record import NONE_YET, track_record
from jobs import forecast_worker
from jobs.forecast import Forecaster, Known, forecast_jobs
from jobs.known_days import Knowledge
from jobs.schedule import Schedule
from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from roomleft.limits import Reading
from roomleft.metrics import FORECAST_AGE
from roomleft.outlook import Made, NoDate, Outlook, Shape
from roomleft.packs import Pack, load_pack
from tests.analytics.forecasting.world import DAY, history, stored, usage, world_pack
from tests.fixtures.state import state_url
from warehouse.state import Outcome, StateDb
from warehouse.state.expected_events import ExpectedEvents
from warehouse.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = 75
COUNTS = "SELECT count(*) AS n FROM {table}"


@dataclass
class World:
    """A store with a history, its pack, and a forecaster that works in this process."""

    folder: Path
    pack: Pack
    store: Store
    clock: FixedClock
    forecaster: Forecaster

    def run(self) -> str:
        return self.forecaster.run(self.clock.now()).words

    def count(self, table: str) -> int:
        return int(self.store.select(COUNTS.format(table=table))["n"][0].as_py())


def in_process(message: bytes, *, limit_s: float = 60, stopping: Callable[[], bool] = lambda: False) -> tuple[bytes, float]:
    return forecast_worker.answer(message), 0.1


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pack and a warehouse of 75 days, written once."""
    folder = tmp_path_factory.mktemp("filled")
    clock = FixedClock(NOON - timedelta(minutes=5))
    pack = world_pack(folder)
    with Store.open(f"duckdb:///{folder / 'w.duckdb'}", now=clock, threads=1) as store:
        from jobs.price import price

        price(store, {"shop": pack}, clock.now() - (DAYS + 5) * DAY)
        history(store, clock, pack, DAYS)
    return folder


@pytest.fixture
def world(filled: Path, tmp_path: Path) -> Iterator[World]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    clock = FixedClock(NOON)
    pack = load_pack(tmp_path / "shop.yaml")
    with Store.open(f"duckdb:///{tmp_path / 'w.duckdb'}", now=clock, threads=1) as store:
        yield World(tmp_path, pack, store, clock, Forecaster(store, {"shop": pack}, ask=in_process))


def test_every_target_is_forecast_and_every_limit_answered(world: World) -> None:
    assert "series forecast" in world.run()
    forecasts = Forecasts(world.store)
    shapes = {}
    for limit in world.pack.limit_list():
        found = forecasts.of(world.pack, limit)
        if isinstance(found, Outlook):
            shapes[limit.limit_id] = str(found.no_date)
            continue
        assert np.isfinite(found.values).all(), limit.limit_id
        assert found.values.shape == (400, 92)
        assert found.first_day == date(2026, 11, 20)
        shapes[limit.limit_id] = found.shape.value
    assert shapes["shop.mine"] == NoDate.PER_USER
    assert shapes["shop.asked"] == NoDate.BY_QUERY
    assert shapes["shop.month"] == Shape.FLOW
    assert shapes["shop.failed"] == Shape.FLOW
    assert {shapes[f"shop.{name}"] for name in ("disk", "load", "each", "daily", "grown", "whole", "burst")} == {Shape.LEVEL}
    rows = world.store.rows("page_forecasts", platform="shop")
    assert {row["unit"] for row in rows} >= {"usd", "gb", "requests"}
    assert all(row["history_to"] == datetime(2026, 11, 19, 23, tzinfo=UTC) for row in rows if row["days"])


def test_what_is_said_of_limits_agrees_with_the_history(world: World) -> None:
    world.run()
    forecasts = Forecasts(world.store)
    now = world.clock.now()
    disk = world.pack.limit("disk")
    said = forecasts.foresee(world.pack, disk, Reading(Decimal("78.7"), now, timedelta(hours=1)), now)
    assert said.p_breach is not None
    assert said.p_breach < 0.1  # a quarter of a gigabyte a day from 78.7 does not reach 100 in 30 days
    soon = forecasts.foresee(
        world.pack, replace(disk, amount=Decimal(82)), Reading(Decimal("78.7"), now, timedelta(hours=1)), now
    )
    assert soon.p_breach is not None
    assert soon.p_breach > 0.5
    month = world.pack.limit("month")
    spent = forecasts.foresee(world.pack, month, Reading(Decimal(6000), now, timedelta(hours=1)), now)
    assert spent.p_breach == 1
    assert forecasts.foresee(world.pack, world.pack.limit("asked"), Reading(Decimal(1), now, DAY), now).no_date is NoDate.BY_QUERY


def test_fixed_costs_are_known_and_not_forecast(world: World) -> None:
    world.run()
    found = Forecasts(world.store).of(world.pack, world.pack.limit("whole"))
    assert isinstance(found, Futures)
    spend = Forecasts(world.store).target("shop/spend")
    assert spend is not None
    assert not [row for row in world.store.rows("page_forecasts", platform="shop") if row["target"] == "shop/fixed"]
    # Thirty days of it cost about 306 dollars; what is left of each future is AI cost.
    rest = found.values[:, 40].astype(float) - spend.values[:, 11:41].sum(axis=1)
    assert rest == pytest.approx(np.full(400, 310 * 30 / 31), rel=0.05)


def test_nothing_is_done_twice_and_a_new_day_is_done(world: World) -> None:
    world.run()
    claims, runs = world.count("forecast_claims"), world.count("forecast_runs")
    assert world.run() == "nothing has changed"
    world.clock.advance(timedelta(hours=5))
    assert world.run() == "nothing has changed"
    assert (world.count("forecast_claims"), world.count("forecast_runs")) == (claims, runs)
    world.clock.advance(timedelta(hours=9))
    assert "series forecast" in world.run()
    assert world.count("forecast_runs") == 2 * runs


def test_a_new_budget_is_forecast_at_once_and_what_was_said_stands(world: World) -> None:
    world.run()
    before = world.store.select("SELECT * FROM forecast_claims ORDER BY claim_id")
    text = (world.folder / "shop.yaml").read_text(encoding="utf-8")
    (world.folder / "shop.yaml").write_text(text.replace('amount: "900"', 'amount: "9000"'), encoding="utf-8")
    world.forecaster.packs = {"shop": load_pack(world.folder / "shop.yaml")}
    world.clock.advance(timedelta(minutes=1))
    assert "series forecast" in world.run()
    after = world.store.select("SELECT * FROM forecast_claims ORDER BY claim_id").to_pylist()
    assert [row for row in after if row["said_at"] == NOON] == before.to_pylist()
    new = {(row["subject"], row["claim"]) for row in after if row["said_at"] != NOON}
    assert new <= {("shop.month", "breach"), ("shop.month", "total")}
    assert new


def test_an_announced_event_is_told_and_makes_a_new_run(world: World, tmp_path: Path) -> None:
    with closing(StateDb.open(state_url(tmp_path), world.clock)) as state:
        events = ExpectedEvents(state)
        world.forecaster.knowing = Knowledge(world.store, events.all)
        world.run()
        assert world.run() == "nothing has changed"
        events.add("launch", NOON + DAY, NOON + 3 * DAY, who="ada", now=NOON, platform="shop", note="spring")
        known = world.forecaster.knowing(dict(world.forecaster.packs), NOON)
        assert known.table is not None
        assert known.table.num_rows == 3
        world.clock.advance(timedelta(minutes=1))
        assert "series forecast" in world.run()
        assert world.run() == "nothing has changed"


def test_a_country_s_holidays_are_known(world: World) -> None:
    packs = {"shop": world.pack.model_copy(update={"country": "DE"})}
    known = Knowledge(world.store, lambda **_: ())(packs, NOON)
    assert known.table is not None
    days = set(known.table["day"].to_pylist())
    assert {date(2026, 12, 25), date(2026, 10, 3), date(2027, 1, 1)} <= days
    assert date(2026, 12, 24) not in days
    assert Knowledge(world.store, lambda **_: ())({"shop": world.pack}, NOON) == Known()


def test_a_kill_between_fit_and_store_leaves_nothing_and_is_made_good(world: World) -> None:
    def killed(message: bytes, *, limit_s: float, stopping: Callable[[], bool]) -> tuple[bytes, float]:
        in_process(message)
        raise KeyboardInterrupt

    world.forecaster.ask = killed
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert world.count("forecast_runs") + world.count("forecast_claims") + world.count("forecast_paths") == 0
    world.forecaster.ask = in_process
    assert "series forecast" in world.run()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("import os; os.abort()", "the forecaster died of SIGABRT", id="it aborts"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "for want of memory", id="it is killed"),
        pytest.param("import sys; sys.exit('no room for it')", "the forecaster failed: no room for it", id="it says why"),
        pytest.param("import time; time.sleep(60)", "took longer than 1 s", id="it takes too long"),
        pytest.param("print('nonsense', end='')", "cannot be read|cut off", id="it answers nonsense"),
    ],
)
def test_a_worker_that_fails_is_a_failed_run_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setattr(forecast_worker, "COMMAND", [sys.executable, "-c", code])
    world.forecaster.ask = lambda message, *, limit_s, stopping: forecast_worker.ask(
        message, limit_s=1 if "sleep" in code else 30
    )
    with pytest.raises(StoreError, match=words):
        world.run()
    assert world.count("forecast_runs") == 0


def test_a_worker_that_is_ended_because_the_server_stops_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_worker, "COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(StoreError, match="the server stopped while it was forecasting"):
        forecast_worker.ask(b"", limit_s=30, stopping=lambda: True)


def test_the_age_of_the_forecast_is_told_whatever_becomes_of_the_next(world: World) -> None:
    def broken(message: bytes, *, limit_s: float = 60, stopping: Callable[[], bool] = lambda: False) -> tuple[bytes, float]:
        raise StoreError("the forecaster was killed", "forecast worker")

    world.forecaster.ask = broken
    with pytest.raises(StoreError):
        world.run()
    assert math.isnan(FORECAST_AGE._value.get())  # there is none, which is not one of this moment
    world.forecaster.ask = in_process
    world.run()
    assert FORECAST_AGE._value.get() == 0
    world.forecaster.ask = broken
    world.clock.advance(2 * DAY)
    with pytest.raises(StoreError):
        world.run()
    assert FORECAST_AGE._value.get() == 2 * DAY.total_seconds()


def test_the_worker_is_another_process_and_says_the_same(world: World) -> None:
    world.run()
    here = world.store.select("SELECT claim_id, probability, low, high FROM forecast_claims ORDER BY claim_id").to_pylist()
    for table in ("forecast_runs", "forecast_points", "forecast_paths", "forecast_claims"):
        with world.store.transaction() as tx:
            tx.execute(f"DELETE FROM {table}")
    world.forecaster.ask = forecast_worker.ask
    assert "s of CPU" in world.run()
    there = world.store.select("SELECT claim_id, probability, low, high FROM forecast_claims ORDER BY claim_id").to_pylist()
    assert [row["claim_id"] for row in there] == [row["claim_id"] for row in here]
    for one, other in zip(here, there, strict=True):
        assert {
            name: value and pytest.approx(value, rel=1e-4, abs=1e-6) for name, value in one.items() if name != "claim_id"
        } == {name: value for name, value in other.items() if name != "claim_id"}


def test_of_two_servers_one_forecasts(world: World, tmp_path: Path) -> None:
    asked: list[str] = []

    def counted(name: str) -> Forecaster:
        def ask(message: bytes, *, limit_s: float, stopping: Callable[[], bool]) -> tuple[bytes, float]:
            asked.append(name)
            return in_process(message)

        return Forecaster(world.store, {"shop": world.pack}, ask=ask)

    with closing(StateDb.open(state_url(tmp_path), world.clock)) as state:
        servers = [Schedule([*forecast_jobs(counted(name))], state, world.clock, holder=name) for name in ("one", "two")]
        runs = [server.run_now("forecast") for server in servers]
    assert [run.outcome for run in runs if run is not None] == [Outcome.OK, Outcome.OK]
    assert asked == ["one"]
    assert runs[1] is not None
    assert runs[1].words == "nothing has changed"


def test_another_server_s_run_is_seen(world: World) -> None:
    forecasts = Forecasts(world.store)
    assert forecasts.run_id() == ""
    world.run()
    assert forecasts.refresh(at_once=True)
    first = forecasts.run_id()
    world.clock.advance(DAY)
    world.run()
    assert forecasts.refresh(at_once=True)
    assert forecasts.run_id() != first
    assert not forecasts.refresh(at_once=True)


def test_only_the_newest_two_runs_keep_their_paths(world: World) -> None:
    for _ in range(4):
        world.run()
        world.clock.advance(DAY)
    paths = world.store.select("SELECT target, count(*) AS n FROM forecast_paths GROUP BY target").to_pylist()
    assert {row["n"] for row in paths} == {2}
    assert world.count("forecast_runs") > 2 * len(paths)


def test_claims_are_scored_once_their_time_is_over(world: World) -> None:
    world.run()
    assert track_record(world.store).words.startswith(NONE_YET)
    assert track_record(world.store).lines == ()
    world.clock.advance(8 * DAY)
    # The rest of the day and seven more came, each hour with ten dollars.
    more = usage(world.pack, date(2026, 11, 20), 8, each_hour=lambda n: 10, skip=lambda at: at < NOON)
    stored(world.store, world.clock, ["UTC", "Europe/Berlin"], usage=more)
    assert "scored" in world.run()
    came = histories(world.store, world.pack, plan_of(world.pack), world.clock.now())["shop/spend"].values[-8:]
    assert list(came[1:]) == [240.0] * 7
    scored = world.store.select(
        "SELECT c.horizon_days, s.outcome, s.score, c.low, c.high FROM forecast_scores s JOIN forecast_claims c USING (claim_id) "
        "WHERE c.subject = 'shop/spend' AND s.measure = 'covered' ORDER BY c.said_at, c.horizon_days"
    ).to_pylist()
    assert [(row["horizon_days"], row["outcome"]) for row in scored] == [
        (1, pytest.approx(came[0])),
        (7, pytest.approx(came[:7].sum())),
    ]
    assert all(row["score"] == float(row["low"] <= row["outcome"] <= row["high"]) for row in scored)
    before = world.count("forecast_scores")
    world.clock.advance(DAY)
    world.run()
    again = world.store.select("SELECT claim_id, measure, count(*) AS n FROM forecast_scores GROUP BY ALL HAVING n > 1")
    assert again.num_rows == 0
    assert world.count("forecast_scores") >= before


def test_a_replay_makes_a_record_of_earlier_mornings_alone(world: World) -> None:
    assert world.forecaster.replay(NOON).words == "waits for the first forecast"
    world.run()
    assert "claims replayed of shop" in world.forecaster.replay(NOON).words
    assert world.forecaster.replay(NOON).words == "every platform has a record"
    record = track_record(world.store)
    assert record.of(Made.REPLAYED)
    assert not record.of(Made.LIVE)
    assert record.total(Made.LIVE).waiting == record.total(Made.LIVE).claims > 0
    claims = world.store.select("SELECT said_at, about_from, about_to FROM forecast_claims WHERE made = 'replayed'").to_pylist()
    assert all(row["said_at"] == row["about_from"] < row["about_to"] for row in claims)
    assert min(row["about_from"] for row in claims) >= NOON - (DAYS - 28) * DAY - DAY
    assert record.total(Made.REPLAYED).coverage is not None


def test_what_came_after_an_origin_does_not_change_what_was_said(world: World) -> None:
    world.run()
    world.forecaster.replay(NOON)
    said = {
        row["claim_id"]: row
        for row in world.store.select(
            "SELECT claim_id, probability, low, middle, high FROM forecast_claims WHERE made = 'replayed' AND about_from < TIMESTAMPTZ '2026-11-01'"
        ).to_pylist()
    }
    world.store.run(lambda tx: tx.execute("DELETE FROM usage_15m WHERE bucket >= TIMESTAMPTZ '2026-11-05'"))
    world.store.run(lambda tx: tx.execute("DELETE FROM forecast_claims WHERE made = 'replayed'"))
    world.store.run(lambda tx: tx.execute("DELETE FROM forecast_scores"))
    world.forecaster.replay(NOON)
    again = {
        row["claim_id"]: row
        for row in world.store.select(
            "SELECT claim_id, probability, low, middle, high FROM forecast_claims WHERE made = 'replayed' AND about_from < TIMESTAMPTZ '2026-11-01'"
        ).to_pylist()
    }
    assert said
    assert {name: row for name, row in again.items() if name in said} == {name: said[name] for name in again if name in said}


def test_history_that_is_still_read_is_waited_for(world: World) -> None:
    world.store.run(lambda tx: tx.execute("UPDATE cursors SET caught_up = false"))
    assert world.run() == "waits for history"
    forecasts = Forecasts(world.store, world.forecaster.waiting)
    found = forecasts.of(world.pack, world.pack.limit("month"))
    assert isinstance(found, Outlook)
    assert found.no_date is NoDate.HALF_READ


def test_a_server_that_is_starting_does_not_wait_for_a_forecast(world: World) -> None:
    world.forecaster.may_begin = lambda: False
    assert world.run().startswith("waits for the server")
    assert world.count("forecast_runs") == 0
