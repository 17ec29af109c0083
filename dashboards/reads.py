"""Every question the pages ask the warehouse, by name. Nothing else in the pages touches the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.catalogue import PriceList
from analytics.ledger import Costs, Question
from analytics.ledger_rows import usage_rows
from analytics.month_cost import Month, month_zone
from analytics.month_cost import month_cost as analytics_month
from analytics.reports.golden import CALLS_OVER, AiCalls
from analytics.scores import Scored, scores
from dashboards.cost_asked import Answered, CostRows, answered, question_of
from dashboards.cost_books import books_of
from dashboards.door.asking import may_see_users
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow, limit_rows
from dashboards.parts import Parts
from dashboards.ran_out import with_ran_out
from dashboards.stale_prices import stale_of
from roomleft.packs import Pack
from roomleft.timespan import Period, Window
from warehouse.percentiles import latency_series
from warehouse.store import Store

Row = dict[str, Any]
ROLLED = timedelta(minutes=15)
CHART_POINTS = 240
SINCE_SPAN = timedelta(days=14)
"""How far back the beginning of a present state is looked for."""
RECENT_SPAN, RECENT_STEP_S = timedelta(hours=24), 300
QUARTER_S = 900
ROWS_A_PAGE = 50
HOPS_OVER = timedelta(hours=1)


def limits(store: Store, packs: Mapping[str, Pack], now: datetime, slack: timedelta = timedelta(0)) -> list[LimitRow]:
    """Every limit with its newest headroom and since when it has been so, worst first. `slack` as in `limit_rows`. Who asks decides whether users are named."""
    known = [limit for pack in packs.values() for limit in pack.limit_list()]
    begun = {row["limit_id"]: row for row in store.rows("page_limits_since", since=now - SINCE_SPAN)}
    rows = limit_rows(
        store.rows("headroom_now"),
        known,
        now,
        slack,
        {limit_id: row["begun_at"] for limit_id, row in begun.items()},
        {limit_id for limit_id, row in begun.items() if row["began_before"]},
        may_see_users(),
    )
    return with_ran_out(store, packs, rows, now)


def limit_history(store: Store, limit_id: str, now: datetime, span: timedelta = timedelta(days=7)) -> list[Row]:
    """bucket_start, fraction_left, state by hour over `span`."""
    return store.rows("page_headroom_history", limit_id=limit_id, since=now - span)


def whole_buckets(since: datetime) -> datetime:
    """`since` moved back to the start of its 15-minute bucket: cost is rolled up by those."""
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin + (since - origin) // ROLLED * ROLLED


def month_cost(parts: Parts, filters: Filters, now: datetime) -> Costs:
    """What the month has cost so far, AI usage and infrastructure: the figure that the Explorer shows for this month of its zone."""
    where = {"platform": (filters.platform,)} if filters.platform else {}
    zone = month_zone_of(parts, filters)
    since = Window(Period.MONTH, zone).bounds(now)[0]
    return books_of(parts).costs(Question(since, max(now, since + ROLLED), where=where, zone=zone), now)


def month_zone_of(parts: Parts, filters: Filters) -> ZoneInfo:
    """Whose days the month of an address is counted in: of its platforms' budgets, where those share one."""
    return month_zone({slug: pack for slug, pack in dict(parts.packs).items() if filters.platform in (None, slug)}, filters.zone)


def month_expected(
    parts: Parts, platform: str | None, zone: ZoneInfo, now: datetime, known: Sequence[LimitRow] | None = None
) -> Month:
    """What the month costs in all for a reader in `zone`, so far and at its end: of a platform, or of all and each. `known`: the limits, where they were read."""
    packs = {slug: pack for slug, pack in dict(parts.packs).items() if platform in (None, slug)}
    read = limits(parts.store, packs, now, parts.slack) if known is None else known
    rows = [(row.headroom, row.limit) for row in read]
    return analytics_month(replace(books_of(parts), packs=packs), parts.forecasts, rows, now, zone)


def cost(parts: Parts, filters: Filters, now: datetime) -> Answered:
    """What the ledger answers to an address of the Cost pages."""
    return answered(books_of(parts), filters, now)


def cost_rows(parts: Parts, filters: Filters, now: datetime, page: int) -> CostRows:
    """What is behind a figure: the figure itself, a page of calls (from 0) and the infrastructure's items."""
    ledger = books_of(parts)
    question = replace(question_of(filters, now), by=(), edges=())
    told = ledger.costs(question, now)
    kinds = question.where.get("kind", ("ai", "infrastructure"))
    items = ledger.items(question, now)
    calls = None
    if "ai" in kinds:
        span = (told.since, told.until)
        calls = usage_rows(
            parts.store,
            ledger.rules,
            question.where,
            span,
            count=ROWS_A_PAGE,
            skip=page * ROWS_A_PAGE,
            see_users=ledger.see_users,
        )
    return CostRows(told, calls, items)


def cost_choices(parts: Parts, filters: Filters, now: datetime) -> dict[str, list[str]]:
    """The values there are of each dimension in the range, dearest first."""
    return books_of(parts).values(*filters.span(now), [filters.platform] if filters.platform else [])


