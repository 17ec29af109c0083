"""Steps of the capacity report that concern one another: of two that oppose one another only the more urgent is ordered, the other waits for it; a step
that both a limit and an advice name is told, and counted, once. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from analytics.reports.capacity_forecasts import Row
from roomleft.wording import last_day_text

Told = list[dict[str, Any]]


def settled(
    advice: Sequence[Mapping[str, Any]], decided: Sequence[Mapping[str, Any]], rows: Sequence[Row], now: datetime, zone: tzinfo
) -> tuple[Told, Told]:
    """Recommendations and decisions as they stand beside one another.

    A recommendation's `same_as` is the limit of the decision that it is one step with (None: of none); that decision's `advised` has its words, and its last
    day is the earlier of both. `waits_for` of either names the more urgent step that it opposes (empty: of none): such a step is not ordered.
    """  # fmt: skip
    meters = {limit.limit_id: limit.meter_id for _, limit in rows}
    first: Told = [{**each, "same_as": None, "waits_for": ""} for each in advice]
    second: Told = [{**each, "advised": [], "waits_for": ""} for each in decided]
    for each in first:
        same = next((one for one in second if _same(each, one, meters)), None)
        if same is not None:
            each["same_as"] = same["limit_id"]
            same["advised"].append(f"Advised too when {each['when']}. {each['words']}")
            _sooner(same, each, now, zone)
            continue
        pulled = each["pulls_against"]
        other = next((one for one in second if pulled is not None and pulled["limit_id"] in _limits(one)), None)
        if other is None or not each["holds"]:
            continue
        if (each["order_by"] or now) <= max(_due(other, now), now):
            other["waits_for"], other["by"] = each["action"], ""
        else:
            each["waits_for"], each["urgency"] = other["what"], f"waits for “{other['what']}”"
    return first, second


def _limits(decision: Mapping[str, Any]) -> list[str]:
    return [decision["limit_id"], *(also["limit_id"] for also in decision["also"])]


def _same(advice: Mapping[str, Any], decision: Mapping[str, Any], meters: Mapping[str, str]) -> bool:
    """Whether an advice comes to a decision's step: of the same resource, and of the same dollars a month."""
    cost = decision["cost_usd_per_month"]
    of = {meters.get(name) for name in _limits(decision)}
    if not cost or advice["of"] is None or advice["of"] not in of:
        return False
    return bool(advice["saving_usd"] == -cost if advice["saving_usd"] is not None else advice["cost_usd"] == cost)


def _sooner(decision: dict[str, Any], advice: Mapping[str, Any], now: datetime, zone: tzinfo) -> None:
    last = advice["order_by"]
    if advice["holds"] and last is not None and decision["by"] != "now" and last <= _due(decision, last):
        decision["order_by"] = last
        decision["by"] = "now" if last <= now else last_day_text(last, now, zone)


def _due(decision: Mapping[str, Any], otherwise: datetime) -> datetime:
    """When a decision must be made; of one without any date `otherwise`."""
    if decision["by"] == "now":
        return otherwise
    dates = decision["exhausts_at"]
    at: datetime = decision["order_by"] or (dates["p50"] if dates is not None else otherwise)
    return at
