"""The cost report's rows, read from the warehouse."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.meter_usage import usage_freshness
from analytics.reports.user_cost import Asked, Given, content
from analytics.reports.user_cost_advice import free_images
from analytics.reports.user_cost_projection import history_from
from roomleft.errors import UsersHidden
from roomleft.packs import Pack
from roomleft.timespan import midnight
from warehouse.store import Store

BY_DEFAULT = timedelta(days=30)
TOP_USERS = 20


def cost_report(
    store: Store, pack: Pack, user: str | None, period: timedelta | None, now: datetime, *, see_users: bool = False
) -> dict[str, Any]:
    """The report of one user (a pseudonym), or of the whole platform, over the last `period` (the pack's own, else 30 days).

    Without `see_users` the platform's report names no user: `top_users` is None. Raises StoreError; UsersHidden for a user's report.
    """
    if user is not None and not see_users:
        raise UsersHidden("the cost report of a user")
    span = period or (pack.reports.cost.period if pack.reports.cost else None) or BY_DEFAULT
    asked = Asked(pack, user, now - span, now)
    zone, quota = ZoneInfo(pack.zone), free_images(pack)
    day_zone = quota.zone if quota else zone
    low = min(midnight(asked.since.astimezone(day_zone).date(), day_zone), history_from(now, zone))
    named = {"platform": pack.slug, "user": user, "until": now}
    fresh = usage_freshness(store, pack, now)
    given = Given(
        calls=store.rows("user_cost", **named, low=low, since=asked.since, middle=asked.middle),
        seen=store.rows("user_cost_seen", **named, since=asked.since)[0],
        read_to=fresh.observed_at,
        known_from=fresh.first_at,
        top_users=None if not see_users else [] if user is not None else _top_users(store, pack, asked),
    )
    return content(asked, given)


def _top_users(store: Store, pack: Pack, asked: Asked) -> list[dict[str, Any]]:
    return store.rows("user_cost_top", platform=pack.slug, since=asked.since, until=asked.until, most=TOP_USERS)
