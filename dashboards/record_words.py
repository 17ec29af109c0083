"""What the track record says in words: what each claim was, what came, whether it held; and how a line's scores read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.forecasting.track_record import Line
from dashboards import capacity_words, wording
from dashboards.forecast_rows import title_of
from dashboards.record_rows import apart_words, names_of, units_of
from roomleft.limits import Kind
from roomleft.money import MINUS
from roomleft.outlook import Made
from roomleft.packs import Pack

NONE = ""
"""A score that a claim of this sort does not have."""
MADE_TITLES = {Made.LIVE: "Said beforehand", Made.REPLAYED: "Replayed over the history"}
MADE_NOTES = {
    Made.LIVE: "said before it happened, scored when it was over",
    Made.REPLAYED: "worked out later, as if on an earlier day, from the data of before that day alone",
}
METRIC_WORDS = {
    Kind.BUDGET: "budgets", Kind.SLO: "SLOs", Kind.CAPACITY: "capacity", Kind.QUOTA: "quotas", Kind.RATIO: "ratios",
}  # fmt: skip
CLAIM_WORDS = {"breach": "chance of running out", "total": "total", "level": "level", "exhausts": "date it runs out"}
HELD_LOW, HELD_HIGH = 0.7, 0.9
"""80 % ranges that hold less or more often than this do not mean what they say."""
ENOUGH = 20


def metric_words(metric: str) -> str:
    """`budgets`, `AI cost`."""
    if metric in set(Kind):
        return METRIC_WORDS[Kind(metric)]
    return metric.replace("_", " ").replace("ai ", "AI ")


def made_words(made: str) -> str:
    """`said beforehand`, `replayed`."""
    return "said beforehand" if made == Made.LIVE else "replayed"


def ahead_words(days: int) -> str:
    """`30 d`; `within the day`."""
    return f"{days}{wording.THIN}d" if days > 0 else "the same day"


def coverage_words(line: Line) -> tuple[str, bool]:
    """`79 % of 420`, and whether that is odd for a range that should hold 80 %."""
    if line.coverage is None or not line.ranges:
        return NONE, False
    odd = line.ranges >= ENOUGH and not HELD_LOW <= line.coverage <= HELD_HIGH
    return f"{wording.percent(line.coverage, 0)} of {line.ranges:,}", odd


def bias_words(bias: float | None) -> str:
    """`+0.12`: above 0, too much was said."""
    if bias is None:
        return NONE
    return f"{'+' if bias > 0.005 else MINUS if bias < -0.005 else ''}{abs(bias):.2f}"


def brier_words(line: Line) -> tuple[str, bool]:
    """`0.110 against 0.180`: ours, and that of always saying the share that happened; and whether ours lost."""
    if line.brier is None:
        return NONE, False
    if line.base_brier is None:
        return f"{line.brier:.3f}", False
    return f"{line.brier:.3f} against {line.base_brier:.3f}", line.chances >= ENOUGH and round(line.brier, 3) > round(
        line.base_brier, 3
    )


def ratio_words(line: Line) -> tuple[str, bool]:
    """Our error over that of repeating last week, and whether that lost."""
    if line.mase is None or not line.naive_mase:
        return NONE, False
    ratio = line.mase / line.naive_mase
    return f"{ratio:.2f}", ratio > 1


def subject_words(row: Mapping[str, Any], packs: Mapping[str, Pack]) -> str:
    """The title of what a claim is about."""
    pack = packs.get(row["platform"])
    if pack is not None:
        for limit in pack.limit_list():
            if limit.limit_id == row["subject"]:
                return limit.title
        known = names_of(pack).get(row["subject"] or row["target"])
        if known is not None:
            return known
    name = str(row["subject"] or row["target"]).removeprefix(f"{row['platform']}/").removeprefix(f"{row['platform']}.")
    series, _, part = name.replace("/", ", ").partition("#")
    told = title_of({"target": f"{row['platform']}/{series}"}, None)
    apart = apart_words(str(row["subject"] or row["target"]))
    return f"{told}, {apart}" if part else told


def said_words(row: Mapping[str, Any], unit: str, now: datetime, zone: ZoneInfo) -> str:
    """What a claim said: `72 % chance of exceeding $40k`, `$38–46k`, `runs out 22–27 Nov`."""
    if row["claim"] == "breach":
        over = (
            f" of passing {capacity_words.amount_range(row['amount'], row['amount'], unit)}" if row["amount"] is not None else ""
        )
        return f"{wording.chance(row['probability'])} chance{over}" if row["probability"] is not None else NONE
    if row["low"] is None or row["high"] is None:
        return NONE
    if row["claim"] == "exhausts":
        first, last = (_date(row, row[name]) for name in ("low", "high"))
        return f"runs out {wording.day_range(first, last, now, zone)}"
    return capacity_words.amount_range(row["low"], row["high"], unit)


def came_words(row: Mapping[str, Any], unit: str, now: datetime, zone: ZoneInfo) -> tuple[str, bool | None]:
    """What came, and whether a range held it (None for a chance, which a single outcome cannot prove wrong)."""
    outcome = row["outcome"]
    if row["claim"] == "breach":
        return ("it happened" if outcome >= 0.5 else "it did not happen"), None
    held = None if row["covered"] is None else row["covered"] >= 0.5
    if row["claim"] == "exhausts":
        day = wording.day(_date(row, outcome), now, zone)
        return (f"ran out {day}" if outcome < row["horizon_days"] else f"had not run out by {day}"), held
    return capacity_words.amount_range(outcome, outcome, unit), held


def unit_of(row: Mapping[str, Any], packs: Mapping[str, Pack]) -> str:
    """A claim's unit: that of its limit or series, else its target's."""
    pack = packs.get(row["platform"])
    own = units_of(pack).get(row["subject"]) if pack is not None else None
    return own or row["unit"] or ""


def _date(row: Mapping[str, Any], days: float) -> datetime:
    """The instant so many days after the beginning of what a claim speaks of, which is before it was said."""
    begin: datetime = row["about_from"]
    return begin + timedelta(days=float(days))
