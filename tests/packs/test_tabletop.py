"""The tabletop design's figures, transcribed by hand, against what its pack makes of them; and what its stand-in hides."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from analytics.figures import figure_rows
from collectors.standin.faults import FaultLog
from collectors.standin.instants import DAY, to_us
from collectors.standin.people import People
from collectors.standin.standin import StandIn
from collectors.standin.traffic import Traffic
from collectors.standin.usage import UsageFeed
from roomleft.clock import FixedClock
from roomleft.limits import Direction
from roomleft.packs import Pack, load_pack
from roomleft.packs_meters import GaugeMeter
from roomleft.packs_standin import StandinShape

PACKS = Path(__file__).parent.parent.parent / "packs"
PACK = load_pack(PACKS / "tabletop.yaml")

# Read off the design page, not off the pack.
DESIGN = {
    "AI cost of a casual user a month": "5.20",
    "AI cost of an active user a month": "99.59",
    "AI cost of a power user a month": "331.95",
    "Price of the casual tier": "9.99",
    "Price of the active tier": "19.99",
    "Price of the power tier": "39.99",
    "Profit of a casual user a month": "4.79",
    "Profit of an active user a month": "-79.60",
    "Profit of a power user a month": "-291.96",
    "Share of users that are casual": "70",
    "Share of users that are active": "25",
    "Share of users that are power": "5",
    "AI cost of a user of the mix": "45.135",
    "API cost a month at 1 000 users": "45135",
    "API cost a month at 10 000 users": "451350",
    "API cost a month at 100 000 users": "4513500",
    "API cost a month at 1 000 000 users": "45135000",
    "Price at which a casual user costs 30 % of revenue": "17.33",
    "Price at which an active user costs 30 % of revenue": "331.97",
    "Price at which a power user costs 30 % of revenue": "1106.50",
    "API cost of the casual tier as a share of its price": "52.1",
    "Overage with which the casual tier breaks even": "0",
    "Overage with which the active tier breaks even": "79.60",
    "Overage with which the power tier breaks even": "291.96",
    "AI interaction": "2",
    "Page load": "3",
    "Real-time AI": "1",
    "Availability": "99.9",
    "Availability error budget of 30 days": "43.2",
    "Concurrent users": "10000",
    "API cost of revenue": "30",
    "API budget of revenue": "30",
    "Users": "1000000",
    "Infrastructure a month (assumed)": "299",
}
PERSONA_USD = {"casual": 5.20, "active": 99.59, "power": 331.95}
PERSONA_SHARE = {"casual": 0.70, "active": 0.25, "power": 0.05}
RISKS = {"cost_growth", "one_provider", "realtime_latency", "content_quality", "database_limits", "storage_cost"}
ORIGIN = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_every_figure_of_the_design_comes_out_of_the_pack() -> None:
    rows = {row.figure: row for row in figure_rows(PACK)}
    assert rows.keys() == DESIGN.keys()
    assert {name: row.computed for name, row in rows.items()} == {name: Decimal(value) for name, value in DESIGN.items()}
    assert all(row.reproduced for row in rows.values())


def test_no_figure_repeats_what_it_must_be() -> None:
    for figure in PACK.figures:
        numbers = {Decimal(number) for number in re.findall(r"\d+(?:\.\d+)?", figure.computed)}
        assert figure.expected == 0 or figure.expected not in numbers, figure.figure


def test_every_risk_of_the_design_is_watched() -> None:
    watched = {risk.id: risk for risk in PACK.risks}
    assert watched.keys() >= RISKS | {"provider_share", "growth_gap"}
    assert all(risk.limits for risk in watched.values())


def shape() -> StandinShape:
    assert PACK.standin is not None
    return PACK.standin


def costs_and_days(feed: UsageFeed, people: People, pack: Pack, days: range) -> tuple[np.ndarray, np.ndarray, int]:
    """Dollars and user-days of each persona, and the number of records, priced here from the pack's list alone."""
    prices = {
        (group.provider, model): listed.prices[-1].per_unit() for group in pack.prices for model, listed in group.models.items()
    }
    units = ("input_uncached_tokens", "cache_read_tokens", "output_tokens", "images", "characters")
    models = feed.shape.models
    table = np.array([[float(prices[m.provider, m.name].get(unit, 0)) for unit in units] for m in models])
    cached_share = np.array([m.cached_share for m in models])
    usd, user_days, records = np.zeros(3), np.zeros(3), 0
    for day in days:
        calls = feed.calls(day)
        row, model, ok = calls.answers.ask, calls.answers.model, calls.answers.status == 0
        inputs = calls.asks.input_tokens[row]
        cached = (inputs * np.minimum(1.0, 2 * cached_share[model] * calls.asks.cached_mark[row])).astype(np.int64)
        used = (inputs - cached, cached, calls.asks.output_tokens[row], calls.asks.images[row], calls.asks.characters[row])
        cost = sum(amount * table[model, n] for n, amount in enumerate(used)) * ok
        usd += np.bincount(people.persona[calls.asks.user[row]], cost, 3)
        user_days += np.bincount(people.persona[: people.count(day)], minlength=3)
        records += len(row)
    return usd, user_days, records


