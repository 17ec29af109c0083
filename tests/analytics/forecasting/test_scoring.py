"""Claims and how they come out: figures by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.claims import Claim, Run, limit_claims, naive_scale, target_claims
from analytics.forecasting.composing import compose
from analytics.forecasting.daily import Daily
from analytics.forecasting.futures import Futures
from analytics.forecasting.scoring import actual_from, outcome, scores
from analytics.forecasting.targets import Plan, Subject, Target, plan_of
from roomleft.limits import Limit
from roomleft.outlook import Made, NoDate, Outlook, Shape
from roomleft.packs import Pack
from tests.analytics.forecasting.world import world_pack

FIRST = date(2026, 11, 20)
SAID = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return world_pack(tmp_path, "UTC")


def futures(target: Target, values: list[float], past: list[float], draws: int = 400, no_date: NoDate | None = None) -> Futures:
    """Equal draws, each with this course."""
    ahead = np.tile(np.array(values, dtype=np.float32), (draws, 1))
    return Futures(target.name, "r", target.shape, target.zone, FIRST, ahead, np.array(past), SAID, "by hand", no_date)


def run(found: dict[str, Futures]) -> Run:
    return Run("r", Made.LIVE, SAID, lambda target: found.get(target.name), lambda target: found.get(target.name), Calibration())


def actual(plan: Plan, found: dict[str, list[float]], first: date) -> Callable[[Target], Futures | None]:
    daily = {name: Daily(plan.targets[name], first, np.array(values)) for name, values in found.items()}
    return actual_from(daily.get, FIRST)


def claim(kind: str, **said: float | None) -> Claim:
    days = int(said.pop("days", 7) or 7)
    return Claim(
        "c", "r", "shop/spend", "shop", Made.LIVE, "shop/spend", "budget", kind, days, SAID, SAID + days * DAY, SAID, **said
    )


CASES = {
    "a chance that came true": (claim("breach", probability=0.7), 1.0, {"brier": 0.09}),
    "one that did not": (claim("breach", probability=0.7), 0.0, {"brier": 0.49}),
    "inside": (
        claim("total", low=8, middle=10, high=14, naive=16, scale=2), 12.0,
        {"covered": 1, "error": 1, "bias": -1, "naive_error": 2, "pinball": (0.1 * 4 + 0.5 * 2 + 0.1 * 2) / 3 / 2},
    ),
    "above": (
        claim("total", low=8, middle=10, high=14, naive=16, scale=2), 16.0,
        {"covered": 0, "error": 3, "bias": -3, "naive_error": 0, "pinball": (0.1 * 8 + 0.5 * 6 + 0.9 * 2) / 3 / 2},
    ),
    "on the edge": (claim("level", low=8, middle=10, high=14), 14.0, {"covered": 1}),
    "without a scale": (claim("level", low=0, middle=0, high=0, scale=0), 0.0, {"covered": 1}),
    "a date in time": (claim("exhausts", low=3, middle=5, high=9, days=9), 4.5, {"covered": 1}),
    "a date that passed by": (claim("exhausts", low=3, middle=5, high=9, days=9), 9.0, {"covered": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("said", "came", "expected"), CASES.values(), ids=CASES.keys())
def test_a_claim_scores(said: Claim, came: float, expected: dict[str, float]) -> None:
    assert {one.measure: one.score for one in scores(said, came, SAID)} == pytest.approx(expected)


def test_totals_and_levels_are_said_at_three_horizons(pack: Pack) -> None:
    plan = plan_of(pack)
    spend = plan.targets["shop/spend"]
    found = run({spend.name: futures(spend, [10.0] * 92, [9.0, 11.0] * 20)})
    said = {each.horizon_days: each for each in target_claims(found, spend, "budget")}
    assert {days: (each.claim, each.low, each.middle, each.high) for days, each in said.items()} == {
        1: ("total", 10, 10, 10), 7: ("total", 70, 70, 70), 30: ("total", 300, 300, 300),
    }  # fmt: skip
    assert said[30].about_to == SAID + 30 * DAY
    disk = plan.targets["shop/disk#busiest"]
    level = run({disk.name: futures(disk, [float(day) for day in range(92)], [1.0] * 30)})
    assert [each.middle for each in target_claims(level, disk, "storage")] == [0, 6, 29]


@pytest.mark.parametrize("why", [NoDate.TOO_SHORT, NoDate.ALL_ZERO, NoDate.NOT_FINITE, NoDate.STALE])
def test_nothing_is_claimed_without_grounds(pack: Pack, why: NoDate) -> None:
    spend = plan_of(pack).targets["shop/spend"]
    assert target_claims(run({spend.name: futures(spend, [1.0] * 92, [1.0] * 9, no_date=why)}), spend, "budget") == []


def test_the_scale_is_the_mean_error_of_repeating_the_week_before() -> None:
    rising = np.arange(40, dtype=np.float64)
    assert naive_scale(rising, Shape.FLOW, 1) == pytest.approx(7)
    assert naive_scale(rising, Shape.FLOW, 7) == pytest.approx(49)
    assert naive_scale(rising, Shape.LEVEL, 7) == pytest.approx(7)
    assert naive_scale(np.ones(40), Shape.FLOW, 7) is None
    assert naive_scale(np.ones(5), Shape.FLOW, 7) is None
    assert naive_scale(np.array([]), Shape.LEVEL, 1) is None


def subject_of(pack: Pack, name: str, **changed: object) -> Subject:
    found = plan_of(pack).subject(f"shop.{name}")
    assert found is not None
    assert found.limit is not None
    limit: Limit = replace(found.limit, **changed)  # type: ignore[arg-type]
    return replace(found, limit=limit)


def test_a_month_counts_what_is_used_so_far(pack: Pack) -> None:
    subject = subject_of(pack, "month")  # 900 dollars
    spend = plan_of(pack).targets["shop/spend"]
    # 19 days of 30 are 570; 11 more of 30 end at 900: not above it. Of 31 they do.
    for each, chance in ((30.0, 0.0), (31.0, 1.0)):
        said, _ = limit_claims(run({spend.name: futures(spend, [each] * 92, [30.0] * 50)}), subject)
        breach = next(one for one in said if one.claim == "breach")
        assert breach.horizon_days == 11
        assert breach.amount == 900
        assert breach.probability == pytest.approx(chance, abs=0.01)
        total = next(one for one in said if one.claim == "total")
        assert total.middle == pytest.approx(570 + 11 * each)
    gone, _ = limit_claims(run({spend.name: futures(spend, [1.0] * 92, [60.0] * 50)}), subject)
    assert gone == []


def test_an_error_budget_is_a_share_of_what_was_served(pack: Pack) -> None:
    plan, subject = plan_of(pack), subject_of(pack, "failed")
    errors, served = plan.targets["shop/errors"], plan.targets["shop/served"]
    found = {errors.name: futures(errors, [5.0] * 92, [5.0] * 50), served.name: futures(served, [1000.0] * 92, [1000.0] * 50)}
    said, _ = limit_claims(run(found), subject)
    assert {one.claim: one.amount for one in said} == {"breach": 70, "total": 70}
    assert next(one for one in said if one.claim == "total").middle == pytest.approx(35)


def test_outcomes_are_of_the_days_that_came(pack: Pack) -> None:
    plan = plan_of(pack)
    month, disk = subject_of(pack, "month"), subject_of(pack, "disk")
    first = date(2026, 11, 1)
    came = actual(
        plan,
        {"shop/spend": [30.0] * 19 + [20.0] * 11, "shop/disk#busiest": [50.0] * 19 + [90.0, 95.0, 101.0, 99.0] + [80.0] * 30},
        first,
    )
    base = claim("total", days=7)
    assert outcome(base, plan.targets["shop/spend"], came) == 140
    assert outcome(replace(base, horizon_days=12), plan.targets["shop/spend"], came) is None
    ends = {"subject": "shop.month", "horizon_days": 11, "about_to": SAID + 11 * DAY}
    assert outcome(replace(base, **ends, amount=900.0), month, came) == pytest.approx(570 + 220)
    assert outcome(replace(base, **ends, claim="breach", amount=900.0), month, came) == 0
    assert outcome(replace(base, **ends, claim="breach", amount=789.0), month, came) == 1
    stock = replace(base, subject="shop.disk", horizon_days=30, claim="breach", amount=100.0)
    assert outcome(stock, disk, came) == 1
    assert outcome(replace(stock, amount=102.0), disk, came) == 0
    assert outcome(replace(stock, claim="exhausts"), disk, came) == 2.5


def test_days_that_nobody_knows_are_not_scored(pack: Pack) -> None:
    plan = plan_of(pack)
    came = actual(plan, {"shop/spend": [30.0] * 19 + [20.0, np.nan] + [20.0] * 9}, date(2026, 11, 1))
    assert outcome(claim("total", days=7), plan.targets["shop/spend"], came) is None
    assert outcome(claim("total", days=1), plan.targets["shop/spend"], came) == 20


def test_a_ratio_is_made_of_the_sums_of_its_parts(pack: Pack) -> None:
    plan, subject = plan_of(pack), subject_of(pack, "each")
    spend, users = plan.targets["shop/spend"], plan.targets["shop/users#3d"]
    found = {spend.name: futures(spend, [20.0] * 92, [10.0] * 60), users.name: futures(users, [5.0] * 92, [5.0] * 60)}
    made = compose(subject.recipe, lambda target: found.get(target.name), "shop.each")
    assert isinstance(made, Futures)
    assert made.target == "shop.each"
    assert made.values[0, 0] == pytest.approx((29 * 10 + 20) / 5)
    assert made.values[0, 29] == pytest.approx(30 * 20 / 5)
    assert made.past[-1] == pytest.approx(60)
    missing = compose(subject.recipe, lambda target: found.get(target.name) if target.name == spend.name else None)
    assert isinstance(missing, Outlook)
    assert missing.no_date is NoDate.NO_DATA


def test_a_day_of_25_hours_weighs_more_in_a_sum(tmp_path: Path) -> None:
    pack = world_pack(tmp_path)
    plan = plan_of(pack)
    spend = plan.targets["shop/spend"]
    found = replace(futures(spend, [24.0] * 92, [24.0] * 60), first_day=date(2026, 10, 24), zone=ZoneInfo("Europe/Berlin"))
    week = {each.horizon_days: each.middle for each in target_claims(run({spend.name: found}), spend, "budget")}
    assert week[7] == pytest.approx(7 * 24 + 1)
