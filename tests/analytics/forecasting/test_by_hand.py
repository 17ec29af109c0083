"""Sums done another way: readings that are behind, days that have not come, origins east of Greenwich, windows shorter than a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analytics.forecasting import origins as rolling_origins
from analytics.forecasting.calibration import Calibration, learn
from analytics.forecasting.claims import limit_claims, naive_scale
from analytics.forecasting.composing import compose
from analytics.forecasting.daily import Daily
from analytics.forecasting.fitting import Asked, Said, as_of
from analytics.forecasting.futures import Futures
from analytics.forecasting.known_days import known_days
from analytics.forecasting.limit import outlook
from analytics.forecasting.scoring import outcome
from analytics.forecasting.targets import plan_of
from analytics.forecasting.track_record import track_record
from roomleft.clock import FixedClock
from roomleft.limits import Reading
from roomleft.outlook import Made, Shape
from roomleft.packs import Pack, load_pack
from roomleft.timespan import midnight
from tests.analytics.forecasting.drawn import NOW, even, futures, limit
from tests.analytics.forecasting.test_scoring import actual, claim, run, subject_of
from tests.analytics.forecasting.world import world_pack
from warehouse import tables
from warehouse.store import Store, Transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAID = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return world_pack(tmp_path, "UTC")


def behind(used: float, at: datetime) -> Reading:
    """A reading of data that was read up to an instant, which may be two days ago."""
    return Reading(Decimal(repr(used)), at, 2 * DAY)


@pytest.mark.parametrize(
    ("lag", "days"),
    [
        pytest.param(timedelta(0), 19.5, id="read up to now"),
        pytest.param(12 * HOUR, 20.0, id="the hours of today that were not read are still to come"),
        pytest.param(36 * HOUR, 21.0, id="so is a day that is late"),
    ],
)
def test_what_was_not_read_yet_is_no_day_without_use(lag: timedelta, days: float) -> None:
    # 24 a day: at noon of 11 June 19.5 days of the month are left.
    said = outlook(limit(10_000), behind(100, NOW - lag), even(24.0), NOW)
    assert [float(each or 0) for each in (said.ends_p10, said.ends_p50, said.ends_p90)] == pytest.approx([100 + 24 * days] * 3)


def test_nothing_is_added_of_before_the_window_began() -> None:
    now = datetime(2026, 6, 1, 0, 10, tzinfo=UTC)
    said = outlook(limit(10_000), behind(0, now - 20 * HOUR), even(24.0, 31, first_day=now.date()), now)
    assert float(said.ends_p50 or 0) == pytest.approx(24 * 30)


def test_what_was_not_read_counts_in_a_rolling_window_too() -> None:
    rolls = limit(10_000, span=7 * DAY)
    past = np.full(60, 24.0)
    said = outlook(rolls, behind(6.5 * 24, NOW - 12 * HOUR), even(24.0, 40, past=past), NOW)
    assert float(said.ends_p50 or 0) == pytest.approx(7 * 24)
    # Six and a half days were read of a week: with the missing half day it is full, and passes 160 at once.
    soon = outlook(limit(160, span=7 * DAY), behind(6.5 * 24, NOW - 12 * HOUR), even(24.0, 40, past=past), NOW)
    assert soon.p_breach is not None
    assert soon.p_breach > 0.8
    assert soon.p50 is not None
    assert NOW <= soon.p50 <= NOW + DAY


def test_nothing_is_scored_while_its_last_days_have_not_come(pack: Pack) -> None:
    disk = subject_of(pack, "disk")
    said = replace(claim("breach", days=30, amount=100.0), subject="shop.disk", target="shop/disk#busiest")
    plan, first = plan_of(pack), date(2026, 11, 1)
    quiet = [50.0] * 19 + [60.0] * 27
    late = actual(plan, {"shop/disk#busiest": [*quiet, np.nan, np.nan, np.nan]}, first)
    assert outcome(said, disk, late) is None  # the day that passes it may be one of those to come
    assert outcome(replace(said, claim="exhausts"), disk, late) is None
    lost = actual(plan, {"shop/disk#busiest": [*quiet, np.nan, np.nan, np.nan, 70.0]}, first)
    assert outcome(said, disk, lost) == 0  # later days have come: these never will
    over = actual(plan, {"shop/disk#busiest": [*quiet[:-1], 101.0, np.nan, np.nan, np.nan]}, first)
    assert outcome(said, disk, over) == 1


def test_a_claim_of_a_window_of_hours_is_scored_in_its_own_measure(pack: Pack) -> None:
    # 240 a day are 10 an hour: 15 an hour are half again as much, which days tell only as days.
    subject = subject_of(pack, "month", window=limit(1, span=HOUR).window, amount=Decimal(15))
    spend = plan_of(pack).targets["shop/spend"]
    ahead = np.tile(np.linspace(200, 280, 92, dtype=np.float32), (400, 1))
    made = Futures(spend.name, "r", spend.shape, spend.zone, SAID.date(), ahead, np.full(60, 240.0), SAID, "by hand")
    said, _ = limit_claims(run({spend.name: made}), subject)
    breach = next(one for one in said if one.claim == "breach")
    assert breach.probability == pytest.approx(0.5 / 401)
    came = actual(plan_of(pack), {spend.name: [240.0] * 90}, date(2026, 10, 21))
    assert outcome(breach, subject, came) == 0
    busy = actual(plan_of(pack), {spend.name: [240.0] * 40 + [480.0] * 50}, date(2026, 10, 21))
    assert outcome(breach, subject, busy) == 1


def test_a_ratio_whose_parts_have_not_come_is_not_scored_by_an_older_one(pack: Pack) -> None:
    plan, subject = plan_of(pack), subject_of(pack, "each")
    spend, users = plan.targets["shop/spend"], plan.targets["shop/users#3d"]
    said = replace(claim("breach", days=7, amount=40.0), subject="shop.each")
    for lost in (spend.name, users.name):
        found = {spend.name: [10.0] * 60, users.name: [10.0] * 60}
        found[lost] = [*found[lost][:55], *[np.nan] * 5]
        came = actual(plan, found, date(2026, 9, 28))  # 53 days before, 7 after
        assert outcome(said, subject, came) is None, lost
    whole = actual(plan, {spend.name: [10.0] * 60, users.name: [10.0] * 60}, date(2026, 9, 28))
    assert outcome(said, subject, whole) == 0


def test_a_lost_day_drops_out_of_a_rolling_sum_again(pack: Pack) -> None:
    plan = plan_of(pack)
    subject = subject_of(pack, "month", window=limit(1, span=7 * DAY).window)
    came = actual(plan, {"shop/spend": [10.0] * 22 + [np.nan] + [10.0] * 30}, date(2026, 11, 1))
    said = replace(claim("total", days=30, amount=90.0), subject="shop.month")
    assert outcome(said, subject, came) == pytest.approx(70)


def test_a_lost_day_of_the_month_freezes_no_ratio_of_the_month(tmp_path: Path) -> None:
    pack = world_pack(tmp_path, "UTC")
    text = (tmp_path / "shop.yaml").read_text(encoding="utf-8")
    text = text.replace("  per_user: {kind", "  per_call: {kind: ratio, unit: usd, part: spend, whole: calls}\n  per_user: {kind")
    line = (
        "  - {id: per_call, kind: ratio, title: Per call, amount: '2', unit: usd, meter: per_call, window: month, owner: ops}\n"
    )
    (tmp_path / "shop.yaml").write_text(text.replace("  - {id: asked,", f"{line}  - {{id: asked,"), encoding="utf-8")
    pack = load_pack(tmp_path / "shop.yaml")
    plan = plan_of(pack)
    subject = plan.subject("shop.per_call")
    assert subject is not None
    past = np.full(40, 10.0)
    past[-5] = np.nan  # 15 November
    found = {
        target.name: replace(futures(np.full((4, 60), value), past=past), first_day=SAID.date(), target=target.name)
        for target, value in zip(subject.recipe.targets(), (40.0, 10.0), strict=True)
    }
    made = compose(subject.recipe, lambda target: found.get(target.name))
    assert isinstance(made, Futures)
    # 19 days of 10 to 10, then 11 of 40 to 10: by the 30th it is (190 + 440) to 300.
    assert made.values[:, 10] == pytest.approx(np.full(4, 630 / 300), rel=1e-5)


def test_a_rolling_total_is_scaled_by_errors_of_rolling_totals() -> None:
    rising = np.arange(60, dtype=np.float64)
    # Last week again is 7, 14, 21 … short by the day: of the sum of the last seven of ten days ahead, 3 days of 7 and 4 of 14.
    short = [7 * ((n // 7) + 1) for n in range(3, 10)]
    assert naive_scale(rising, Shape.FLOW, 10, span=7) == pytest.approx(sum(short))
    assert naive_scale(rising, Shape.FLOW, 10, span=10) == pytest.approx(naive_scale(rising, Shape.FLOW, 10))
    # Of the sum of twenty days, ten were known.
    assert naive_scale(rising, Shape.FLOW, 10, span=20) == pytest.approx(naive_scale(rising, Shape.FLOW, 10))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "UTC", "America/New_York", "Australia/Lord_Howe"])
def test_an_origin_learns_from_no_day_that_is_not_over(zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = world_pack(tmp_path, zone)
    plan = plan_of(pack)
    spend, first = plan.targets["shop/spend"], date(2026, 9, 1)
    learnt: list[tuple[date, list[Mapping[str, object]]]] = []
    at = [date(2026, 10, 10), date(2026, 10, 11), date(2026, 10, 12), date(2026, 10, 13)]
    said_at = iter(at)

    def say(asked: Asked, *, keep: bool) -> Said:
        origin = next(said_at)
        begin = midnight(origin, spend.zone)
        days = {"total": 1, "level": 2, "exhausts": 1}
        claims = [
            replace(claim(kind, days=n, low=1.0, middle=2.0, high=3.0), claim_id=f"{origin} {kind}", about_from=begin, about_to=midnight(origin + n * DAY, spend.zone),
                    subject="shop.disk" if kind == "exhausts" else spend.name, target="shop/disk#busiest" if kind == "exhausts" else spend.name)
            for kind, n in days.items()
        ]  # fmt: skip
        return Said([], [], [], claims)

    def learning(rows: list[Mapping[str, object]]) -> Calibration:
        learnt.append((at[len(learnt) + 1], rows))
        return Calibration()

    monkeypatch.setattr(rolling_origins, "say", say)
    monkeypatch.setattr(rolling_origins, "learn", learning)
    histories = {name: Daily(plan.targets[name], first, np.full(90, 9.0)) for name in (spend.name, "shop/disk#busiest")}
    rolling_origins.replayed(Asked("r", Made.REPLAYED, SAID, plan.subjects, histories), at, SAID)
    assert [origin for origin, _ in learnt] == at[1:]
    for origin, rows in learnt:
        ends = [row["about_to"] for row in rows]
        assert max(ends) == midnight(origin, spend.zone)  # type: ignore[type-var]
        # Live, too, a date that was said corrects no amount.
        assert {row["claim"] for row in rows} <= {"total", "level"}


def test_an_origin_knows_no_event_that_was_announced_later(pack: Pack) -> None:
    days = [date(2026, 10, 1) + n * DAY for n in range(3)]
    rows = [
        *({"day": day, "platform": "shop", "name": "launch 1", "value": 1.0, "known_from": date(2026, 9, 25)} for day in days),
        *({"day": day, "platform": "shop", "name": "campaign 2", "value": 1.0, "known_from": date(2026, 10, 3)} for day in days),
        *({"day": day, "platform": "shop", "name": "holiday", "value": 1.0, "known_from": None} for day in days[:1]),
    ]
    drivers = known_days(pa.Table.from_pylist(rows))
    assert drivers is not None
    asked = Asked("r", Made.LIVE, SAID, (), {}, drivers=drivers)

    def names(asked: Asked) -> set[str]:
        assert asked.drivers is not None
        found = asked.drivers("shop", date(2026, 9, 1), 60)
        return set() if found is None else set(found.columns)

    assert names(asked) == {"launch 1", "campaign 2", "holiday"}
    assert names(as_of(asked, date(2026, 9, 24), "o")) == {"holiday"}
    assert names(as_of(asked, date(2026, 9, 25), "o")) == {"holiday", "launch 1"}
    assert names(as_of(asked, date(2026, 10, 2), "o")) == {"holiday", "launch 1"}
    assert names(as_of(asked, date(2026, 10, 3), "o")) == {"holiday", "launch 1", "campaign 2"}


def test_a_range_is_judged_by_the_width_it_was_given(pack: Pack) -> None:
    rng = np.random.default_rng(5)
    said = [
        {"metric": "budget", "horizon_days": 12, "low": -1.2816, "middle": 0.0, "high": 1.2816, "outcome": came, "about_to": SAID + 12 * n * DAY}
        for n, came in enumerate(rng.normal(0, 1.2, 2000))
    ]  # fmt: skip
    # A month's end 12 days on was widened as all up to 35 days are.
    told = [{**one, "details": '{"width": {"1": 1.0, "7": 1.0, "30": 2.0}}'} for one in said]
    assert learn(told) == learn([{**one, "width": 2.0} for one in said])


def test_the_total_of_a_record_is_the_mean_of_its_claims(tmp_path: Path) -> None:
    """Two lines, of which one has but one claim with a scale: it counts once, not as often as it has ranges."""

    def line(metric: str, covered: list[float], errors: list[float], naive: list[float]) -> list[tuple[str, str, float]]:
        measures = (("covered", covered), ("error", errors), ("bias", errors), ("pinball", errors), ("naive_error", naive))
        return [(f"{metric} {n}", measure, score) for measure, values in measures for n, score in enumerate(values)]

    scores = [*line("budget", [1.0] * 9 + [0.0], [4.0], [8.0]), *line("slo", [1.0, 0.0], [1.0, 3.0], [2.0])]
    names = sorted({name for name, _, _ in scores})
    clock = FixedClock(SAID + 9 * DAY)
    claims = [
        {**asdict(replace(claim("total", days=7), claim_id=name, metric=name.split()[0])), "made": "live"} for name in names
    ]
    scored = [
        {"claim_id": name, "run_id": "r", "target": "t", "claim": "total", "measure": measure, "outcome": 1.0, "score": score, "scored_at": clock.now()}
        for name, measure, score in scores
    ]  # fmt: skip
    with Store.open(f"duckdb:///{tmp_path / 'w.duckdb'}", now=clock, threads=1) as store:

        def put(tx: Transaction) -> None:
            tx.insert("forecast_claims", pa.Table.from_pylist(claims, schema=tables.FORECAST_CLAIMS))
            tx.insert("forecast_scores", pa.Table.from_pylist(scored, schema=tables.FORECAST_SCORES))

        store.run(put)
        total = track_record(store).total(Made.LIVE)
    assert (total.claims, total.scored, total.ranges) == (12, 12, 12)
    assert total.coverage == pytest.approx(10 / 12)
    assert (total.bias, total.pinball) == (pytest.approx(8 / 3), pytest.approx(8 / 3))
    # Of the claims that both are known of: 4 and 1 against 8 and 2.
    assert (total.mase, total.naive_mase) == (pytest.approx(2.5), pytest.approx(5))


@pytest.mark.parametrize("amount", [100, 660, 310, 99.99, 1234.56])
def test_a_cost_that_is_the_budget_to_the_cent_just_lasts(amount: float) -> None:
    """Days are kept in single precision: what they add up to is a little more or less than what was paid."""
    start = datetime(2026, 12, 1, tzinfo=UTC)
    for hours in (0, 100, 500):
        now = start + timedelta(hours=hours)
        used = Decimal(str(amount)) * hours / (31 * 24)
        drawn = even(amount / 31, 40, first_day=now.date())
        said = outlook(limit(amount), Reading(used, now, HOUR), drawn, now)
        assert said.p_breach == pytest.approx(0.5 / 5), hours


def test_what_came_to_the_budget_to_the_cent_did_not_exceed_it(pack: Pack) -> None:
    month = subject_of(pack, "month", amount=Decimal("99.99"))
    came = actual(plan_of(pack), {"shop/spend": [99.99 / 30] * 30}, date(2026, 11, 1))
    said = replace(claim("breach", days=11, amount=99.99), subject="shop.month")
    assert outcome(said, month, came) == 0
    assert outcome(replace(said, amount=99.98), month, came) == 1
