"""The creator pack: every figure of its design, transcribed by hand, and a stand-in that breaks where its faults say and nowhere else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analytics.figures import figure_rows
from tests.packs.played import (
    MOMENTS,
    ORIGIN,
    breaks,
    calls_of_next_day,
    checks_at,
    cost_usd,
    load,
    made_worse,
    may_follow,
    platform,
    readings,
)

CREATOR = load("creator")
assert CREATOR.standin is not None
FAULTS = CREATOR.standin.faults
ROWS = {(row.state, row.figure): row for row in figure_rows(CREATOR)}

DESIGN = [
    ("goal", "Character generation", "500", "ms"),
    ("goal", "Concurrent users", "10000", "users"),
    ("goal", "Availability", "99.99", "percent"),
    ("goal", "Days of the error budget", "30", "days"),
    ("goal", "Error budget of 30 days", "4.32", "minutes"),
    ("goal", "Error budget of 30 days in seconds", "259.2", "seconds"),
    # 4 min 19 s
    ("goal", "Whole minutes of the error budget", "4", "minutes"),
    ("goal", "Seconds beyond those minutes", "19", "seconds"),
]
ASSUMED = [
    ("today", "Infrastructure a month (assumed)", "815", "usd"),
    ("today", "AI budget of a month (assumed)", "900", "usd"),
    ("today", "Budget of a month, AI and infrastructure (assumed)", "1715", "usd"),
    ("today", "Text price of a token (assumed)", "0.000002", "usd_per_token"),
    ("today", "Portrait price (assumed)", "0.039", "usd_per_image"),
]


@pytest.mark.parametrize(("state", "figure", "value", "unit"), DESIGN + ASSUMED, ids=[row[1] for row in DESIGN + ASSUMED])
def test_figures_are_reproduced(state: str, figure: str, value: str, unit: str) -> None:
    row = ROWS[(state, figure)]
    assert (row.computed, row.unit, row.error) == (Decimal(value), unit, "")
    assert row.reproduced


def test_there_are_no_other_figures() -> None:
    assert set(ROWS) == {(state, figure) for state, figure, _, _ in DESIGN + ASSUMED}


def test_figures_follow_the_pack() -> None:
    limits = [
        spec.model_copy(update={"objective_percent": Decimal("99.9")}) if spec.id == "availability" else spec
        for spec in CREATOR.limits
    ]
    rows = {row.figure: row for row in figure_rows(CREATOR.model_copy(update={"limits": limits}))}
    assert rows["Error budget of 30 days in seconds"].computed == 2592
    assert not rows["Error budget of 30 days in seconds"].reproduced


def test_what_the_design_does_not_give_says_that_it_is_assumed() -> None:
    given = {"generation_time", "availability", "concurrent_users"}
    assert {spec.id for spec in CREATOR.limits if not spec.assumed} == given
    assert CREATOR.costs is not None
    assert CREATOR.costs.assumed
    assert all(group.source.startswith("Assumed") for group in CREATOR.prices)


def test_a_request_passes_the_five_parts_in_order_and_takes_as_long_as_they_do() -> None:
    way = CREATOR.request_paths["generation"]
    assert [hop.component for hop in way.hops] == ["frontend", "api", "auth", "ai", "database"]
    for moment in MOMENTS:
        page = readings(platform(CREATOR), moment)
        median = {name: value for name, labels, value in page if labels.get("quantile") == "p50"}
        own = sum(median[hop.series] for hop in way.hops)
        assert way.total is not None
        assert own == pytest.approx(median[way.total], rel=0.1)
        assert {labels["quantile"] for name, labels, _ in page if name == way.total} == {"p50", "p95", "p99"}


def test_readings_come_twice_a_minute() -> None:
    # A budget of 259 s would lose a quarter of itself before the second reading of a slower rhythm.
    assert CREATOR.interval.total_seconds() <= 30


def test_nothing_is_wrong_without_a_fault() -> None:
    for moment in MOMENTS:
        assert set(checks_at(platform(CREATOR), moment).values()) == {0}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_shows_where_it_says_and_only_on_what_depends_on_it(fault: str) -> None:
    said = set(FAULTS[fault].shows_on)
    for moment in MOMENTS:
        assert made_worse(CREATOR, fault, moment) == said
    if said:
        # One component is the cause: everything else that shows it depends on that one.
        assert any(said <= {root} | may_follow(CREATOR, {root}) for root in said)


BREAKS = {
    "generation_time": "ai_slow",
    "slow_generations": "ai_slow",
    "availability": "outage",
    "request_success": "outage",
    "concurrent_users": "usage_surge",
    "ai_time": "ai_slow",
    "auth_time": "auth_down",
    "query_time": "database_slow",
    "connection_use": "database_slow",
    "database_size": "storage_filling",
    "cpu_floor": "cpu_waste",
    "cpu_ceiling": "usage_surge",
    "memory_floor": "cpu_waste",
    "memory_ceiling": "memory_leak",
    "ai_budget": "cost_spiral",
    "ai_day_budget": "cost_spiral",
    "cost_per_user": "cost_spiral",
    "portraits_of_a_user": "usage_surge",
}


def test_every_limit_has_a_fault_that_breaks_it() -> None:
    # A daily quota fills with the day, so a surge breaks it only in the evening.
    assert set(BREAKS) == {spec.id for spec in CREATOR.limits} - {"provider_quota"}


@pytest.mark.parametrize(("limit", "fault"), BREAKS.items())
def test_the_fault_breaks_the_limit(limit: str, fault: str) -> None:
    assert all(breaks(CREATOR, limit, fault, moment) for moment in MOMENTS)


def test_heavier_prompts_break_the_budget_of_a_day_and_nothing_else_does() -> None:
    amount = CREATOR.limit("ai_day_budget").amount
    usual, heavier = (cost_usd(CREATOR, calls_of_next_day(CREATOR, fault)) for fault in (None, "cost_spiral"))
    assert amount / 3 < usual < amount < heavier


@pytest.mark.parametrize("limit", [name for name in BREAKS if name not in ("portraits_of_a_user", "cost_per_user")])
def test_a_fault_of_the_way_it_is_read_breaks_none(limit: str) -> None:
    assert not breaks(CREATOR, limit, "slow_health", ORIGIN)


def test_every_risk_is_watched() -> None:
    assert all(risk.limits for risk in CREATOR.risks)
