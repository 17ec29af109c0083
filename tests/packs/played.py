"""What the checks of a pack's stand-in answer, and which components a fault makes worse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson
from prometheus_client.parser import text_string_to_metric_families

from collectors.standin.instants import to_us
from collectors.standin.standin import StandIn
from roomleft.clock import FixedClock
from roomleft.limits import Direction
from roomleft.packs import Pack, load_pack
from roomleft.packs_meters import FailingMinutesMeter, GaugeMeter, IncreaseMeter, RatioMeter, TotalMeter

PACKS = Path(__file__).parents[2] / "packs"
ORIGIN = datetime(2026, 11, 20, 12, 0, 7, tzinfo=UTC)
MOMENTS = [ORIGIN + timedelta(hours=hours) for hours in (1, 8, 15)]
"""Midday, the evening's peak and the quiet of the night."""
WORSE = ("pass", "warn", "fail")
SEEN_AFTER = timedelta(minutes=1)


def load(slug: str) -> Pack:
    """A shipped pack."""
    return load_pack(PACKS / f"{slug}.yaml")


def platform(pack: Pack, days: int = 2) -> StandIn:
    """The pack's stand-in, a new one each time, with a clock that can be moved."""
    assert pack.standin is not None
    return StandIn(pack.standin, 7, ORIGIN, days, FixedClock(ORIGIN))


def checks_at(played: StandIn, at: datetime) -> dict[str, int]:
    """How bad every check is, by `component:check`: 0 passes, 2 fails."""
    assert isinstance(played.clock, FixedClock)
    played.clock.at = at
    body, _ = played.health()
    return {name: WORSE.index(answers[0]["status"]) for name, answers in body["checks"].items()}


def made_worse(pack: Pack, fault: str, at: datetime) -> set[str]:
    """The components of which a check is worse a minute after the fault was switched on."""
    calm, troubled = platform(pack), platform(pack)
    troubled.faults.switch(fault, True, to_us(at))
    before, after = (checks_at(played, at + SEEN_AFTER) for played in (calm, troubled))
    return {name.partition(":")[0] for name, status in after.items() if status > before[name]}


def may_follow(pack: Pack, roots: set[str]) -> set[str]:
    """The components that depend on any of these, however far."""
    found: set[str] = set()
    while True:
        more = {one.id for one in pack.components if set(one.depends_on) & (roots | found)} - found
        if not more:
            return found
        found |= more


def readings(played: StandIn, at: datetime) -> list[tuple[str, dict[str, str], float]]:
    """Every reading of the metrics page: name, labels, value."""
    assert isinstance(played.clock, FixedClock)
    played.clock.at = at
    families = text_string_to_metric_families(played.metrics())
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def reads(pack: Pack, meter_id: str, page: list[tuple[str, dict[str, str], float]]) -> float:
    """What a gauge, or a ratio or total of gauges, would read on that page."""
    meter = pack.meters[meter_id]
    if isinstance(meter, RatioMeter):
        return reads(pack, meter.part, page) / reads(pack, meter.whole, page) * float(meter.scale or 1)
    if isinstance(meter, TotalMeter):
        return sum(reads(pack, name, page) for name in meter.of)
    assert isinstance(meter, GaugeMeter)
    found = [value for name, labels, value in page if name == meter.series and meter.labels.items() <= labels.items()]
    assert found, f"no reading of {meter.series}"
    across: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min, "mean": fmean}
    return across[meter.across](found) * float(meter.scale or 1)


def breaks(pack: Pack, limit_id: str, fault: str, at: datetime) -> bool:
    """Whether a limit is broken by a fault that has been on: by the reading itself, by the share of bad events, by a part that fails,
    or, for what is counted from AI calls, by more or heavier calls."""
    spec, shape = pack.limit_spec(limit_id), pack.standin
    assert shape is not None
    meter, effects = pack.meters[spec.meter], shape.faults[fault].effects
    troubled = platform(pack)
    troubled.faults.switch(fault, True, to_us(at))
    if isinstance(meter, FailingMinutesMeter):
        answered = checks_at(troubled, at + SEEN_AFTER).items()
        return any(
            status == 2 and name.partition(":")[0] in meter.components and name.partition(":")[2] in (meter.checks or ())
            for name, status in answered
        )
    if isinstance(meter, IncreaseMeter):
        share = next(one.base for one in shape.series if one.name == meter.series)
        by = [e.series.multiply for e in effects if e.series and meter.series in e.series.names]
        return share * max(by, default=1.0) > float(pack.amount_of(spec))
    if not _of_gauges(pack, spec.meter):
        return any(e.usage and (e.usage.rate_multiply > 1 or e.usage.tokens_multiply > 1) for e in effects)
    now = reads(pack, spec.meter, readings(troubled, at + SEEN_AFTER))
    amount = float(pack.amount_of(spec))
    return now < amount if spec.direction is Direction.AT_LEAST else now > amount


def _of_gauges(pack: Pack, meter_id: str) -> bool:
    meter = pack.meters[meter_id]
    parts = [meter.part, meter.whole] if isinstance(meter, RatioMeter) else meter.of if isinstance(meter, TotalMeter) else []
    return all(_of_gauges(pack, part) for part in parts) if parts else isinstance(meter, GaugeMeter)


def calls_of_next_day(pack: Pack, fault: str | None) -> list[dict[str, Any]]:
    """The AI calls of the first whole day after ORIGIN, with a fault on from its beginning."""
    played = platform(pack, days=1)
    begin = ORIGIN.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    if fault:
        played.faults.switch(fault, True, to_us(begin))
    assert isinstance(played.clock, FixedClock)
    played.clock.at = begin + timedelta(days=1, hours=1)
    found, after = [], None
    while True:
        page = played.page("usage", after, 10_000)
        found += [orjson.loads(record) for record in page.records]
        if not page.more:
            return [one for one in found if one["occurred_at"].startswith(f"{begin:%Y-%m-%d}")]
        after = page.next


def cost_usd(pack: Pack, calls: list[dict[str, Any]]) -> Decimal:
    """What calls cost by the pack's prices, where every token of a model costs the same."""
    prices = {
        (group.provider, model): listed.prices[-1].per_unit() for group in pack.prices for model, listed in group.models.items()
    }
    cost = Decimal(0)
    for call in calls:
        each = prices[(call["provider"], call["model"])]
        cost += each.get("input_uncached_tokens", Decimal(0)) * (call["input_tokens"] + call["output_tokens"])
        cost += each.get("images", Decimal(0)) * call["images"]
    return cost
