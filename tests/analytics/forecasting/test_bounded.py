"""What never passed a whole is not said to: hit rates, error rates, use of what cannot be overdrawn. What can pass it is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.forecasting.daily import Daily
from analytics.forecasting.fitting import Asked, say
from analytics.forecasting.joined import join
from analytics.forecasting.limit import outlook
from analytics.forecasting.targets import Join, Recipe, Statistic, Subject, Target, plan_of
from roomleft.limits import Direction, Kind, Limit
from roomleft.outlook import Made, Shape
from roomleft.packs_meters import GaugeMeter
from tests.analytics.budget_shop import shop
from tests.analytics.forecasting.drawn import NOW, TODAY, futures, reading

UTC_ZONE = ZoneInfo("UTC")
METER = GaugeMeter(kind="gauge", unit="percent", series="hits")
TARGET = Target("shop/hits", "shop", METER, "percent", "Hits", Shape.LEVEL, Statistic.MEAN, UTC_ZONE)


def limit(amount: str, direction: Direction = Direction.AT_LEAST) -> Limit:
    return Limit("shop.hits", "shop", Kind.RATIO, "Hits", Decimal(amount), "percent", "hits", direction=direction)


def parts(known: float, days: int = 28, draws: int = 2) -> list:
    return [
        futures([[101, 90]] * draws, past=[known] + [80.0] * (days - 1)),
        futures([[100, 100]] * draws, past=[100.0] * days),
    ]


@pytest.mark.parametrize(
    ("given", "share", "first"),
    [
        (parts(100), True, 1.0),
        (parts(100), False, 1.01),
        (parts(101), True, 1.01),
        (parts(100, days=27), True, 1.01),
        (parts(100, draws=1), True, 1.01),
    ],
    ids=["a part of it", "not of one kind", "passed it once", "too young to know", "what came is left as it came"],
)
def test_a_part_is_no_more_than_its_whole(given: list, share: bool, first: float) -> None:
    found = join("ratio", given, 100, share=share)
    assert found.values[0].tolist() == pytest.approx([100 * first, 90])


METERS = """
  all: {kind: count, of: images, unit: images}
  free: {kind: count, of: images, unit: images, where: {tier: free}}
  cost: {kind: cost, unit: usd}
  red: {kind: cost, unit: usd, where: {team: red}}
  users: {kind: distinct_users, unit: users, over: 30d}
  free_share: {kind: ratio, unit: percent, part: free, whole: all, scale: 100}
  overdrawn: {kind: ratio, unit: percent, part: free, whole: all, scale: 100, title: Of a quota that can be passed}
  cost_share: {kind: ratio, unit: percent, part: red, whole: cost, scale: 100}
  per_user: {kind: ratio, unit: images, part: free, whole: users}
"""


def test_only_a_part_of_one_kind_that_nobody_asks_about_beyond_the_whole_is_a_share(tmp_path: Path) -> None:
    limits = "\n".join(
        f"  - {{id: {name}, kind: ratio, title: A share, amount: {amount}, unit: {unit}, meter: {name}, window: month, owner: o}}"
        for name, amount, unit in [
            ("free_share", 30, "percent"), ("overdrawn", 120, "percent"), ("cost_share", 30, "percent"), ("per_user", 3, "images"),
        ]
    )  # fmt: skip
    pack = shop(tmp_path, METERS.strip("\n"), limits)
    found = {subject.name: subject.recipe.share for subject in plan_of(pack).subjects if subject.limit is not None}
    assert found == {"shop.free_share": True, "shop.overdrawn": False, "shop.cost_share": False, "shop.per_user": False}


def highest(history: np.ndarray, own: Limit) -> float:
    subject = Subject(own.limit_id, "shop", "ratio", "Hits", "percent", Recipe(Join.TARGET, Shape.LEVEL, target=TARGET), own)
    daily = Daily(TARGET, datetime(2026, 3, 1, tzinfo=UTC).date(), history)
    points = say(Asked("r", Made.LIVE, NOW, (subject,), {TARGET.name: daily})).points
    return max(point["p95"] for point in points)


def test_a_level_in_per_cent_stays_within_its_whole() -> None:
    history = np.minimum(98.5 + 1.5 * np.random.default_rng(1).standard_normal(90), 100.0)
    assert highest(history, limit("90")) == 100.0
    assert highest(history, limit("150", Direction.AT_MOST)) > 100, "what a limit beyond the whole asks about is not held back"
    history[10] = 100.5
    assert highest(history, limit("90")) > 100, "it has passed it before"


def test_a_reading_above_its_paths_does_not_lift_them_beyond_the_whole() -> None:
    drawn = futures(np.linspace(90, 100, 40)[:, None] * np.ones(40), shape=Shape.LEVEL, past=97 + np.sin(np.arange(40)))
    said = outlook(limit("90"), reading(99.9), drawn, NOW)
    assert said.ends_p90 is not None
    assert said.ends_p90 <= 100
    free = outlook(limit("150", Direction.AT_MOST), reading(99.9), drawn, NOW)
    assert drawn.first_day == TODAY
    assert free.p_breach == pytest.approx(0, abs=0.05)
