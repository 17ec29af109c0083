"""The coach pack: every figure of its design, transcribed by hand, and a stand-in that breaks where its faults say and nowhere else."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from analytics.figures import figure_rows
from tests.packs.played import (
    MOMENTS,
    ORIGIN,
    breaks,
    calls_of_next_day,
    checks_at,
    load,
    made_worse,
    may_follow,
    platform,
)

COACH = load("coach")
assert COACH.standin is not None
FAULTS = COACH.standin.faults
ROWS = {row.figure: row for row in figure_rows(COACH)}

TARGETS = {
    "API response time": ("200", "ms"),
    "LLM build generation": ("2", "seconds"),
    "Screenshot analysis": ("5", "seconds"),
    "Database query": ("50", "ms"),
    "Availability": ("99.9", "percent"),
    "Availability error budget of 30 days": ("43.2", "minutes"),
}
TIERS = {
    # daily users, items, total, cost of a daily user, LLM and database share in per cent
    1: ("10", {"server": "24", "domain and TLS": "2", "backup": "3"}, "29", "2.90", "0.0"),
    2: (
        "100",
        {"server": "48", "managed PostgreSQL": "15", "CDN": "5", "backup and monitoring": "7"},
        "75",
        "0.75",
        "20.0",
    ),
    3: (
        "1000",
        {
            "2 app servers": "96",
            "database": "96",
            "LLM server": "160",
            "load balancer": "12",
            "Redis": "15",
            "CDN": "20",
            "monitoring and backup": "25",
        },
        "424",
        "0.424",
        "60.4",
    ),
    4: (
        "10000",
        {
            "app servers": "384",
            "database cluster": "450",
            "LLM cluster": "1200",
            "networking": "50",
            "Redis": "80",
            "object storage": "100",
            "monitoring and security": "100",
        },
        "2364",
        "0.2364",
        "69.8",
    ),
    5: (
        "100000",
        {
            "Kubernetes": "2000",
            "database": "1500",
            "LLM GPU cluster": "4000",
            "networking": "300",
            "storage and CDN": "500",
            "monitoring": "400",
        },
        "8700",
        "0.087",
        "63.2",
    ),
    6: (
        "1000000",
        {
            "compute": "15000",
            "database and storage": "8000",
            "LLM inference": "12000",
            "network and CDN": "2000",
            "DevOps": "1500",
            "security": "1000",
        },
        "39500",
        "0.0395",
        "50.6",
    ),
}
OTHERS = {
    "From tier 1 to tier 2": ("46", "usd"),
    "From tier 2 to tier 3": ("349", "usd"),
    "From tier 3 to tier 4": ("1940", "usd"),
    "From tier 4 to tier 5": ("6336", "usd"),
    "From tier 5 to tier 6": ("30800", "usd"),
    "Next step of the budget": ("46", "usd"),
    "Tier 1: memory": ("4", "gb"),
    "Tier 1: vCPU": ("2", "cores"),
    "Tier 1: disk": ("80", "gb"),
    "Tier 1: memory that the limit allows": ("4", "gb"),
    "Tier 1: vCPU that the limit allows": ("2", "cores"),
    "Tier 1: disk that the limit allows": ("80", "gb"),
    "Tier 1: daily users that the limit allows": ("10", "users"),
    "Tier 2: memory": ("8", "gb"),
    "Tier 2: vCPU": ("4", "cores"),
    "Tier 2: disk": ("160", "gb"),
    "Tier 3: app servers": ("2", "instances"),
    "Tier 3: memory of an app server": ("8", "gb"),
    "Tier 3: memory of the database": ("16", "gb"),
    "Tier 3: memory of inference": ("32", "gb"),
    "Tier 3: all memory": ("64", "gb"),
    "Tier 4: GPU servers": ("3", "instances"),
    "Tier 1: first planned month": ("1", "months"),
    "Tier 1: last planned month": ("3", "months"),
    "Tier 2: first planned month": ("4", "months"),
    "Tier 2: last planned month": ("9", "months"),
    "Tier 3: first planned month": ("10", "months"),
    "Tier 3: last planned month": ("18", "months"),
    "Tier 4: first planned month": ("19", "months"),
    "Tier 4: last planned month": ("30", "months"),
    # years 3 to 5: the third year begins with month 25
    "Tier 5: first planned month": ("25", "months"),
    "Tier 5: last planned month": ("60", "months"),
    "Tier 5: first planned year": ("3", "years"),
    "Tier 5: last planned year": ("5", "years"),
    "Tier 6: first planned month": ("61", "months"),
    "Tier 6: planned after year": ("5", "years"),
}


def design() -> dict[str, tuple[str, str]]:
    """Every figure of the page by its name."""
    found = {**TARGETS, **OTHERS}
    for number, (users, items, total, each, share) in TIERS.items():
        found[f"Tier {number}: daily users"] = (users, "users")
        found.update({f"Tier {number}: {item}": (usd, "usd") for item, usd in items.items()})
        found[f"Tier {number}: total a month"] = (total, "usd")
        found[f"Tier {number}: cost of a daily user"] = (each, "usd_per_user")
        found[f"Tier {number}: LLM and database share"] = (share, "percent")
    return found


DESIGN = design()


@pytest.mark.parametrize("figure", DESIGN)
def test_figures_are_reproduced(figure: str) -> None:
    row, (value, unit) = ROWS[figure], DESIGN[figure]
    assert (row.computed, row.unit, row.error) == (Decimal(value), unit, "")
    assert row.reproduced


def test_there_are_no_other_figures() -> None:
    assert set(ROWS) == set(DESIGN)


def test_figures_follow_the_pack() -> None:
    tiers = [
        tier.model_copy(update={"items": [item.model_copy(update={"usd_per_month": Decimal(1)}) for item in tier.items]})
        for tier in COACH.cost_tiers
    ]
    rows = {row.figure: row for row in figure_rows(COACH.model_copy(update={"cost_tiers": tiers}))}
    assert rows["Tier 3: total a month"].computed == 7
    assert rows["Tier 3: LLM and database share"].computed == Decimal("28.6")
    assert not rows["Tier 6: cost of a daily user"].reproduced


def test_what_a_tier_adds_is_the_price_of_the_next_step() -> None:
    for spec in COACH.limits:
        if spec.next_step and spec.next_step.what.startswith("Move to tier 2"):
            assert spec.next_step.cost_usd_per_month == 46


def test_the_budget_is_what_tier_1_costs() -> None:
    budget = COACH.limit("infrastructure_budget")
    assert budget.amount == COACH.infrastructure_usd(date(2026, 11, 20)) == 29


def test_the_models_are_paid_for_by_the_servers_that_run_them() -> None:
    assert COACH.standin is not None
    assert {model.provider for model in COACH.standin.usage.models} == {"self-hosted"}
    assert not COACH.prices
    serving = {tier.id: [item.id for item in tier.items if item.serves] for tier in COACH.cost_tiers}
    assert serving == {"tier_1": ["server"], "tier_2": ["server"], **{f"tier_{number}": ["llm"] for number in range(3, 7)}}
    assert all(item.serves.provider == "self-hosted" for tier in COACH.cost_tiers for item in tier.items if item.serves)


def test_about_nine_come_a_day_and_more_each_month() -> None:
    days = platform(COACH, days=62).business((ORIGIN - timedelta(days=60)).date(), ORIGIN.date())["records"]
    users: dict[str, int] = {}
    for row in days:
        users[row["day"]] = users.get(row["day"], 0) + row["active_users"]
    daily = [users[day] for day in sorted(users)]
    assert 8 <= sum(daily[-14:]) / 14 < 10
    assert sum(daily[:14]) < sum(daily[-14:])


def test_nothing_is_wrong_without_a_fault() -> None:
    for moment in MOMENTS:
        assert set(checks_at(platform(COACH), moment).values()) == {0}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_shows_where_it_says(fault: str) -> None:
    for moment in MOMENTS:
        assert made_worse(COACH, fault, moment) == set(FAULTS[fault].shows_on)


CAUSES = {
    "gpu_saturated": {"inference"},
    "inference_down": {"inference"},
    "screenshot_backlog": {"screenshots"},
    "disk_filling": {"screenshots"},
    "memory_leak": {"api"},
    "database_connections": {"database"},
    "cdn_down": {"cdn"},
    "latency_x5": {"inference", "api"},
    "usage_surge": {"inference"},
    "api_down": {"api"},
    "database_down": {"database"},
}


def test_what_shows_a_fault_is_its_cause_or_depends_on_it() -> None:
    assert set(CAUSES) == {name for name, fault in FAULTS.items() if fault.shows_on}
    for fault, causes in CAUSES.items():
        assert causes <= set(FAULTS[fault].shows_on) <= causes | may_follow(COACH, causes)


BREAKS = {
    "memory": "memory_leak",
    "cpu": "usage_surge",
    "disk": "disk_filling",
    "api_latency": "database_connections",
    "build_generation": "gpu_saturated",
    "screenshot_analysis": "screenshot_backlog",
    "query_time": "database_connections",
    "availability": "inference_down",
    "api_errors": "database_connections",
    "connection_use": "database_connections",
    "gpu_use": "gpu_saturated",
    "screenshot_queue": "screenshot_backlog",
    "served_tokens": "cost_spiral",
    "screenshots_of_a_user": "usage_surge",
}


def test_every_limit_has_a_fault_that_breaks_it() -> None:
    # The bill is the same every month, users come by growth alone, and three days of memory show a leak only after a day.
    assert set(BREAKS) == {spec.id for spec in COACH.limits} - {"infrastructure_budget", "daily_users", "memory_growth"}


@pytest.mark.parametrize(("limit", "fault"), BREAKS.items())
def test_the_fault_breaks_the_limit(limit: str, fault: str) -> None:
    assert all(breaks(COACH, limit, fault, moment) for moment in MOMENTS)
    assert not breaks(COACH, limit, "slow_health", ORIGIN)


def test_heavier_prompts_use_up_what_the_models_can_serve() -> None:
    amount = COACH.limit("served_tokens").amount
    usual, heavier = (calls_of_next_day(COACH, fault) for fault in (None, "cost_spiral"))
    tokens = [sum(call["input_tokens"] + call["output_tokens"] for call in calls) for calls in (usual, heavier)]
    assert tokens[0] < amount < tokens[1]


def test_every_risk_is_watched() -> None:
    assert all(risk.limits for risk in COACH.risks)