def test_the_stand_in_hides_what_the_design_says_a_persona_costs() -> None:
    origin, days = to_us(ORIGIN), 90
    start = (origin // DAY - days) * DAY
    people = People(Traffic(shape(), origin), 7, start)
    feed = UsageFeed(people, 7, FaultLog(shape().faults))
    usd, user_days, records = costs_and_days(feed, people, PACK, range(start // DAY, origin // DAY))
    assert 280_000 < records < 330_000
    for number, persona in enumerate(shape().personas):
        a_month = usd[number] / user_days[number] * 30.4375
        assert a_month == pytest.approx(PERSONA_USD[persona.name], rel=0.02)
        assert user_days[number] / user_days.sum() == pytest.approx(PERSONA_SHARE[persona.name], abs=0.02)


def standin(at_hour: int, fault: str | None) -> StandIn:
    """The platform so many hours after its origin, and two minutes into a fault."""
    now = ORIGIN + timedelta(hours=at_hour)
    platform = StandIn(shape(), 7, ORIGIN, 1, FixedClock(now))
    if fault:
        platform.faults.switch(fault, True, to_us(now - timedelta(minutes=2)))
    return platform


def statuses(fault: str | None, at_hour: int) -> dict[str, int]:
    """The worst of each component's checks: 0 pass, 1 warn, 2 fail."""
    body, _ = standin(at_hour, fault).health()
    worst: dict[str, int] = {}
    for name, answers in body["checks"].items():
        component = name.partition(":")[0]
        worst[component] = max(worst.get(component, 0), *(("pass", "warn", "fail").index(one["status"]) for one in answers))
    return worst


HOURS = (0, 11, 18, 59)
"""Hours after the origin: a morning, the busiest evening, the quietest night, a Monday evening."""


def test_every_component_has_a_check_and_all_pass_when_nothing_is_wrong() -> None:
    for hour in HOURS:
        found = statuses(None, hour)
        assert found == {component.id: 0 for component in PACK.components}


@pytest.mark.parametrize("fault", sorted(shape().faults))
def test_a_fault_shows_on_the_components_it_names_and_no_other(fault: str) -> None:
    for hour in HOURS:
        worse = {component for component, status in statuses(fault, hour).items() if status}
        assert worse == set(shape().faults[fault].shows_on), f"{hour} h after the origin"


BREAKS = {
    "latency_x5": ["ai_interaction", "realtime_ai", "page_load"],
    "viral_growth": ["concurrent_users", "page_load", "realtime_connections"],
    "cache_cold": ["cache_hits"],
    "queue_backlog": ["image_queue"],
    "database_limit": ["database_connections"],
    "realtime_squeeze": ["realtime_connections"],
    "voice_rate_limit": ["voice_rate_limit"],
    "storage_spike": ["user_content", "storage_per_campaign"],
}


def room(limit_id: str, fault: str | None, at_hour: int) -> float:
    """What is left of a limit on a gauge, as the metrics page reads; of a floor, what is above it."""
    limit = PACK.limit_spec(limit_id)
    meter = PACK.meters[limit.meter]
    assert isinstance(meter, GaugeMeter)
    wanted = [f'{key}="{value}"' for key, value in meter.labels.items()]
    lines = [line for line in standin(at_hour, fault).metrics().splitlines() if line.startswith(meter.series + "{")]
    values = [float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted)]
    reading = (sum(values) if meter.across == "sum" else sum(values) / len(values)) * float(meter.scale or 1)
    left = float(PACK.amount_of(limit)) - reading
    return -left if limit.direction is Direction.AT_LEAST else left


@pytest.mark.parametrize(("fault", "limit"), [(fault, limit) for fault, limits in BREAKS.items() for limit in limits])
def test_a_fault_breaks_the_limit_it_is_there_for(fault: str, limit: str) -> None:
    for hour in HOURS:
        assert room(limit, None, hour) > 0
        assert room(limit, fault, hour) < 0
