"""Forecasts and their track record over HTTP: the same rows as the pages, for programs and for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from analytics.forecasting.targets import plan_of
from analytics.forecasting.track_record import track_record
from collectors.records.fields import nearest, shown
from dashboards.api.answers import answer
from dashboards.asked_packs import packs_asked
from dashboards.forecast_rows import ForecastRow, forecasts, points
from dashboards.forecast_words import future_words
from dashboards.parts import Parts
from dashboards.wording import THIN
from roomleft.errors import InputError
from roomleft.outlook import NO_DATE_WORDS
from roomleft.packs import Pack
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant

JOB = "forecast"
ROUTE = "/api/v1/forecasts"
RECORD = "/api/v1/track-record"
ABOUT = (
    "The newest forecast of every target (one daily series: `PLATFORM/METER`…), of a `platform` or of one `target`. `points` by day come with a target, or with "
    "`points=true`: `p05` to `p95` in the target's unit, a flow's for the day as long as it is. `no_date` is a code where nothing, or no date, is said, `words` why. "
    "`limits` names what is made of it; `untold` are the limits that cannot be forecast, each with its reason. `job` says how the forecaster's newest run ended."
)
ABOUT_RECORD = (
    "How claims came out that were said before what they speak of (`live`), or made afterwards for earlier mornings from the data of before each alone (`replayed`), of "
    "a `platform`, said `since`. By metric and horizon: `coverage` of ranges of 80 %, `bias`, `pinball`, `mase` beside `naive_mase` (errors over the mean error of "
    "repeating the week before), `brier` of chances; `reliability`: what was said and what happened, in tenths."
)
TOLD = (
    "unit",
    "zone",
    "shape",
    "model",
    "made",
    "run_id",
    "fitted_at",
    "history_from",
    "history_to",
    "days",
    "provisional",
    "words",
)


def make_forecast_api(parts: Parts) -> APIRouter:
    """GET /api/v1/forecasts and /api/v1/track-record."""
    router = APIRouter()

    @router.get(ROUTE, summary="What is forecast, and why something is not", description=ABOUT, tags=["read"])
    async def forecast(platform: str | None = None, target: str | None = None, points: bool = False) -> Response:
        packs = {pack.slug: pack for pack in packs_asked(parts, platform)}
        return answer(await asyncio.to_thread(read_forecasts, parts, packs, platform, target, points))

    @router.get(RECORD, summary="How what was forecast came out", description=ABOUT_RECORD, tags=["read"])
    async def record(platform: str | None = None, since: str | None = None) -> Response:
        known_platform(platform, parts.packs)
        begin = parse_instant(since) if since else None
        asked = None if platform is None else [platform]
        return answer((await asyncio.to_thread(lambda: track_record(parts.store, platforms=asked, since=begin))).as_dict())

    return router


def read_forecasts(
    parts: Parts, packs: Mapping[str, Pack], platform: str | None, target: str | None, with_points: bool
) -> dict[str, Any]:
    """The document of /api/v1/forecasts. Raises InputError for a target that was never forecast, StoreError."""
    rows = [row for row in forecasts(parts, platform) if row.run["platform"] in packs]
    if target is not None:
        named = [row for row in rows if row.target == target]
        if not named:
            words = f"nothing is forecast under {shown(target)}{nearest(target, [row.target for row in rows])}"
            raise InputError(words, "the parameter target", "without it all of them are told")
        rows = named
    plans = {slug: plan_of(pack) for slug, pack in packs.items()}
    of: dict[str, list[str]] = {}
    untold = []
    for plan in plans.values():
        for subject in plan.subjects:
            if subject.limit is not None and subject.recipe.no_date is not None:
                why = subject.recipe.no_date
                untold.append(
                    {"limit_id": subject.name, "title": subject.title, "no_date": str(why), "words": NO_DATE_WORDS[why]}
                )
            for each in subject.recipe.targets():
                of.setdefault(each.name, []).append(subject.name)
    found = parts.forecasts.fitted_at() if parts.forecasts is not None else None
    job = next((each for each in parts.jobs() if each.name == JOB), None)
    return {
        "fitted_at": found,
        "job": {"outcome": str(job.outcome), "words": job.words} if job is not None else None,
        "forecasts": [
            {
                **document(row, parts.clock.now()),
                "limits": of.get(row.target, []),
                **({"points": points(parts, row)} if with_points or target is not None else {}),
            }
            for row in rows
        ],
        "untold": untold if target is None else [],
    }


def document(row: ForecastRow, now: datetime) -> dict[str, Any]:
    """One target's newest forecast for programs; `sentence` says it for people."""
    details = {name: value for name, value in row.details.items() if name not in ("calibration", "model", "width", "limits")}
    ahead = row.ahead
    return {
        "target": row.target,
        "platform": row.run["platform"],
        "title": row.title,
        **{name: row.run[name] for name in TOLD if name in row.run},
        "no_date": row.run["no_date"] or None,
        "sentence": future_words(row, now).replace(THIN, " "),
        "next_30_days": None
        if ahead is None
        else {"p10": ahead.low, "p50": ahead.middle, "p90": ahead.high, "before": ahead.before},
        **details,
    }
