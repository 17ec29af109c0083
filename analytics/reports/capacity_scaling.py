"""Scaling triggers of the capacity report: each rule, its reading now, and the chance and date of its limit. Pure; dates are those stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from analytics.reports import weekly_words as say
from analytics.reports.capacity_ahead import figure
from analytics.reports.capacity_forecasts import Row, chance_words
from analytics.reports.decisions import dates_of, when
from analytics.reports.scaling import ScalingRow, Trigger
from analytics.urgency import last_date
from analytics.wording import NARROW, number_text, span_text
from roomleft.limits import Direction
from roomleft.packs import Pack
from roomleft.packs_parts import Scaling, ScalingRule


def triggers(pack: Pack, rows: Sequence[Row], scaled: Sequence[ScalingRow], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Every trigger of the pack. Two scalings of one component with the same rule and limit are told once, by the wider one."""
    found: list[dict[str, Any]] = []
    for row in sorted(scaled, key=lambda each: -(each.most or 0)):
        scaling = pack.scaling[row.scaling_id]
        for rule, trigger in ((scaling.up, row.up), (scaling.down, row.down)):
            if rule is None:
                continue
            bound = limit_of(pack, scaling, rule, rows)
            told = _trigger(scaling, row, rule, trigger, bound, now, zone)
            known = (scaling.component, told["rule"], told["limit"]["limit_id"] if told["limit"] else "")
            if known not in {
                (each["component"], each["rule"], each["limit"]["limit_id"] if each["limit"] else "") for each in found
            }:
                found.append(told)
    order = list(pack.scaling)
    return sorted(found, key=lambda each: order.index(each["scaling"]))


def limit_of(pack: Pack, scaling: Scaling, rule: ScalingRule, rows: Sequence[Row]) -> Row | None:
    """The limit that holds a rule: of its component, in per cent, with the rule's own line, and on the side on which it acts."""
    line = rule.share_percent if rule.share_percent is not None else rule.use_percent
    # A share of parts is counted upwards; a use below a line is a floor.
    side = Direction.AT_LEAST if rule.side == "below" and rule.share_percent is None else Direction.AT_MOST
    for row, limit in rows:
        spec = pack.limit_spec(limit.limit_id)
        if spec.component == scaling.component and limit.unit == "percent" and limit.amount == line and limit.direction is side:
            return row, limit
    return None


def _trigger(
    scaling: Scaling, row: ScalingRow, rule: ScalingRule, trigger: Trigger | None, bound: Row | None, now: datetime, zone: tzinfo
) -> dict[str, Any]:
    reading = figure(trigger.reading) if trigger is not None and trigger.reading is not None else None
    holds = trigger.distance <= 0 if trigger is not None and trigger.distance is not None else None
    way = "up" if rule is scaling.up else "down"
    return {
        "scaling": row.scaling_id,
        "title": say.clean(scaling.title),
        "component": scaling.component,
        "way": way,
        "rule": rule_words(rule, scaling, way),
        "use_percent": rule.use_percent,
        "share_percent": rule.share_percent,
        "hold_s": rule.hold.total_seconds() if rule.hold is not None else None,
        "cooldown_s": scaling.cooldown.total_seconds() if scaling.cooldown is not None else None,
        "reading_percent": reading,
        "distance_points": figure(trigger.distance) if trigger is not None and trigger.distance is not None else None,
        "holds": holds,
        "now_words": _now_words(reading, holds, rule, row.missing),
        "running": row.running,
        "most": row.most,
        "unit": row.unit,
        "running_words": _running(row),
        "limit": _limit(*bound, now, zone) if bound is not None else None,
    }


def rule_words(rule: ScalingRule, scaling: Scaling, way: str) -> str:
    """`up when 70 % of the parts are at 80 % or more`, `down when use is below 30 % for 10 min; 5 min cooldown`."""
    use = f"{number_text(rule.use_percent)}{NARROW}%"
    side = f"at {use} or more" if rule.side == "above" else f"below {use}"
    what = (
        f"{number_text(rule.share_percent)}{NARROW}% of the parts are {side}"
        if rule.share_percent is not None
        else f"use is {side}"
    )
    hold = f" for {_span(rule.hold)}" if rule.hold is not None else ""
    cooldown = f"; {_span(scaling.cooldown)} cooldown" if scaling.cooldown is not None else ""
    return f"{way} when {what}{hold}{cooldown}"


def _span(span: Any) -> str:
    return span_text(span)


def _now_words(reading: Decimal | None, holds: bool | None, rule: ScalingRule, missing: str) -> str:
    if reading is None:
        return f"unknown: {missing}" if missing else "unknown"
    what = "of the parts" if rule.share_percent is not None else "in use"
    return f"{number_text(reading)}{NARROW}% {what}, {'holds' if holds else 'does not hold'}"


def _running(row: ScalingRow) -> str:
    if row.most is None:
        return ""
    run = "unknown" if row.running is None else f"{row.running:,.0f}"
    return f"{run} of {row.most:,.0f} {row.unit}"


def _limit(row: Any, limit: Any, now: datetime, zone: tzinfo) -> dict[str, Any]:
    return {
        "limit_id": row.limit_id, "title": say.clean(limit.title), "p_breach": row.p_breach, "chance": chance_words(row), "exhausts_at": dates_of(row),
        "runs_out": when(row, limit, now, zone), "order_by": row.order_by, "by": last_date(row, limit, now),
    }  # fmt: skip
