"""Usage and cost as screens and reports ask for them, read from rollups: what is left to round is rounded by the reader, once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from roomleft.errors import InputError
from roomleft.timespan import local_days, midnight, utc
from warehouse.store import Store

QUARTER = timedelta(minutes=15)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIMENSIONS = ("platform", "provider", "model", "request_type", "tier", "component", "status")
USER_ORDERS = ("cost_usd", "requests", "tokens", "images", "characters")


def usage_by(store: Store, since: datetime, until: datetime, *, by: str, platform: str | None = None) -> list[dict[str, Any]]:
    """Usage and cost in [since, until) by one of DIMENSIONS, dearest first; of one platform if given.

    Rows: label (None where the dimension was not given, so that parts add up to the whole), requests, the token buckets, images,
    characters, audio_seconds, cost_usd (Decimal), unpriced_requests, unpriced_tokens, mean_latency_ms, last_at. Where requests are
    unpriced the cost is a lower bound. Instants are taken at the quarter hour they lie in. Raises InputError.
    """
    return store.rows("usage_by", by=_dimension(by), platform=platform, since=_quarter(since), until=_quarter_up(until))


def usage_over_time(
    store: Store,
    since: datetime,
    until: datetime,
    *,
    step: timedelta = QUARTER,
    by: str = "platform",
    platform: str | None = None,
) -> list[dict[str, Any]]:
    """The same in steps from `since` (`at` is a step's start), `step` a multiple of 15 minutes. Raises InputError."""
    if step < QUARTER or step % QUARTER:
        raise InputError(f"{step} is not a multiple of 15 minutes", "usage over time")
    bounds = {"since": _quarter(since), "until": _quarter_up(until)}
    return store.rows("usage_over_time", by=_dimension(by), platform=platform, step_us=step // MICROSECOND, **bounds)


def usage_by_day(
    store: Store, first_day: date, last_day: date, zone: ZoneInfo, *, by: str = "platform", platform: str | None = None
) -> list[dict[str, Any]]:
    """The same by local day of `zone`, both days included (`day` is a date); days add up to the range. Raises InputError."""
    since, until = midnight(first_day, zone), midnight(last_day + timedelta(days=1), zone)
    days = local_days(since, until, zone)
    if not days:
        raise InputError("the range is empty", "usage by day", "the last day must not be before the first")
    return store.rows(
        "usage_by_day",
        by=_dimension(by),
        platform=platform,
        since=since,
        until=until,
        days=[day for day, _, _ in days],
        starts=[start for _, start, _ in days],
        ends=[end for _, _, end in days],
    )


def top_users(
    store: Store,
    first_day: date,
    last_day: date,
    zone: str = "UTC",
    *,
    platform: str | None = None,
    tier: str | None = None,
    request_type: str | None = None,
    by: str = "cost_usd",
    count: int = 20,
) -> list[dict[str, Any]]:
    """The users with most of `by` (one of USER_ORDERS) on local days of a declared zone, both days included.

    Rows: user_id (a pseudonym; `(none)` for calls without one), requests, tokens, images, characters, cost_usd, unpriced_requests,
    last_at, tier (the newest). Raises InputError.
    """
    if by not in USER_ORDERS:
        raise InputError(f"users cannot be ordered by {by!r}", "top users", f"one of {', '.join(USER_ORDERS)}")
    return store.rows(
        "top_users",
        zone=zone,
        first_day=first_day,
        last_day=last_day,
        platform=platform,
        tier=tier,
        request_type=request_type,
        by=by,
        count=count,
    )


def _dimension(by: str) -> str:
    if by not in DIMENSIONS:
        raise InputError(f"usage is not kept by {by!r}", "usage", f"one of {', '.join(DIMENSIONS)}")
    return by


def _quarter(instant: datetime) -> datetime:
    instant = utc(instant)
    return instant - (instant - EPOCH) % QUARTER


def _quarter_up(instant: datetime) -> datetime:
    start = _quarter(instant)
    return start if start == utc(instant) else start + QUARTER