def stale_lists(parts: Parts, used: Collection[str], platform: str | None, now: datetime) -> list[PriceList]:
    """The stale price lists of providers in use; a pack's own prices bind only its platform."""
    others = {slug for slug in parts.packs if platform not in (None, slug)}
    return stale_of(parts.catalogue.lists(now), used, others)


def usage_span(store: Store, platform: str | None) -> Row:
    """first_at, last_at, requests of all usage."""
    return store.rows("page_usage_span", platform=platform)[0]


def deploys(store: Store, platform: str | None, span: tuple[datetime, datetime]) -> list[Row]:
    """Deploy marks in [since, until), newest first."""
    return store.rows("page_deploys", platform=platform, since=span[0], until=span[1])


def health(store: Store, platform: str | None, now: datetime) -> list[Row]:
    """The newest answer of every health check of the last day."""
    return store.rows("page_health", platform=platform, since=now - timedelta(days=1))


def health_since(store: Store, platform: str | None, now: datetime) -> dict[str, dict[tuple[str, str], datetime]]:
    """By platform, since when each (component, check) that is not passing has been as it is; at most a fortnight back."""
    found: dict[str, dict[tuple[str, str], datetime]] = {}
    for row in store.rows("page_health_since", platform=platform, recent=now - timedelta(days=1), since=now - SINCE_SPAN):
        found.setdefault(row["platform"], {})[row["component"], row["check_name"]] = row["begun_at"]
    return found


def samples(
    store: Store, platform: str, names: Sequence[str], span: tuple[datetime, datetime], step_s: int | None = None
) -> tuple[list[Row], int]:
    """Readings by series and step over a span, and the step in seconds: minutes up to five days, hours beyond; or those of `step_s`."""
    since, until = span
    seconds = (until - since).total_seconds()
    table, grain = ("page_samples_1m", 60) if seconds <= 5 * 86_400 else ("page_samples_1h", 3600)
    step_s = step_s or max(grain, round(seconds / CHART_POINTS / grain) * grain)
    # From the start of a step: the first one would otherwise be the mean of a few readings only.
    whole = datetime.fromtimestamp(since.timestamp() // step_s * step_s, UTC)
    return store.rows(table, platform=platform, names=list(names), since=whole, until=until, step_s=step_s), step_s


def live_samples(
    store: Store, platform: str, names: Sequence[str], now: datetime, span: timedelta, step: timedelta
) -> tuple[list[Row], int]:
    """Raw readings by series over the last `span`, in steps as long as they are apart, and that step in seconds."""
    step_s = max(1, round(step.total_seconds()))
    whole = datetime.fromtimestamp((now - span).timestamp() // step_s * step_s, UTC)
    return store.rows("page_samples_raw", platform=platform, names=list(names), since=whole, until=now, step_s=step_s), step_s


def recent_samples(store: Store, platform: str, names: Sequence[str], now: datetime) -> list[Row]:
    """Readings by series over the last day in steps of five minutes, for figures that speak of now whatever the page's range is."""
    whole = datetime.fromtimestamp((now - RECENT_SPAN).timestamp() // RECENT_STEP_S * RECENT_STEP_S, UTC)
    return store.rows("page_samples_1m", platform=platform, names=list(names), since=whole, until=now, step_s=RECENT_STEP_S)


def hop_samples(store: Store, platform: str, names: Sequence[str], now: datetime) -> list[Row]:
    """Readings by series and minute over the last hour: what the hops' percentiles are of."""
    return store.rows("page_samples_1m", platform=platform, names=list(names), since=now - HOPS_OVER, until=now, step_s=60)


def component_scores(store: Store, pack: Pack, now: datetime) -> list[Scored]:
    """Every score of a pack by subject, best first."""
    return scores(store, pack, now)


def ai_calls(store: Store, platform: str, now: datetime) -> AiCalls:
    """The last hour of AI calls in one row, and the last day by quarter hour."""
    since = whole_buckets(now - RECENT_SPAN)
    step = timedelta(seconds=QUARTER_S)
    latency: dict[str, list[tuple[datetime, float | None]]] = {}
    for each in latency_series(store, platform, since, now, step):
        for q, value in each.latency_ms.items():
            latency.setdefault(f"p{q * 100:g}", []).append((each.since, value))
    counts = store.rows("page_calls", platform=platform, since=since, until=whole_buckets(now))
    return AiCalls(live_now(store, platform, now, CALLS_OVER), counts, latency, QUARTER_S)


def live(store: Store, platform: str, now: datetime, span: timedelta, step_s: int) -> list[Row]:
    """Calls by step over the last `span`: requests, failed_requests, p50_ms, p95_ms, p99_ms, last_at."""
    return store.rows("page_live", platform=platform, since=now - span, until=now, step_s=step_s)


def live_now(store: Store, platform: str, now: datetime, span: timedelta = timedelta(minutes=5)) -> Row:
    """The same over the last `span` as one row, with `timed`, the calls that have a latency."""
    return store.rows("page_live_now", platform=platform, since=now - span, until=now)[0]


def sources(store: Store) -> list[Row]:
    """How far each source's streams have been read."""
    return store.rows("page_sources")
