"""Cost groups add up; signals and health become what they should."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ledger import OTHERS, Cost, Costs
from analytics.signals import coarser, draw, limit_line
from dashboards.components.signal_card import leading
from dashboards.cost_tables import change, in_cents, statement
from dashboards.pages.platform_live import live_signals, rate_unit, rate_words
from roomleft.packs import load_pack
from roomleft.packs_parts import Signal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def answer(costs: list[tuple[str, Decimal, Decimal]]) -> Costs:
    """What the ledger would say of groups with an AI and an infrastructure cost."""
    groups: dict[str, Cost] = {}
    for name, ai, infrastructure in costs:
        groups[name] = groups.get(name, Cost((name,))).plus(ai_usd=ai, infrastructure_usd=infrastructure, requests=1)
    total = Cost(()).plus(
        ai_usd=sum(ai for _, ai, _ in costs), infrastructure_usd=sum(other for _, _, other in costs), requests=len(costs)
    )
    return Costs(NOW, NOW, "15 minutes", ("model",), (), list(groups.values()), total, {}, None, False, Decimal(0))


costs = st.decimals(0, 100_000, places=9, allow_nan=False, allow_infinity=False)
groups = st.lists(st.tuples(st.sampled_from("abcdef"), costs, costs), min_size=1, max_size=60)


@given(groups, groups)
def test_shown_dollars_and_shares_add_up(
    parts: list[tuple[str, Decimal, Decimal]], before: list[tuple[str, Decimal, Decimal]]
) -> None:
    told = statement(answer(parts), answer(before))
    assert sum(line.cost_cents for line in told.lines) == told.foot.cost_cents == in_cents(told.foot.exact_usd)
    assert sum(line.ai_cents for line in told.lines) == told.foot.ai_cents
    assert sum(line.infrastructure_cents for line in told.lines) == told.foot.infrastructure_cents
    assert sum(line.before_cents or 0 for line in told.lines) == told.foot.before_cents
    assert sum(line.exact_usd for line in told.lines) == sum(ai + other for _, ai, other in parts)
    if told.foot.exact_usd:
        assert sum(line.share_percent for line in told.lines) == 100
    assert sum(line.cost.requests for line in told.lines) == len(parts)


def test_thirds_of_a_dollar_are_given_out_to_the_cent() -> None:
    third, nothing = Decimal("0.333333333"), Decimal(0)
    told = statement(answer([(name, third, nothing) for name in "abc"] + [("a", Decimal("0.000000001"), nothing)]))
    assert [line.cost_cents for line in told.lines] == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    halves = statement(answer([("a", Decimal("0.005"), Decimal("0.005"))]))
    assert halves.foot.cost_cents == Decimal("0.01") == halves.lines[0].cost_cents, "two half cents are a cent"


def test_a_priced_call_is_not_diluted_by_unpriced_ones() -> None:
    a = Cost(("a",), Decimal(10), requests=10, unpriced_requests=5)
    b = Cost(("b",), requests=3, unpriced_requests=3)
    lines = statement(
        Costs(NOW, NOW, "", ("model",), (), [a, b], a.plus(requests=3, unpriced_requests=3), {}, None, False, None)
    ).lines
    assert lines[0].per_request_usd == Decimal("2")
    assert lines[1].per_request_usd is None


def test_what_cost_something_only_before_has_a_line() -> None:
    nothing = Decimal(0)
    told = statement(answer([("a", Decimal(1), nothing)]), answer([("a", Decimal(2), nothing), ("gone", Decimal(3), nothing)]))
    assert [(line.labels, line.cost_cents, line.before_cents) for line in told.lines] == [(("a",), 1, 2), (("gone",), 0, 3)]
    with_others = answer([("a", Decimal(1), nothing), (OTHERS, Decimal(4), nothing)])
    told = statement(with_others, answer([("gone", Decimal(3), nothing)]))
    assert [(line.labels, line.before_cents) for line in told.lines] == [(("a",), 0), (("All others",), 3)]


def test_change_against_nothing_is_not_a_number() -> None:
    assert change(Decimal("5"), Decimal("0")) is None
    assert change(Decimal("5"), Decimal("4")) == Decimal("0.25")


def reading(at_min: int, value: float, labels: str = "{}", name: str = "series") -> dict[str, Any]:
    at = NOW + timedelta(minutes=at_min)
    return {
        "component": "c",
        "name": name,
        "labels": labels,
        "bucket_start": at,
        "mean_value": value,
        "last_value": value,
        "last_at": at,
    }


def signal(**more: Any) -> Signal:
    return Signal(component="c", title="T", series="series", unit="requests", **more)


def test_a_counter_becomes_a_rate_and_a_restart_counts_from_zero() -> None:
    rows = [reading(0, 100), reading(1, 160), reading(2, 30), reading(3, 90)]
    drawn = draw(signal(show="rate_per_second"), rows, 60)
    assert [value for _, value in drawn.lines["T"]] == [1.0, 0.5, 1.0]
    assert drawn.newest == 1.0


def test_nothing_is_said_across_a_gap() -> None:
    rows = [reading(0, 0), reading(1, 60), reading(30, 90_000), reading(31, 90_060)]
    drawn = draw(signal(show="rate_per_second"), rows, 60)
    assert [value for _, value in drawn.lines["T"]] == [1.0, None, 1.0]


def test_a_ratio_is_of_sums_not_a_mean_of_ratios() -> None:
    rows = [
        reading(m, part, label) for label, parts in (('{"x":"a"}', (0, 1)), ('{"x":"b"}', (0, 0))) for m, part in enumerate(parts)
    ]
    rows += [
        reading(m, whole, label, "whole")
        for label, wholes in (('{"x":"a"}', (0, 2)), ('{"x":"b"}', (0, 98)))
        for m, whole in enumerate(wholes)
    ]
    drawn = draw(signal(show="ratio", of="whole"), rows, 60)
    assert drawn.newest == pytest.approx(0.01)


@pytest.mark.parametrize(("across", "newest"), [("sum", 6.0), ("mean", 3.0), ("max", 4.0), ("min", 2.0)])
def test_series_are_put_together_as_the_pack_says(across: str, newest: float) -> None:
    rows = [reading(0, 2, '{"replica":"a"}'), reading(0, 4, '{"replica":"b"}')]
    drawn = draw(signal(by="replica", across=across), rows, 60)
    assert drawn.newest == newest
    assert sorted(drawn.lines) == ["a", "b"]


def test_labels_and_components_must_match() -> None:
    rows = [reading(0, 1, '{"x":"a"}'), reading(0, 9, '{"x":"b"}'), {**reading(0, 99, '{"x":"a"}'), "component": "other"}]
    assert draw(signal(labels={"x": "a"}), rows, 60).newest == 1.0


SCRIBE = load_pack(Path(__file__).parents[2] / "packs" / "scribe.yaml")


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Requests a second", (10_000, False, None)),
        ("API errors", (0.001, False, timedelta(days=30))),
        ("Hit ratio by layer", (0.9, True, None)),
        ("API latency", None),
        ("Quota used by service", None),
        ("Active worlds", None),
    ],
    ids=["same unit", "objective's share", "percent as a ratio", "other unit", "of one service only", "no limit"],
)
def test_a_limit_is_drawn_in_the_signals_unit_or_not_at_all(
    title: str, line: tuple[float, bool, timedelta | None] | None
) -> None:
    (own,) = (each for each in SCRIBE.signals if each.title == title)
    drawn = limit_line(own, SCRIBE)
    assert (None if drawn is None else (drawn.value, drawn.at_least, drawn.over)) == line


def test_the_live_tab_shows_what_the_pack_calls_live() -> None:
    assert [each.title for each in live_signals(SCRIBE)] == [
        "Requests a second", "API latency", "API errors", "Concurrent users", "Query time", "Hit ratio by layer",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("per_second", "unit", "words"),
    [(0, "minute", "0\u202f/min"), (1 / 300, "minute", "0.2\u202f/min"), (0.5, "minute", "30\u202f/min"),
     (1, "second", "1\u202f/s"), (4.25, "second", "4.25\u202f/s"), (1234.5, "second", "1,234\u202f/s")],
)  # fmt: skip
def test_slow_rates_are_told_by_the_minute(per_second: float, unit: str, words: str) -> None:
    assert rate_unit(per_second)[0] == unit
    assert rate_words(per_second) == words


def test_no_readings_draw_nothing() -> None:
    drawn = draw(signal(), [], 60)
    assert (drawn.lines, drawn.newest, drawn.newest_at) == ({}, None, None)


def test_longer_steps_keep_the_mean_and_the_newest_count() -> None:
    rows = [reading(m, float(m)) for m in range(0, 10)]
    merged = coarser(rows, 300)
    assert [(row["mean_value"], row["last_value"]) for row in merged] == [(2.0, 4.0), (7.0, 9.0)]


def test_the_card_of_percentiles_leads_with_the_one_its_limit_speaks_of() -> None:
    own = signal(by="quantile")
    rows = [reading(0, value, f'{{"quantile":"{q}"}}') for q, value in (("0.5", 1.0), ("0.95", 5.0), ("0.99", 9.0))]
    drawn = draw(own, rows, 60)
    assert sorted(drawn.lines) == ["p50", "p95", "p99"]
    assert leading(own, SCRIBE, drawn) == ("p95", 5.0)
