"""Forecasts as the pages read them: a row for every target with what it says of the next 30 days, and everything that is known of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.anomalies.finding import Anomaly
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import NONE_SAID
from analytics.forecasting.targets import AI_COST, Plan, Recipe, Subject, Target, plan_of
from analytics.reports.capacity_ahead import Ahead, ahead_of
from dashboards.anomaly_rows import recent
from dashboards.parts import Parts
from roomleft.outlook import NO_DATE_WORDS, NoDate, Shape
from roomleft.packs import Pack
from roomleft.packs_meters import CostMeter

DAYS = 30
ODD_SINCE = timedelta(days=45)
MOST_ODD = 200
SEASONAL_NAIVE = "seasonal naive"
SHORT = {each.lower(): each for each in ("AI", "API", "CPU", "GPU", "LLM", "SLO", "TTS", "CDN", "SQL", "DB")}
"""Words of a meter's name that are written in capitals."""


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """One target's newest forecast."""

    run: Mapping[str, Any]
    title: str
    ahead: Ahead | None
    details: Mapping[str, Any] = field(default_factory=dict)
    watched_as: str = ""
    """What the same series is called where anomalies are looked for; empty where it is not watched."""

    @property
    def target(self) -> str:
        return str(self.run["target"])

    @property
    def flow(self) -> bool:
        return bool(self.run["shape"] == Shape.FLOW)

    @property
    def zone(self) -> ZoneInfo:
        """Whose days are forecast."""
        return ZoneInfo(str(self.run["zone"]))

    @property
    def refused(self) -> str:
        """Why nothing is said, in words; empty where something is."""
        code = str(self.run["no_date"])
        if not code:
            return ""
        return str(self.run["words"]) or (NO_DATE_WORDS[NoDate(code)] if code in set(NoDate) else code)

    @property
    def says_something(self) -> bool:
        """Whether there are values to show: a reason that only forbids dates leaves them, and of sparse use its mean rate."""
        code = str(self.run["no_date"])
        return not code or code == NoDate.TOO_SPARSE or (code in set(NoDate) and NoDate(code) not in NONE_SAID)

    @property
    def last_day(self) -> datetime | None:
        """The end of the last complete day it saw."""
        found: datetime | None = self.run["history_to"]
        return found

    @property
    def repeats_last_week(self) -> bool:
        """Whether nothing did better in the backtest than repeating last week, so that this is what it says."""
        return bool(self.run["model"] == SEASONAL_NAIVE)

    @property
    def tried_ratio(self) -> float | None:
        """The error of the mix that was tried over that of repeating last week, in the backtest."""
        found = self.details.get("error_ratio")
        return float(found) if isinstance(found, (int, float)) else None

    @property
    def error_ratio(self) -> float | None:
        """The same of what is said: 1 where it repeats last week."""
        return 1.0 if self.repeats_last_week else self.tried_ratio


def forecasts(parts: Parts, platform: str | None) -> list[ForecastRow]:
    """Every target's newest forecast. Raises StoreError."""
    plans = {slug: plan for slug, pack in dict(parts.packs).items() if (plan := plan_or_none(pack)) is not None}
    rows = []
    for run in parts.store.rows("page_forecasts", platform=platform):
        plan = plans.get(run["platform"])
        target = plan.targets.get(run["target"]) if plan is not None else None
        futures = futures_of(parts, run["target"])
        details = _read(run["details"])
        own = ahead_of(futures, DAYS) if futures is not None and futures.run_id == run["run_id"] else kept_ahead(details)
        rows.append(ForecastRow(run, title_of(run, target), own, details, watched_as(run, target)))
    return rows


def kept_ahead(details: Mapping[str, Any]) -> Ahead | None:
    """The next 30 days as the run itself kept them: parts of the AI cost have no paths to read them off."""
    told = details.get("ahead")
    numbers = [told.get(name) for name in ("low", "middle", "high")] if isinstance(told, Mapping) else []
    if not isinstance(told, Mapping) or not all(isinstance(each, (int, float)) for each in numbers):
        return None
    before = told.get("before")
    low, middle, high = (float(each) for each in numbers if isinstance(each, (int, float)))
    return Ahead(low, middle, high, float(before) if isinstance(before, (int, float)) else None)


def plan_or_none(pack: Pack) -> Plan | None:
    """What a pack has forecast."""
    return plan_of(pack) if isinstance(pack, Pack) else None


def futures_of(parts: Parts, target: str) -> Futures | None:
    """The newest futures of a target, None where there are none."""
    return parts.forecasts.target(target) if parts.forecasts is not None else None


def title_of(run: Mapping[str, Any], target: Target | None) -> str:
    """What is forecast, in words: its meter's title, else the meter's name; of a part of the AI cost also which part."""
    name, _, part = str(run["target"]).partition("/")[2].partition("#")
    title = target.title if target is not None else name.partition("@")[0].replace("usage:", "AI ").replace("_", " ")
    title = " ".join(SHORT.get(word.lower(), word) for word in title.split(" "))
    apart = part.replace("=", " ") if "=" in part and "," not in title else ""
    return title[:1].upper() + title[1:] + (f", {apart}" if apart else "")


def watched_as(run: Mapping[str, Any], target: Target | None) -> str:
    """The name under which a target's anomalies stand: all AI cost, or a part of it."""
    name = str(run["target"])
    whole = target is not None and isinstance(target.meter, CostMeter) and not target.meter.where.given()
    if not whole and f"/{AI_COST}" not in name:
        return name
    part = f"#{target.part[0]}={target.part[1]}" if target is not None and target.part is not None else ""
    return f"{run['platform']}/ai_cost{part}"


def points(parts: Parts, row: ForecastRow) -> list[dict[str, Any]]:
    """about_at, about_to, p05 … p95 by day. Raises StoreError."""
    return parts.store.rows("page_forecast_points", run_id=row.run["run_id"], target=row.target)


def anomalies(parts: Parts, platform: str | None, now: datetime) -> list[Anomaly]:
    """What was odd in the last 45 days, as the API lists it, the newest first. Raises StoreError."""
    return recent(parts, now - ODD_SINCE, now, platform=platform, form=None, most=MOST_ODD)


def rests_on(pack: Pack | None, target: str) -> list[Subject]:
    """The limits and report series that a target is part of."""
    plan = plan_or_none(pack) if pack is not None else None
    if plan is None:
        return []
    return [
        subject
        for subject in plan.subjects
        if _uses(subject.recipe, target) or (subject.per is not None and _uses(subject.per, target))
    ]


def _uses(recipe: Recipe, target: str) -> bool:
    return any(each.name == target for each in recipe.targets())


def listed(value: object) -> Sequence[Mapping[str, Any]]:
    """A list of mappings out of JSON, whatever it is."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"list": found}
