"""What changed with a deploy: the hour before and after, and how sure that is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.deploy_effect import Measured, deploy_effects, side_of
from tests.dashboards.sample_rows import NOW, sample_parts

ROW: dict[str, Any] = {
    "requests": 400, "failed_requests": 8, "p99_ms": 950.0, "p99_low_ms": 800.0, "p99_high_ms": None, "cost_usd": Decimal("2.0"),
    "priced_requests": 400, "priced_calls": 400, "cost_sd_usd": 0.01,
}  # fmt: skip


def test_a_side_has_the_range_of_each_figure() -> None:
    side = side_of(ROW)
    assert side.error_rate is not None
    assert side.error_rate.value == pytest.approx(0.02)
    # Clopper and Pearson's of 8 in 400.
    assert (side.error_rate.low, side.error_rate.high) == pytest.approx((0.008672, 0.039030), abs=1e-5)
    assert side.p99_ms == Measured(950.0, 800.0, None)
    assert side.usd_per_call is not None
    assert side.usd_per_call.value == pytest.approx(0.005)
    assert side.usd_per_call.high == pytest.approx(0.005 + 1.959964 * 0.01 / 20)


def test_an_empty_side_says_nothing() -> None:
    side = side_of({**ROW, "requests": 0, "failed_requests": 0, "p99_ms": None, "priced_requests": 0})
    assert (side.error_rate, side.p99_ms, side.usd_per_call) == (None, None, None)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (Measured(1, 0.5, 1.5), Measured(3, 2.5, 3.5), True), (Measured(3, 2.5, 3.5), Measured(1, 0.5, 1.5), True),
        (Measured(1, 0.5, 2.6), Measured(3, 2.5, 3.5), False), (Measured(9, None, None), Measured(1, 0.5, 1.5), False),
        (Measured(9, 8, None), Measured(1, 0.5, 1.5), True),
    ],
)  # fmt: skip
def test_only_ranges_that_do_not_touch_are_apart(one: Measured, other: Measured, apart: bool) -> None:
    assert one.apart(other) is apart


def test_the_calls_on_each_side_are_those_of_the_hour_less_where_another_deploy_is_nearer() -> None:
    parts = sample_parts()
    try:
        first = NOW - timedelta(hours=5)
        ats = [first, first + timedelta(minutes=20), NOW - timedelta(minutes=10)]
        told = deploy_effects(parts.store, "scribe", ats, NOW)
        assert [(told[at].before_for, told[at].after_for) for at in ats] == [
            (timedelta(hours=1), timedelta(minutes=20)), (timedelta(minutes=20), timedelta(hours=1)), (timedelta(hours=1), timedelta(minutes=10)),
        ]  # fmt: skip
        count = "SELECT coalesce(sum(requests), 0)::BIGINT AS n FROM ai_usage WHERE platform = 'scribe' AND occurred_at >= $a AND occurred_at < $b"
        for at in ats:
            for side, a, b in ((told[at].before, at - told[at].before_for, at), (told[at].after, at, at + told[at].after_for)):
                (row,) = parts.store.select(count, {"a": a, "b": b}).to_pylist()
                assert side.requests == row["n"]
        assert sum(told[at].before.requests + told[at].after.requests for at in ats) > 0
    finally:
        parts.store.close()


def test_without_deploys_nothing_is_read() -> None:
    assert deploy_effects(None, "scribe", [], datetime(2026, 11, 20, tzinfo=UTC)) == {}  # type: ignore[arg-type]
