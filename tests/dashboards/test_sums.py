"""Cost groups add up; signals and health become what they should."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.signals import coarser, draw, limit_line
from dashboards.components.signal_card import leading
from dashboards.cost_tables import change, in_cents, summarise
from dashboards.pages.platform_live import live_signals, rate_unit, rate_words
from roomleft.packs import load_pack
from roomleft.packs_parts import Signal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cost_row(name: str, cost: Decimal, **more: int) -> dict[str, Any]:
    counts = {"requests": 1, "failed_requests": 0, "tokens": 10, "images": 0, "unpriced_requests": 0, **more}
    return {"name": name, "cost_usd": cost, "last_at": NOW, **counts}


costs = st.decimals(0, 100_000, places=9, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), costs), min_size=1, max_size=60))
def test_shown_dollars_and_shares_add_up(parts: list[tuple[str, Decimal]]) -> None:
    summary = summarise([cost_row(name, cost) for name, cost in parts])
    assert sum(group.shown_usd for group in summary.groups) == in_cents(summary.total_usd)
    assert summary.total_usd == sum(cost for _, cost in parts)
    if summary.total_usd:
        assert sum(group.share_percent for group in summary.groups) == 100
    assert summary.requests == len(parts)


def test_thirds_of_a_dollar_are_given_out_to_the_cent() -> None:
    summary = summarise([cost_row(name, Decimal("0.333333333")) for name in "abc"] + [cost_row("a", Decimal("0.000000001"))])
    assert [group.shown_usd for group in summary.groups] == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]


def test_a_priced_call_is_not_diluted_by_unpriced_ones() -> None:
    summary = summarise(
        [
            cost_row("a", Decimal("10"), requests=10, unpriced_requests=5),
            cost_row("b", Decimal("0"), requests=3, unpriced_requests=3),
        ]
    )
    assert summary.groups[0].per_request_usd == Decimal("2")
    assert summary.groups[1].per_request_usd is None


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
