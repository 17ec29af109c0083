"""Meters over AI usage: what it cost, how much of it there was, how many users, and the user who used most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.allocation import Rule, relation
from roomleft.limits import Limit, Reading
from roomleft.packs import Pack
from roomleft.packs_meters import BY_USER, CostMeter, CountMeter, DistinctUsersMeter, Where
from roomleft.timespan import Window, midnight
from warehouse.store import QUERIES, Store, as_rows

if TYPE_CHECKING:
    from analytics.meters import Meters

QUARTER = timedelta(minutes=15)
FILTERS = {
    "component": "components",
    "provider": "providers",
    "model": "models",
    "request_type": "request_types",
    "tier": "tiers",
    "status": "statuses",
    "feature": "features",
    "team": "teams",
    "project": "projects",
    "environment": "environments",
    "cost_centre": "cost_centres",
    "api_key": "api_keys",
}
"""The queries' parameter for each key of `where` that rollups by quarter hour know."""
LOOK_BACK = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class UsageFreshness:
    """Until when usage is complete (`observed_at`, None: there never was any), and from when on: its beginning, or what was read so far."""

    observed_at: datetime | None
    first_at: datetime | None


def usage_freshness(store: Store, pack: Pack, now: datetime) -> UsageFreshness:
    """No calls in a quiet hour is not staleness: a source that was read and has caught up is fresh as of that read."""
    span = store.rows("meter_usage_span", platform=pack.slug)[0]
    source = store.rows("meter_usage_freshness", platform=pack.slug, source=pack.source_name, since=now - LOOK_BACK, now=now)[0]
    newest: datetime | None = span["last_at"]
    known = source["read_to"] if source["sources"] else newest
    if known is None or (span["first_at"] is None and not source["sources"]):
        return UsageFreshness(None, None)
    if source["dirty_since"] is not None:
        # What arrived since then is stored but not rolled up, so no rollup speaks for a later time.
        known = min(known, source["dirty_since"])
    first_at: datetime | None = span["first_at"]
    if first_at is not None and source["read_from"] is not None:
        # Newest first: a straggler of an older day may be here already, the day itself is not.
        first_at = max(first_at, source["read_from"])
    return UsageFreshness(min(known, now), first_at)


def filters(where: Where, *, per_user: bool = False) -> dict[str, list[str] | None]:
    """The parameters of the usage queries: a list for each column given, None for the rest."""
    given = where.given()
    if per_user:
        return {"users" if key == "user" else FILTERS[key]: given.get(key) for key in BY_USER}
    return {name: given.get(key) for key, name in FILTERS.items()}


def quantity_of(meter: CostMeter | CountMeter) -> str:
    """The rollup's column that a meter adds up."""
    return "cost_usd" if isinstance(meter, CostMeter) else meter.of


def floor_quarter(instant: datetime) -> datetime:
    """The quarter hour an instant lies in: the finest edge usage is kept at."""
    return instant - timedelta(minutes=instant.minute % 15, seconds=instant.second, microseconds=instant.microsecond)


def count_or_cost(meters: Meters, meter: CostMeter | CountMeter, limit: Limit) -> Reading:
    """The sum of one column over the window."""
    start, end, window = meters.span(meter, limit)
    fresh = meters.usage()
    if fresh.observed_at is None:
        return Reading(None, None, meters.stale_after(meter), reason="no usage has arrived yet")
    if meter.where.user is not None:
        used = _sums(_user_days(meters, meter, *days_of(meters, window)))
    else:
        used = _asked(meters, "meter_usage", meter.where, floor_quarter(start), end)[0]
    unpriced = (used["unpriced_requests"] or 0) > 0
    if isinstance(meter, CostMeter) and unpriced and used["unpriced_requests"] == used["requests"]:
        # Without a single price there is no lower bound worth showing: nothing is known, which is not nothing spent.
        reason = f"no price is known for any of {used['requests']:,} calls; write their models' prices into the pack"
        return Reading(None, fresh.observed_at, meters.stale_after(meter), reason=reason)
    return Reading(
        Decimal(used[quantity_of(meter)] or 0),
        fresh.observed_at,
        meters.stale_after(meter),
        lower_bound=unpriced and isinstance(meter, CostMeter),
        covers=end - fresh.first_at if fresh.first_at and fresh.first_at > start else None,
    )


