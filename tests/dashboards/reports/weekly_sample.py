"""A made-up week: limits in every state with their futures, movers, outcomes, sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.reports.weekly import Given, content
from dashboards.limit_rows import headroom_of
from roomleft.limits import Headroom, Kind, Limit, State
from tests.dashboards.sample_rows import NOW, SAMPLES, TITLES, Sample, headroom_row

BERLIN = ZoneInfo("Europe/Berlin")
NONE = dict.fromkeys(("about_to", "order_by", "ends_p10", "ends_p50", "ends_p90", "no_date", "forecast_run"))


def row_of(sample: Sample) -> tuple[Headroom, Limit]:
    """A sample's headroom with a future: the chance follows from its dates."""
    row = headroom_of({**NONE, **headroom_row(sample)})
    limit = sample.limit
    if row.state is State.UNKNOWN or row.used is None:
        return row, limit
    if row.exhausts_p50 is not None and row.state is not State.EXHAUSTED:
        chance = 0.82 if row.exhausts_p50 - NOW < timedelta(days=12) else 0.31
        lead = limit.next_step.lead_time if limit.next_step and limit.next_step.lead_time else None
        row = replace(row, p_breach=chance, order_by=row.exhausts_p50 - lead if lead else None)
    elif row.state is not State.EXHAUSTED:
        row = replace(row, p_breach=0.004)
    about_to = row.window_end or NOW + timedelta(days=30)
    ends = [row.used * Decimal(times) for times in ("1.10", "1.26", "1.40")]
    return replace(row, about_to=about_to, ends_p10=ends[0], ends_p50=ends[1], ends_p90=ends[2]), limit


ROWS = [row_of(sample) for sample in SAMPLES]
MOVERS: Sequence[Mapping[str, Any]] = (
    {"platform": "tabletop", "name": "Tabletop", "before_usd": Decimal("9120.50"), "after_usd": Decimal("12340.25"), "cause": "Costs rose $3,220: model flash-image +$2,769, all else +$451; more calls"},
    {"platform": "scribe", "name": "Scribe", "before_usd": Decimal("640.10"), "after_usd": Decimal("512.00"), "cause": "Costs fell $128: fewer calls"},
)  # fmt: skip
OUTCOMES: Sequence[Mapping[str, Any]] = (
    {"platform": "arena", "name": "Monthly cost", "unit": "usd", "low": Decimal("5100"), "middle": Decimal("5300"), "high": Decimal("5600"), "outcome": Decimal("5489"),
     "said_at": NOW - timedelta(days=7), "about_to": NOW, "horizon_days": 7, "made": "live"},
    {"platform": "tabletop", "name": "Realtime connections", "unit": "connections", "low": Decimal("7000"), "middle": Decimal("7300"), "high": Decimal("7900"), "outcome": Decimal("8120"),
     "said_at": NOW - timedelta(days=7), "about_to": NOW, "horizon_days": 7, "made": "live"},
)  # fmt: skip
SOURCES: Sequence[Mapping[str, Any]] = tuple(
    {"platform": slug, "source": slug, "state": "failing" if slug == "coach" else "ok", "words": "no answer within 10 s" if slug == "coach" else "",
     "newest": NOW - timedelta(minutes=3)}
    for slug in TITLES
)  # fmt: skip


def given(**more: Any) -> Given:
    """The whole week."""
    whole: dict[str, Any] = {
        "titles": {slug: title for slug, (title, _) in TITLES.items()}, "rows": ROWS, "sources": SOURCES, "movers": MOVERS, "outcomes": OUTCOMES,
        "record": "When we said 70–80 %, it happened 71 % of the time (213 claims).", "public_url": "https://room.example.org",
    }  # fmt: skip
    return Given(**{**whole, **more})


def week(now: datetime = NOW, zone: ZoneInfo = BERLIN, **more: Any) -> dict[str, Any]:
    """Its content."""
    return content(given(**more), now, zone)


__all__ = ["BERLIN", "NOW", "ROWS", "UTC", "Kind", "given", "row_of", "week"]
