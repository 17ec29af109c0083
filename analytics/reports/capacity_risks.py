"""The risks of the capacity report: what stored rows give grounds for, the worst first, and the risks that the pack names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from analytics.forecasting.track_record import TrackRecord
from analytics.reports import weekly_words as say
from analytics.reports.capacity_forecasts import Row, growth_words
from analytics.reports.tiers import risk_rows
from analytics.wording import NARROW, chance_text
from roomleft.limits import Headroom, State
from roomleft.outlook import NoDate
from roomleft.packs import Pack

LIKELY, POSSIBLE = 0.5, 0.2
ONE_PROVIDER = Decimal("0.8")
"""From this share of the AI cost on, one provider's outage or price is the platform's."""
OUTGROWS = 0.05
"""How much faster than revenue cost must grow to be told: less is chance."""
COVERED_BELOW, ENOUGH_RANGES = 0.7, 20
"""A record whose 80 % ranges held less often than this, over at least so many, is a poor one."""
SHORT = frozenset({NoDate.TOO_SHORT, NoDate.TOO_GAPPY, NoDate.NO_DATA, NoDate.NOT_YET, NoDate.HALF_READ})
NAMED = 4
ROOM = "every limit that watches it has room"
IN_WORDS = {State.EXHAUSTED: "has run out", State.TIGHT: "is tight", State.UNKNOWN: "cannot be told", None: "is not measured"}
"""How a limit that is not well is said to be, the worst first."""


@dataclass(frozen=True, slots=True)
class Money:
    """What the last 30 whole days cost and earned against the 30 before (None: not known), cost by provider, and calls without a price."""

    cost: tuple[Decimal, Decimal] | None = None
    revenue: tuple[Decimal, Decimal] | None = None
    by_provider: Sequence[tuple[str, Decimal]] = ()
    unpriced_requests: int = 0
    requests: int = 0


def risks(
    pack: Pack, rows: Sequence[Row], forecasts: Sequence[Mapping[str, Any]], money: Money, record: TrackRecord | None
) -> list[dict[str, Any]]:
    """Every risk with its grounds. `source`: `data` for what the rows say, `design` for what the pack fears."""
    found = [
        *_of_limits(rows),
        *_of_silence(rows),
        *_of_money(money, {item.serves.provider for item in pack.cost_items() if item.serves is not None}),
        *_of_forecasts(forecasts),
        *_of_record(record),
    ]
    order = ("high", "medium", "low")
    found.sort(key=lambda risk: order.index(risk["severity"]))
    headrooms: dict[str, Headroom] = {row.limit_id: row for row, _ in rows}
    for each in risk_rows(pack, headrooms):
        told = {name: [say.clean(title) for _, title, state in each.limits if state is of] for of, name in IN_WORDS.items()}
        watched = [f"{name}: {'; '.join(titles)}" for name, titles in told.items() if titles]
        grounds = ". ".join(watched) if watched else ROOM if each.limits else "no limit watches it"
        severity = (
            "high" if each.state is State.EXHAUSTED else "medium" if each.state in (State.TIGHT, State.UNKNOWN, None) else "low"
        )
        found.append(_risk(each.risk_id, each.title, severity, grounds, "design"))
    return found


def _risk(name: str, title: str, severity: str, grounds: str, source: str = "data") -> dict[str, Any]:
    return {"risk": name, "title": say.clean(title), "severity": severity, "grounds": say.clean(grounds), "source": source}


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return "; ".join(names[:NAMED]) + more


def _of_limits(rows: Sequence[Row]) -> list[dict[str, Any]]:
    out = [say.clean(limit.title) for row, limit in rows if row.state is State.EXHAUSTED]
    known = [(row, limit) for row, limit in rows if row.p_breach is not None and row.state in (State.OK, State.TIGHT)]
    likely = sorted(
        ((row, limit) for row, limit in known if (row.p_breach or 0) >= POSSIBLE), key=lambda pair: -(pair[0].p_breach or 0)
    )
    found = []
    if out:
        found.append(_risk("run_out", "Limits that have run out", "high", _named(out)))
    for name, title, severity, low, high in (
        ("likely", "Limits that probably run out", "high", LIKELY, 2.0),
        ("possible", "Limits that may run out", "medium", POSSIBLE, LIKELY),
    ):
        own = [
            f"{say.clean(limit.title)} ({chance_text(row.p_breach or 0)})"
            for row, limit in likely
            if low <= (row.p_breach or 0) < high
        ]
        if own:
            found.append(_risk(name, title, severity, _named(own)))
    return found


def _of_silence(rows: Sequence[Row]) -> list[dict[str, Any]]:
    dark = [f"{say.clean(limit.title)} ({say.clean(row.reason)})" for row, limit in rows if row.state is State.UNKNOWN]
    if not dark:
        return []
    return [
        _risk("stale", "Limits whose data is missing or old", "high" if len(dark) * 2 >= len(rows) else "medium", _named(dark))
    ]


def _of_money(money: Money, own: Collection[str]) -> list[dict[str, Any]]:
    found = []
    if money.unpriced_requests:
        grounds = f"{money.unpriced_requests:,} of {money.requests:,} calls of the last 30 days have no price and count nothing: cost is a lower bound"
        found.append(_risk("unpriced", "Usage without a price", "medium", grounds))
    total = sum((cost for _, cost in money.by_provider), Decimal(0))
    if total > 0:
        name, cost = max(money.by_provider, key=lambda pair: pair[1])
        share = cost / total
        # Models of the platform's own are nobody's to take away.
        if share >= ONE_PROVIDER and name not in own:
            grounds = f"{name} is {round(float(share) * 100)}{NARROW}% of the AI cost of the last 30 days ({say.money(cost)} of {say.money(total)})"
            found.append(_risk("one_provider", "Dependence on one AI provider", "medium", grounds))
    gap = growth_gap(money)
    if gap is not None and gap[0] - gap[1] > OUTGROWS:
        grounds = f"AI cost {growth_words(gap[0])}, revenue {growth_words(gap[1])}: the last 30 days against the 30 before"
        found.append(
            _risk("cost_growth", "Cost grows faster than revenue", "high" if gap[0] - gap[1] > 0.2 else "medium", grounds)
        )
    return found


def growth_gap(money: Money) -> tuple[float, float] | None:
    """Growth of AI cost and of revenue, as shares; None where either is not known or began at nothing."""
    if money.cost is None or money.revenue is None or money.cost[0] <= 0 or money.revenue[0] <= 0:
        return None
    return float(money.cost[1] / money.cost[0]) - 1, float(money.revenue[1] / money.revenue[0]) - 1


def _of_forecasts(forecasts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    refused = [f"{each['title']}: {each['why']}" for each in forecasts if each["no_date"] in SHORT]
    provisional = [str(each["title"]) for each in forecasts if each["provisional"] and each["p50"] is not None]
    if refused:
        found.append(_risk("short_history", "Forecasts that cannot be made", "medium", _named(refused)))
    if provisional:
        found.append(_risk("provisional", "Forecasts from less than four weeks", "low", _named(provisional)))
    return found


def _of_record(record: TrackRecord | None) -> list[dict[str, Any]]:
    lines = [line for line in record.lines if line.ranges] if record is not None else []
    ranges = sum(line.ranges for line in lines)
    if record is None or not ranges:
        return [_risk("no_record", "No track record yet", "low", "no forecast is old enough to be compared with what happened")]
    covered = sum((line.coverage or 0.0) * line.ranges for line in lines) / ranges
    if covered >= COVERED_BELOW or ranges < ENOUGH_RANGES:
        return []
    grounds = (
        f"the 80{NARROW}% ranges held what came {round(covered * 100)}{NARROW}% of the time, of {ranges} ranges: take them wider"
    )
    return [_risk("poor_record", "Forecasts that have been too sure", "medium", grounds)]