def _asked(meters: Meters, query: str, where: Where, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """A usage query's rows. Where mapping rules say whose some usage is, it counts for whom they say, as it does in the Explorer."""
    params: dict[str, Any] = {"platform": meters.pack.slug, "since": since, "until": until, **filters(where)}
    rules: Sequence[Rule] = [rule for rule in meters.pack.mapping if any(rule.speaks_of(key) for key in where.given())]
    if not rules:
        return meters.store.rows(query, **params)
    text = (QUERIES / f"{query}.sql").read_text()
    source, more = relation(
        rules, where="platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ"
    )
    return as_rows(meters.store.select(text.replace("FROM usage_15m", f"FROM ({source}) AS usage_15m", 1), {**params, **more}))


def _user_days(meters: Meters, meter: CostMeter | CountMeter, zone: str, since: date, until: date) -> list[dict[str, Any]]:
    """What the users a meter names used on each of the days [since, until)."""
    params = filters(meter.where, per_user=True)
    return meters.store.rows("meter_user_days", zone=zone, platform=meters.pack.slug, since=since, until=until, **params)


def _sums(days: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("requests", "tokens", "images", "characters", "cost_usd", "unpriced_requests")
    return {name: sum((day[name] for day in days), 0) for name in names}


def days_of(meters: Meters, window: Window) -> tuple[str, date, date]:
    """A window as whole days of a zone: its name, the first day and the day after today. A rolling one counts today as a day."""
    zone = window.zone if window.span is None else ZoneInfo(meters.pack.zone)
    today = (meters.now - timedelta(microseconds=1) if meters.coarse else meters.inside).astimezone(zone).date()
    if window.span is not None:
        first = today - timedelta(days=max(1, round(window.span / timedelta(days=1))) - 1)
    else:
        first = window.bounds(meters.inside)[0].astimezone(zone).date()
    return str(zone), first, today + timedelta(days=1)


def distinct_users(meters: Meters, meter: DistinctUsersMeter, limit: Limit) -> Reading:
    """How many users there were in the window."""
    start, end, window = meters.span(meter, limit)
    zone, since, until = days_of(meters, window)
    fresh = meters.usage()
    if fresh.observed_at is None:
        return Reading(None, None, meters.stale_after(meter), reason="no usage has arrived yet")
    params = filters(meter.where, per_user=True)
    users = meters.store.rows("meter_users", zone=zone, platform=meters.pack.slug, since=since, until=until, **params)[0]["users"]
    covers = end - fresh.first_at if fresh.first_at and fresh.first_at > start else None
    return Reading(Decimal(users), fresh.observed_at, meters.stale_after(meter), covers=covers)


def worst_user(meters: Meters, meter: CostMeter | CountMeter, limit: Limit) -> Reading:
    """The use of the user who used most in the window; `subject` is that user."""
    _, _, window = meters.span(meter, limit)
    zone, since, until = days_of(meters, window)
    fresh = meters.usage()
    if fresh.observed_at is None:
        return Reading(None, None, meters.stale_after(meter), reason="no usage has arrived yet")
    params = filters(meter.where, per_user=True)
    rows = meters.store.rows(
        "meter_worst_user", zone=zone, platform=meters.pack.slug, since=since, until=until, quantity=quantity_of(meter), **params
    )
    return Reading(
        rows[0]["amount"] if rows else Decimal(0),
        fresh.observed_at,
        meters.stale_after(meter),
        lower_bound=bool(rows) and rows[0]["unpriced_requests"] > 0 and isinstance(meter, CostMeter),
        subject=rows[0]["user_id"] if rows else "",
    )


def usage_steps(
    meters: Meters, meter: CostMeter | CountMeter, since: datetime, until: datetime
) -> list[tuple[datetime, Decimal]]:
    """What was used in each quarter hour of [since, until) that saw any."""
    column = quantity_of(meter)
    if meter.where.user is not None:
        zone = ZoneInfo(meters.pack.zone)
        last = until.astimezone(zone).date() + timedelta(days=1)
        days = _user_days(meters, meter, zone.key, since.astimezone(zone).date(), last)
        return [(max(since, midnight(row["day"], zone)), Decimal(row[column])) for row in days]
    rows = _asked(meters, "meter_usage_steps", meter.where, floor_quarter(since), until)
    return [(row["step_at"], Decimal(row[column])) for row in rows]
