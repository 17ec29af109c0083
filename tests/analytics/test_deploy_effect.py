"""What changed with a deploy: the hour before and after, and how sure that is."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.deploy_effect import Measured, deploy_effects, side_of
from analytics.slo_interval import interval
from tests.dashboards.sample_rows import NOW, sample_parts

ROW: dict[str, Any] = {
    "requests": 400, "failed_requests": 8, "p99_ms": 950.0, "p99_low_ms": 800.0, "p99_high_ms": None, "cost_usd": Decimal("2.0"),
    "priced_requests": 400, "priced_calls": 400, "cost_var": 0.0001, "requests_var": 0.0, "cost_requests_covar": 0.0, "requests_squared": 400.0,
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


def rows_of(store: Any, requests: list[int], costs: list[float], failed: int = 0) -> Any:
    """One side of a deploy at NOW: rows of so many requests at so much a row, of which the first `failed` failed, each of another latency."""
    given = {
        "n": list(range(len(requests))),
        "requests": requests,
        "costs": [Decimal(f"{cost:.9f}") for cost in costs],
        "failed": failed,
        "at": NOW,
    }

    def write(tx: Any) -> None:
        tx.execute(
            "INSERT INTO ai_usage BY NAME SELECT e.* REPLACE ('other' AS platform, 't' AS source, 'x' || g.n AS event_id, g.n::UBIGINT AS id_hash,"
            " g.many AS requests, CASE WHEN g.n < $failed THEN 'error' ELSE 'ok' END AS status, 100.0 + g.n AS latency_ms,"
            " $at::TIMESTAMPTZ + to_seconds(g.n) AS occurred_at)"
            " FROM (SELECT unnest($n::INTEGER[]) AS n, unnest($requests::INTEGER[]) AS many) AS g, (SELECT * FROM ai_usage WHERE event_id = 'e0') AS e",
            {name: given[name] for name in ("n", "requests", "failed", "at")},
        )
        tx.execute(
            "INSERT INTO cost_entries BY NAME SELECT u.event_id, u.source, u.id_hash, u.occurred_at, 1 AS revision, 'r' AS price_id, g.cost AS cost_usd,"
            " 'priced' AS cost_state, u.ingested_at AS recorded_at, 'ingest' AS reason FROM ai_usage AS u"
            " JOIN (SELECT unnest($n::INTEGER[]) AS n, unnest($costs::DECIMAL(18, 9)[]) AS cost) AS g ON u.event_id = 'x' || g.n",
            {name: given[name] for name in ("n", "costs")},
        )

    store.run(write)
    return deploy_effects(store, "other", [NOW], NOW + timedelta(hours=1))[NOW].after


def jackknifed(requests: list[int], costs: list[float]) -> float:
    """The standard error of the cost of a request, by leaving out each row in turn."""
    k, n, cost = len(requests), sum(requests), sum(costs)
    left = [(cost - c) / (n - many) for many, c in zip(requests, costs, strict=True)]
    return math.sqrt((k - 1) / k * sum((each - sum(left) / k) ** 2 for each in left))


@pytest.mark.parametrize(
    "many", [lambda rng: 1, lambda rng: 10, lambda rng: rng.randint(1, 20)], ids=["one a row", "ten a row", "a mixture"]
)
def test_the_cost_of_a_request_is_as_sure_as_its_rows_make_it(many: Any) -> None:
    rng = random.Random(7)
    parts = sample_parts()
    try:
        requests = [many(rng) for _ in range(200)]
        costs = [round(sum(max(0.0, rng.gauss(0.02, 0.005)) for _ in range(each)), 9) for each in requests]
        side = rows_of(parts.store, requests, costs)
        cost = side.usd_per_call
        assert cost.value == pytest.approx(sum(costs) / sum(requests))
        # Of requests that vary by 0.005 the mean is sure to 1.96 × 0.005 ÷ √n, however they come in rows.
        assert cost.high - cost.value == pytest.approx(1.96 * jackknifed(requests, costs), rel=0.02)
        assert cost.high - cost.value == pytest.approx(1.96 * 0.005 / math.sqrt(sum(requests)), rel=0.2)
        assert (side.p99_ms.low is None) is (max(requests) > 1), "one latency of several requests gives no order of them"
    finally:
        parts.store.close()


def test_requests_that_fail_together_tell_less_than_as_many_apart() -> None:
    parts = sample_parts()
    try:
        side = rows_of(parts.store, [10] * 40, [0.1] * 40, failed=4)
        assert side.error_rate.value == pytest.approx(0.1)
        assert (side.error_rate.low, side.error_rate.high) == pytest.approx(interval(4, 40))
    finally:
        parts.store.close()


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
