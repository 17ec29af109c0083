"""Every question the pages ask the warehouse, by name. Nothing else in the pages touches the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.filters import Filters, bucket_edges
from dashboards.limit_rows import LimitRow, limit_rows
from roomleft.packs import Pack
from warehouse.store import Store

Row = dict[str, Any]
DIMENSIONS = {"platform": "platform", "provider": "provider", "model": "model", "request_type": "request type", "tier": "tier"}
COST_FILTERS = ("provider", "model", "request_type", "tier")
ROLLED = timedelta(minutes=15)
CHART_POINTS = 240


def limits(store: Store, packs: Mapping[str, Pack], now: datetime, slack: timedelta = timedelta(0)) -> list[LimitRow]:
    """Every limit with its newest headroom, worst first. `slack` as in `limit_rows`."""
    known = [limit for pack in packs.values() for limit in pack.limit_list()]
    return limit_rows(store.rows("headroom_now"), known, now, slack)


def limit_history(store: Store, limit_id: str, now: datetime, span: timedelta = timedelta(days=7)) -> list[Row]:
    """bucket_start, fraction_left, state by hour over `span`."""
    return store.rows("page_headroom_history", limit_id=limit_id, since=now - span)


def whole_buckets(since: datetime) -> datetime:
    """`since` moved back to the start of its 15-minute bucket: cost is rolled up by those."""
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin + (since - origin) // ROLLED * ROLLED


def _narrowed(filters: Filters) -> dict[str, str | None]:
    return {"platform": filters.platform, **{name: filters.page.get(name) for name in COST_FILTERS}}


def cost_by(store: Store, filters: Filters, by: str, now: datetime) -> tuple[list[Row], list[datetime]]:
    """Usage and cost by bucket and dimension over the filters' range, and the buckets' first instants."""
    since, until = filters.span(now)
    since = whole_buckets(since)
    edges = bucket_edges(since, until, filters.zone)
    rows = store.rows("page_cost", edges=edges, by=by, since=since, until=until, **_narrowed(filters))
    return rows, edges


def cost_total(store: Store, filters: Filters, span: tuple[datetime, datetime]) -> Row:
    """requests, cost_usd, unpriced_requests, unpriced_tokens, last_at in [since, until)."""
    return store.rows("page_cost_total", since=whole_buckets(span[0]), until=span[1], **_narrowed(filters))[0]


def cost_choices(store: Store, filters: Filters, now: datetime) -> dict[str, list[str]]:
    """The values there are of each cost filter in the range, dearest first."""
    since, until = filters.span(now)
    choices: dict[str, list[str]] = {name: [] for name in COST_FILTERS}
    for row in store.rows("page_cost_choices", since=whole_buckets(since), until=until, platform=filters.platform):
        choices[row["dimension"]].append(row["value"])
    return choices


def usage_span(store: Store, platform: str | None) -> Row:
    """first_at, last_at, requests of all usage."""
    return store.rows("page_usage_span", platform=platform)[0]


def top_users(store: Store, filters: Filters, now: datetime) -> list[Row]:
    """The twenty users who cost most on the UTC days the range touches."""
    since, until = filters.span(now)
    last = (until - timedelta(microseconds=1)).astimezone(UTC).date()
    return store.rows(
        "page_top_users", first_day=since.astimezone(UTC).date(), until_day=last + timedelta(days=1), **_narrowed(filters)
    )


def deploys(store: Store, platform: str | None, span: tuple[datetime, datetime]) -> list[Row]:
    """Deploy marks in [since, until), newest first."""
    return store.rows("page_deploys", platform=platform, since=span[0], until=span[1])


def health(store: Store, platform: str | None, now: datetime) -> list[Row]:
    """The newest answer of every health check of the last day."""
    return store.rows("page_health", platform=platform, since=now - timedelta(days=1))


def samples(store: Store, platform: str, names: Sequence[str], span: tuple[datetime, datetime]) -> tuple[list[Row], int]:
    """Readings by series and step over a span, and the step in seconds: minutes up to five days, hours beyond."""
    since, until = span
    seconds = (until - since).total_seconds()
    table, grain = ("page_samples_1m", 60) if seconds <= 5 * 86_400 else ("page_samples_1h", 3600)
    step_s = max(grain, round(seconds / CHART_POINTS / grain) * grain)
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


def live(store: Store, platform: str, now: datetime, span: timedelta, step_s: int) -> list[Row]:
    """Calls by step over the last `span`: requests, failed_requests, p50_ms, p95_ms, p99_ms, last_at."""
    return store.rows("page_live", platform=platform, since=now - span, until=now, step_s=step_s)


def live_now(store: Store, platform: str, now: datetime, span: timedelta = timedelta(minutes=5)) -> Row:
    """The same over the last `span` as one row, with `timed`, the calls that have a latency."""
    return store.rows("page_live_now", platform=platform, since=now - span, until=now)[0]


def sources(store: Store) -> list[Row]:
    """How far each source's streams have been read."""
    return store.rows("page_sources")
