"""Unit economics of a platform, read from the warehouse: a period, the one before, the weeks or months, personas against their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.economics import Economics, Growth, covered_days, economics, growth
from analytics.economics_periods import DAY, Span, before, first_whole_day, span_of, steps
from analytics.infrastructure import Served, infrastructure_spread, taken_by_usage
from analytics.meter_usage import usage_freshness
from analytics.personas import Personas, personas, uses
from roomleft.packs import Pack
from roomleft.packs_meters import BusinessMeter
from roomleft.timespan import midnight
from warehouse.store import Store

SETTLES_AFTER = timedelta(hours=48)
"""Late calls, and a platform's own corrections, mostly come within two days."""
TREND_DAYS = {"week": 91, "month": 400}
PERSONA_DAYS = 30
SEED = 20_260
UNASKED = Personas((), "personas were not asked for", 0, {}, {})


@dataclass(frozen=True, slots=True)
class Marks:
    """How far a period's cost can be trusted. `settled_from`: when the last of it stops being provisional."""

    provisional: bool
    restated_requests: int
    unpriced_requests: int
    unpriced_tokens: int
    reported_usd: Decimal
    estimated_usd: Decimal
    last_at: datetime | None
    settled_from: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What the page and the API tell of a platform. `read_to`: until when its usage is complete, None if none has come."""

    pack: Pack
    name: str
    now: Economics
    before: Economics
    growth: Growth
    marks: Marks
    trend: tuple[Economics, ...]
    personas: Personas
    read_to: datetime | None
    infrastructure_known: bool


def told(
    store: Store,
    pack: Pack,
    now: datetime,
    name: str,
    by: str = "week",
    seed: int = SEED,
    served: Sequence[Served] = (),
    *,
    kinds: bool = True,
) -> Told:
    """Everything about one platform in the period called `name`, and its last weeks or months. Raises InputError, StoreError.

    `served`: items of the infrastructure whose cost is priced into usage, which must not be counted a second time. Without `kinds` no
    personas are looked for, which are the dear part.
    """
    zone = ZoneInfo(pack.zone)
    span = span_of(name, now, zone)
    past = before(span)
    today = now.astimezone(zone).date()
    weeks = steps(today - TREND_DAYS[by if by in TREND_DAYS else "week"] * DAY, today, by)
    fresh = usage_freshness(store, pack, now)
    from_day = first_whole_day(fresh.first_at, zone) if fresh.first_at else None
    until_day = fresh.observed_at.astimezone(zone).date() if fresh.observed_at else None
    spans = [span, past, *weeks]
    covers = [covered_days(each, from_day, until_day) for each in spans]
    made = _periods(store, pack, spans, covers, served)
    found = made[2:]
    trend = tuple(each for each in found if each.covered.days > 0 and (each.covered.first == each.span.first))
    return Told(
        pack=pack,
        name=name,
        now=made[0],
        before=made[1],
        growth=growth(made[0], made[1]),
        marks=_marks(store, pack, covers[0], now),
        trend=trend,
        personas=_personas(store, pack, covers[0], seed) if kinds else UNASKED,
        read_to=fresh.observed_at,
        infrastructure_known=pack.costs is not None,
    )


def _periods(
    store: Store, pack: Pack, spans: Sequence[Span], covers: Sequence[Span], served: Sequence[Served]
) -> list[Economics]:
    asked: dict[str, Any] = {
        "platform": pack.slug, "first_day": min(each.first for each in covers), "until_day": max(each.until for each in covers)
    }  # fmt: skip
    days = store.rows("economics_days", zone=pack.zone, **asked)
    revenue = store.rows("economics_revenue", **asked)
    distinct = sorted({(each.first, each.until) for each in covers if each.days > 0})
    users: dict[tuple[date, date], dict[str, int]] = {}
    if distinct:
        firsts, untils = [first for first, _ in distinct], [until for _, until in distinct]
        for row in store.rows("economics_active", zone=pack.zone, platform=pack.slug, firsts=firsts, untils=untils):
            users.setdefault((row["first_day"], row["until_day"]), {})[row["tier"]] = row["users"]
    spent = _infrastructure(store, pack, asked["first_day"], asked["until_day"], served)
    made = []
    for span, cover in zip(spans, covers, strict=True):
        cost = sum((usd for day, usd in spent.items() if cover.first <= day < cover.until), Decimal(0))
        made.append(economics(span, cover, days, revenue, users.get((cover.first, cover.until), {}), cost))
    return made


def _infrastructure(store: Store, pack: Pack, first: date, until: date, served: Sequence[Served]) -> dict[date, Decimal]:
    """Dollars of each local day, the same that the ledger adds up."""
    if first >= until:
        return {}
    zone, packs = ZoneInfo(pack.zone), {pack.slug: pack}
    days = [first + number * DAY for number in range((until - first).days + 1)]
    edges = [midnight(day, zone) for day in days]
    taken = taken_by_usage(store, packs, served, edges[0], edges[-1]) if served else None
    found: dict[date, Decimal] = {}
    for row in infrastructure_spread(packs, edges, pack.slug, taken=taken):
        day = row.bucket_start.astimezone(zone).date()
        found[day] = found.get(day, Decimal(0)) + row.cost_usd
    return found


def _personas(store: Store, pack: Pack, cover: Span, seed: int) -> Personas:
    # Of a few days a casual user's cost is mostly chance: kinds of users are looked for in a month at least.
    first = min(cover.first, cover.until - PERSONA_DAYS * DAY)
    asked = {"zone": pack.zone, "platform": pack.slug, "first_day": first, "until_day": cover.until}
    return personas(uses(store.rows("economics_users", **asked)), seed)


def _marks(store: Store, pack: Pack, cover: Span, now: datetime) -> Marks:
    zone = ZoneInfo(pack.zone)
    since, until = midnight(cover.first, zone), midnight(cover.until, zone)
    row = store.rows("economics_marks", platform=pack.slug, since=since, until=until)[0]
    return Marks(
        now < until + SETTLES_AFTER, row["restated_requests"], row["unpriced_requests"], row["unpriced_tokens"], row["reported_usd"],
        row["estimated_usd"], row["last_at"], until + SETTLES_AFTER,
    )  # fmt: skip


def wanted_share(pack: Pack) -> Decimal | None:
    """The part of revenue that the pack allows AI to cost: the amount of its budget for each dollar of all revenue. None if it sets none."""
    for spec in pack.limits:
        meter = pack.meters.get(spec.amount_per) if spec.amount_per else None
        if (
            spec.kind == "budget"
            and isinstance(meter, BusinessMeter)
            and meter.of == "revenue"
            and not meter.tiers
            and spec.amount
        ):
            return spec.amount
    return None


def prices(pack: Pack) -> Mapping[str, Decimal]:
    """What each tier pays a month, where the pack says it."""
    return {tier.name: tier.price_usd_per_month for tier in pack.tiers if tier.price_usd_per_month is not None}
