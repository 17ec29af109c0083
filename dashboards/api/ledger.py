"""The ledger over HTTP: cost by any dimensions, under any filters, in any zone, in all or by hour, day, week or month."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from analytics.ledger import DIMENSIONS, Costs, Question
from analytics.ledger_cost import Cost
from analytics.month_cost import as_dict
from dashboards.api.answers import answer
from dashboards.cost_books import books_of
from dashboards.filters import Filters, parse
from dashboards.parts import Parts
from dashboards.reads import month_expected
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from roomleft.timespan import known_zones, local_days, parse_instant

GRAINS = ("total", "hour", "day", "week", "month")
MOST_BUCKETS = 2_500
MOST_SERIES = 50
PARAMETERS = frozenset({"by", "since", "until", "range", "tz", "grain"})
DESCRIBED = (
    "`rows` add up to `total` in every measure, exactly: `cost_usd` = `ai_usd` + `infrastructure_usd`. Filter by any dimension, several values each "
    "(`model=a&model=b`; `(none)` for what has none; `kind` takes ai, infrastructure, idle). `range` is a word of the pages or days, `since` and `until` "
    "are instants, half-open. `left_out` is infrastructure that a filter cannot apply to. Where `unpriced_requests` is above 0 the cost is at least that; "
    "`provisional` figures reach into the last 48 hours or into history that is still being read (`provisional_reason`), `restated` ones hold calls that were priced again. With a grain, `series` has the dollars of "
    "every bucket by the first dimension, beyond the 50 dearest as `(others)`. `covers` says what was counted whole."
)

ABOUT_MONTH = (
    "AI usage and infrastructure of the calendar month that runs, of all platforms (or one) and of each in `platforms`. `ends` has p10, p50 and p90 of the whole "
    "month: each platform's sampled AI cost added draw by draw, and infrastructure, which is known; null where it is not known, and `why`. `budget_usd` is there only "
    "where the monthly budgets named in `budgets` cover all of the cost; `p_breach` is the chance of more. `zone`: whose days it is counted in, those of the "
    "platform's monthly budgets; all together is counted in the zone that the platforms share, else in the reader's."
)


def make_ledger_api(parts: Parts) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get(
        "/api/v1/costs", summary="What AI usage and infrastructure cost, by any dimension", description=DESCRIBED, tags=["read"]
    )
    async def costs(
        request: Request,
        by: Annotated[str, Query(description=f"one or two of {', '.join(DIMENSIONS)}, with a comma between")] = "",
        since: str | None = None,
        until: str | None = None,
        words: Annotated[
            str, Query(alias="range", description="month, last-month, 24h, 7d, 30d, 90d or 2026-11-01..2026-11-14")
        ] = "month",
        tz: Annotated[str, Query(description="the IANA zone whose days and months are meant")] = "UTC",
        grain: Annotated[str, Query(description=f"one of {', '.join(GRAINS)}")] = "total",
    ) -> Response:
        now = parts.clock.now()
        zone = _zone(tz)
        span = _span(since, until, words, tz, now)
        question = Question(
            *span,
            tuple(name.strip() for name in by.split(",") if name.strip()),
            _where(request),
            _edges(span, grain, zone),
            zone,
            named=MOST_SERIES,
        )
        told = await asyncio.to_thread(lambda: books_of(parts).costs(question, now))
        return answer(_told(told, question, span, grain))

    @router.get(
        "/api/v1/costs/month",
        summary="What the month costs in all: so far, and at its end",
        description=ABOUT_MONTH,
        tags=["read"],
    )
    async def month(
        platform: str | None = None,
        tz: Annotated[
            str,
            Query(
                description="the reader's IANA zone: all together is a month of it where the platforms' budgets are of different zones"
            ),
        ] = "UTC",
    ) -> Response:
        known_platform(platform, parts.packs)
        now, zone = parts.clock.now(), _zone(tz)
        return answer(as_dict(await asyncio.to_thread(month_expected, parts, platform, zone, now)))

    return router


def _where(request: Request) -> dict[str, tuple[str, ...]]:
    asked = dict.fromkeys(request.query_params.keys())
    unknown = [name for name in asked if name not in PARAMETERS and name not in DIMENSIONS]
    if unknown:
        raise InputError(f"there is no parameter {unknown[0][:60]!r}", "/api/v1/costs", f"filters are {', '.join(DIMENSIONS)}")
    return {name: tuple(request.query_params.getlist(name)) for name in asked if name in DIMENSIONS}


def _span(since: str | None, until: str | None, words: str, tz: str, now: datetime) -> tuple[datetime, datetime]:
    if since is None and until is None:
        filters: Filters = parse("/cost", f"range={words}&tz={tz}")
        if filters.problems:
            raise InputError(filters.problems[0].partition(";")[0], "the parameter range", "see /api/docs")
        if filters.ahead(now):
            raise InputError("the range lies in the future", f"range={words}", "ask for days up to today")
        return filters.span(now)
    end = _instant("until", until) if until else now
    start = _instant("since", since) if since else end - timedelta(days=1)
    if start >= end:
        raise InputError("since must be before until", f"since={start.isoformat()}", "ranges are half-open: [since, until)")
    if start >= now:
        raise InputError(
            "the range lies in the future",
            f"since={start.isoformat()}",
            f"ask for what was before {now.isoformat(timespec='seconds')}",
        )
    return start, end


def _instant(name: str, text: str) -> datetime:
    try:
        at = parse_instant(text)
    except InputError as error:
        raise InputError(error.what, f"the parameter {name}", error.hint) from error
    if not 1970 <= at.year <= 2200:
        raise InputError(f"{text} is absurd", f"the parameter {name}", "years 1970 to 2200")
    return at


def _zone(tz: str) -> ZoneInfo:
    if tz not in known_zones():
        raise InputError(f"{tz[:60]!r} is not a time zone", "the parameter tz", "an IANA name such as Europe/Berlin")
    return ZoneInfo(tz)


def _edges(span: tuple[datetime, datetime], grain: str, zone: ZoneInfo) -> tuple[datetime, ...]:
    if grain not in GRAINS:
        raise InputError(f"there is no grain {grain[:60]!r}", "the parameter grain", f"one of {', '.join(GRAINS)}")
    if grain == "total":
        return ()
    since, until = span
    hours = (until - since) / timedelta(hours=1)
    if (hours if grain == "hour" else hours / 24) > MOST_BUCKETS:
        raise InputError(f"the span has more than {MOST_BUCKETS} buckets", "the parameter grain", "ask for a longer grain")
    if grain == "hour":
        first = since.replace(minute=0, second=0, microsecond=0)
        return (since, *(first + timedelta(hours=each) for each in range(1, int(hours) + 1)))
    days = local_days(since, until, zone)
    kept = [start for day, start, _ in days if grain == "day" or (day.weekday() == 0 if grain == "week" else day.day == 1)]
    return (since, *(edge for edge in kept if edge > since))


def _told(told: Costs, question: Question, span: tuple[datetime, datetime], grain: str) -> dict[str, Any]:
    left = told.left_out
    series: list[dict[str, Any]] = []
    if grain != "total":
        ends = dict(zip(told.edges, (*told.edges[1:], told.until), strict=True))
        for (at, value), cost in sorted(told.series.items(), key=lambda item: (item[0][0], item[0][1] or "")):
            key = {told.by[0]: value} if told.by else {}
            series.append({"since": at, "until": ends[at], **key, "cost_usd": cost})
    return {
        "since": span[0], "until": span[1], "tz": question.zone.key, "grain": grain, "by": list(told.by),
        "where": {name: list(values) for name, values in question.where.items()},
        "covers": {"since": told.since, "until": told.until, "grain": told.grain},
        "provisional": told.provisional, "provisional_reason": told.provisional_reason, "provisional_ai_usd": told.provisional_usd, "restated": told.restated,
        "left_out": None if left is None else {"dimensions": list(left.dimensions), "infrastructure_usd": left.usd},
        "rows": [{**dict(zip(told.by, each.key, strict=True)), **_cost(each)} for each in told.groups],
        "total": _cost(told.total),
        **({"series": series} if grain != "total" else {}),
    }  # fmt: skip


def _cost(cost: Cost) -> dict[str, Any]:
    told = asdict(cost)
    del told["key"]
    known: Decimal = cost.cost_usd
    return {"cost_usd": known, **told}
