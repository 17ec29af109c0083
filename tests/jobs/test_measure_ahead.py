"""Measuring with forecasts: what is foreseen is stored and shown, a failing forecast costs a date and never a measurement."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.measure import Paces, measure
from roomleft.clock import FixedClock
from roomleft.limits import Headroom, Limit, Reading, State
from roomleft.metrics import EXHAUSTION_SECONDS, ORDER_SECONDS, P_BREACH
from roomleft.outlook import NoDate, Outlook
from roomleft.packs import Pack
from roomleft.timespan import Period, Window
from tests.jobs.test_measure import MINUTE, give, packs, store
from warehouse.store import Store

__all__ = ["packs", "store"]
DAY = timedelta(days=1)
QUERY = "scribe.database_query"
QUARTER = timedelta(seconds=15)


class Foreseen:
    """A forecast that says what the test tells it to."""

    def __init__(self) -> None:
        self.outlook: Outlook | Exception = Outlook.none(NoDate.NO_DATA)
        self.asked: list[tuple[str, Decimal | None]] = []

    def __call__(self, pack: Pack, limit: Limit, reading: Reading, now: datetime) -> Outlook:
        self.asked.append((limit.limit_id, reading.amount))
        if limit.limit_id != QUERY:
            return Outlook.none(NoDate.TOO_SHORT)
        if isinstance(self.outlook, Exception):
            raise self.outlook
        return self.outlook


@pytest.fixture
def foreseen() -> Foreseen:
    return Foreseen()


@pytest.fixture
def measured(store: Store, clock: FixedClock, packs: dict[str, Pack], foreseen: Foreseen) -> Any:
    give(store, clock, "query_time_ms", "database", 20)
    paces = Paces(foresee=foreseen)

    def run(outlook: Outlook | Exception, after: timedelta = QUARTER) -> Headroom:
        clock.advance(after)
        foreseen.outlook = outlook
        return {row.limit_id: row for row in measure(store, packs, clock.now(), paces)}[QUERY]

    return run


def likely(now: datetime, chance: float = 0.6, days: float = 20) -> Outlook:
    dates = [now + share * days * DAY for share in (0.5, 1, 1.5)]
    return Outlook(chance, now + 30 * DAY, *dates, Decimal(40), Decimal(55), Decimal(80), basis="trend, 90 days", run_id="r7")


def stored(store: Store) -> list[dict[str, Any]]:
    return store.select("SELECT * FROM headroom WHERE limit_id = $id ORDER BY as_of", {"id": QUERY}).to_pylist()


def test_what_is_foreseen_is_stored_and_shown(measured: Any, store: Store, clock: FixedClock, foreseen: Foreseen) -> None:
    row = measured(likely(clock.now()))
    assert (row.p_breach, row.forecast_run, row.basis) == (0.6, "r7", "trend, 90 days")
    (kept,) = stored(store)
    same = ("p_breach", "about_to", "order_by", "exhausts_p50", "ends_p10", "ends_p90", "no_date", "forecast_run")
    assert {name: kept[name] for name in same} == {name: getattr(row, name) for name in same}
    assert P_BREACH.labels(QUERY, "scribe")._value.get() == 0.6
    seconds = [EXHAUSTION_SECONDS.labels(QUERY, "scribe", quantile)._value.get() / 86_400 for quantile in ("0.1", "0.5", "0.9")]
    assert seconds == pytest.approx([10, 20, 30], abs=0.001)
    assert ORDER_SECONDS.labels(QUERY, "scribe")._value.get() == pytest.approx((row.order_by - row.as_of).total_seconds())
    # Only what reads something is asked about; the rest is unknown as it was.
    assert {limit_id for limit_id, _ in foreseen.asked} == {QUERY, f"{QUERY}_threshold"}


def test_a_forecast_that_fails_costs_the_date_and_not_the_measurement(
    measured: Any, store: Store, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        rows = [measured(ZeroDivisionError("odd")) for _ in range(3)]
    assert {(row.state, row.p_breach, row.exhausts_p50, row.no_date) for row in rows} == {(State.OK, None, None, "failed")}
    assert rows[0].fraction_left == pytest.approx(0.6)
    # Said once, not every fifteen seconds.
    assert len([record for record in caplog.records if "forecast" in record.message]) == 1
    assert math.isnan(P_BREACH.labels(QUERY, "scribe")._value.get())
    assert math.isnan(EXHAUSTION_SECONDS.labels(QUERY, "scribe", "0.5")._value.get())
    assert measured(likely(clock.now())).p_breach == 0.6


@pytest.mark.parametrize(
    ("then", "is_stored"),
    [
        pytest.param(lambda at: likely(at, 0.605), False, id="a chance hardly likelier"),
        pytest.param(lambda at: likely(at, 0.61), True, id="a chance likelier by a hundredth"),
        pytest.param(lambda at: likely(at, 0.6, 20.2), False, id="a date hardly later"),
        pytest.param(lambda at: likely(at, 0.6, 21), True, id="a date a day later"),
        pytest.param(lambda at: Outlook(0.6, at + 30 * DAY, run_id="r7"), True, id="no date any more"),
        pytest.param(lambda at: Outlook.none(NoDate.TOO_GAPPY), True, id="no chance any more"),
    ],
)
def test_a_changed_chance_or_date_is_stored_before_the_minute_is_over(
    measured: Any, store: Store, clock: FixedClock, then: Any, is_stored: bool
) -> None:
    at = clock.now()
    measured(likely(at))
    measured(then(at))
    assert len(stored(store)) == 1 + is_stored


def test_the_reason_without_a_date_is_news_too(measured: Any, store: Store) -> None:
    measured(Outlook.none(NoDate.TOO_SHORT))
    measured(Outlook.none(NoDate.TOO_GAPPY))
    assert [row["no_date"] for row in stored(store)] == ["too_short", "too_gappy"]


def test_without_forecasts_nothing_is_asked(store: Store, clock: FixedClock, packs: dict[str, Pack]) -> None:
    give(store, clock, "query_time_ms", "database", 20)
    clock.advance(MINUTE)
    row = {row.limit_id: row for row in measure(store, packs, clock.now(), Paces())}[QUERY]
    assert (row.p_breach, row.forecast_run) == (None, None)


def test_a_date_does_not_come_and_go_with_a_chance_near_the_line(
    store: Store, clock: FixedClock, packs: dict[str, Pack], foreseen: Foreseen, monkeypatch: pytest.MonkeyPatch
) -> None:
    windowed = [
        replace(limit, window=Window(Period.MONTH, ZoneInfo("UTC")), tight_below=Decimal(0))
        for limit in packs["scribe"].limit_list()
        if limit.limit_id == QUERY
    ]
    monkeypatch.setattr(Pack, "limit_list", lambda pack: windowed)
    give(store, clock, "query_time_ms", "database", 20)

    def dated(chance: float) -> bool:
        clock.advance(QUARTER)
        foreseen.outlook = likely(clock.now(), chance, 5)
        # Another server, or the same one after a restart, remembers nothing but what is stored.
        (row,) = measure(store, packs, clock.now(), Paces(foresee=foreseen))
        assert (row.state is State.TIGHT) == (row.order_by is not None)
        return row.order_by is not None

    chances = (0.48, 0.5, 0.495, 0.505, 0.45, 0.41, 0.39, 0.48, 0.6)
    assert [dated(chance) for chance in chances] == [False, True, True, True, True, True, False, False, True]
