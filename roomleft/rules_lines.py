"""Lines that no reading can cross, or that every reading is beyond: an alert there never fires, or never stops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from roomleft.packs import Pack
from roomleft.packs_meters import (
    BusinessMeter,
    CostMeter,
    CountMeter,
    DifferenceMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    GrowthMeter,
    IncreaseMeter,
    InfrastructureCostMeter,
    Meter,
    PercentileMeter,
    RatioMeter,
    TotalMeter,
)
from roomleft.rules_when import Bound

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Range:
    """What a reading can be, both ends included; None: no end is known."""

    low: Decimal | None = None
    high: Decimal | None = None


FRACTION_LEFT = Range(high=ONE)
CHANCE = Range(ZERO, ONE)


def impossible(bound: Bound, possible: Range, unit: str = "") -> str:
    """Why no reading in the range can make this fire, or let it stop; empty if some can."""
    line, low, high = bound.line, possible.low, possible.high
    side = str(bound.side)
    never = {
        "above": high is not None and line >= high,
        "at_least": high is not None and line > high,
        "below": low is not None and line <= low,
        "at_most": low is not None and line < low,
    }
    words = side.replace("_", " ")
    if never[side]:
        end = f"the most is {_amount(high, unit)}" if side in ("above", "at_least") else f"the least is {_amount(low, unit)}"
        return f"it can never be {words} {_amount(line, unit)}: {end}"
    if _always(side, line, low, high):
        return f"it is always {words} {_amount(line, unit)}"
    if bound.clear is not None and _always(side, bound.clear, low, high):
        return f"it would never clear: it is always {words} {_amount(bound.clear, unit)}"
    return ""


def _always(side: str, line: Decimal, low: Decimal | None, high: Decimal | None) -> bool:
    return {
        "above": low is not None and line < low,
        "at_least": low is not None and line <= low,
        "below": high is not None and line > high,
        "at_most": high is not None and line >= high,
    }[side]


def _amount(amount: Decimal | None, unit: str) -> str:
    return f"{amount:f}" + (f" {unit}" if unit else "") if amount is not None else ""


def reading_range(pack: Pack, name: str, over: timedelta | None) -> Range:
    """What a meter of the pack can read when it is taken over `over`."""
    meter = pack.meters[name]
    low = ZERO if _never_negative(pack, meter) else None
    if isinstance(meter, FailingMinutesMeter) and (span := meter.over or over) is not None:
        return Range(low, Decimal(round(span.total_seconds())) / 60)
    if isinstance(meter, RatioMeter) and _is_share(pack, meter):
        return Range(low, meter.scale if meter.scale is not None else ONE)
    return Range(low)


def _never_negative(pack: Pack, meter: Meter) -> bool:
    match meter:
        case (
            CostMeter() | CountMeter() | DistinctUsersMeter() | InfrastructureCostMeter() | IncreaseMeter() | FailingMinutesMeter()
            | PercentileMeter()
        ):  # fmt: skip
            return True
        case RatioMeter():
            scale = meter.scale if meter.scale is not None else ONE
            return scale > 0 and all(_never_negative(pack, pack.meters[part]) for part in (meter.part, meter.whole))
        case TotalMeter():
            return all(_never_negative(pack, pack.meters[part]) for part in meter.of)
        case BusinessMeter():
            return meter.of != "revenue" and meter.of != "satisfaction"
        case DifferenceMeter() | GrowthMeter():
            return False
        case _:
            return False


def _is_share(pack: Pack, meter: RatioMeter) -> bool:
    """Whether a ratio's part is a part of its whole: counts of the same, where the part only leaves something out."""
    part, whole = pack.meters[meter.part], pack.meters[meter.whole]
    if not isinstance(part, CountMeter) or not isinstance(whole, CountMeter) or (part.of, part.over) != (whole.of, whole.over):
        return False
    kept, all_of = part.where.given(), whole.where.given()
    return all(key in kept and set(kept[key]) <= set(names) for key, names in all_of.items())
