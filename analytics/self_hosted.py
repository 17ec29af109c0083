"""What a token of a model costs that a platform runs itself: the day's cost of the servers, over the tokens they served that day.

A day is one of the costs' zone. While it lasts the rate is an estimate: that of the last seven complete days together. Once it is over the
rate is measured, and measured again should more of the day's usage come in. Where nothing was served yet there is no rate, and calls are
unpriced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.infrastructure import Served, item_usd
from roomleft.packs import Pack, RateRow
from roomleft.packs_money import CostItem
from roomleft.timespan import local_days, midnight, utc
from roomleft.units import BUCKETS
from warehouse.ingest.rate_stretches import ESTIMATE
from warehouse.store import Store

MEASURED = "measured"
"""How the catalogue of a measured rate begins; `ESTIMATE` that of one that is not."""
PLACES = Decimal("1e-12")
DAYS_BEFORE = 7
LOOK_BACK = timedelta(days=400)
TOKENS = """
SELECT bucket, model, sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens)::BIGINT AS tokens
FROM usage_15m
WHERE platform = $platform AND provider = $provider AND bucket >= $since AND bucket < $until AND model IS NOT NULL
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
GROUP BY bucket, model
"""
STORED = """
SELECT model, valid_from, catalogue, arg_max(usd_per_unit, resolved_at) AS usd_per_unit
FROM rates
WHERE platform = $platform AND provider = $provider AND unit = 'output_tokens'
    AND (starts_with(catalogue, 'measured') OR starts_with(catalogue, 'estimate'))
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class ServedDay:
    """A day of a group of models: what their servers cost, how many tokens they served, by model, and the rate that makes."""

    platform: str
    provider: str
    day: date
    start: datetime
    end: datetime
    cost_usd: Decimal
    tokens: Mapping[str, int]
    serves: tuple[str, ...] | None = None
    """The models that these servers run; None: all of the provider's."""

    @property
    def usd_per_token(self) -> Decimal | None:
        """Dollars a token, cut to twelve places, so that tokens never cost more than their servers; None when none were served."""
        return _rate(self.cost_usd, sum(self.tokens.values()))

    @property
    def usd_per_mtok(self) -> Decimal | None:
        """Dollars a million tokens: what to hold against a hosted model's price."""
        rate = self.usd_per_token
        return None if rate is None else rate * 1_000_000


@dataclass(frozen=True, slots=True)
class DueRates:
    """Rates to add, and the days (of a platform's provider and models) whose measured rate is among them."""

    rows: tuple[RateRow, ...]
    measured: tuple[ServedDay, ...]


def served_items(pack: Pack) -> list[Served]:
    """The pack's cost items whose cost is priced into the usage of the models they run."""
    found = []
    for item in pack.cost_items():
        if item.serves is not None:
            models = tuple(item.serves.models) if item.serves.models is not None else None
            found.append(Served(pack.slug, item.id, item.serves.provider, models))
    return found


def served_days(store: Store, pack: Pack, since: datetime, until: datetime) -> list[ServedDay]:
    """Every day that touches [since, until), oldest first, for each group of models that the same items serve."""
    if pack.costs is None or until <= since:
        return []
    zone = ZoneInfo(pack.costs.zone)
    days = local_days(utc(since), utc(until), zone)
    groups: dict[tuple[str, tuple[str, ...] | None], list[CostItem]] = {}
    by_id = {item.id: item for item in pack.cost_items()}
    for served in served_items(pack):
        groups.setdefault((served.provider, served.models), []).append(by_id[served.item_id])
    found = []
    for (provider, models), items in groups.items():
        span = {"since": days[0][1], "until": days[-1][2]}
        given = {"platform": pack.slug, "provider": provider, "models": list(models) if models is not None else None}
        tokens: list[dict[str, int]] = [{} for _ in days]
        starts = [start for _, start, _ in days]
        for row in store.select(TOKENS, {**given, **span}).to_pylist():
            place = _place(starts, utc(row["bucket"]))
            tokens[place][row["model"]] = tokens[place].get(row["model"], 0) + row["tokens"]
        for (day, start, end), of_day in zip(days, tokens, strict=True):
            cost = sum((item_usd(item, zone, start, end) for item in items), Decimal(0))
            found.append(ServedDay(pack.slug, provider, day, start, end, cost, of_day, models))
    return sorted(found, key=lambda one: one.day)


def due_rates(store: Store, pack: Pack, now: datetime) -> DueRates:
    """The rates to add now: measured ones of days that are over, the estimate of today and tomorrow. Those already stored are left out."""
    if pack.costs is None or not served_items(pack):
        return DueRates((), ())
    zone = ZoneInfo(pack.costs.zone)
    today = now.astimezone(zone).date()
    tomorrow_ends = midnight(today + timedelta(days=2), zone)
    days = served_days(store, pack, now - LOOK_BACK, tomorrow_ends)
    rows: list[RateRow] = []
    measured: list[ServedDay] = []
    stored = {provider: _stored(store, pack.slug, provider) for provider in {day.provider for day in days}}
    for one in days:
        rate, name = one.usd_per_token, f"{MEASURED}:{pack.slug}"
        models = sorted(one.tokens)
        why = f"servers of {one.day}: {one.cost_usd} USD over {sum(one.tokens.values())} tokens"
        if one.end > now:
            same = [d for d in days if (d.provider, d.serves) == (one.provider, one.serves)]
            before = [d for d in same if d.end <= now and d.day >= today - timedelta(days=DAYS_BEFORE)]
            rate, name = _estimate(before), f"{ESTIMATE}:{pack.slug}"
            models = sorted({model for d in (*before, one) for model in d.tokens})
            why = f"the servers' cost over their tokens, the {DAYS_BEFORE} days before {today}"
        if rate is None:
            continue
        new = [model for model in models if stored[one.provider].get((model, one.start, name)) != rate]
        rows += [row for model in new for row in _rows(one, model, rate, name, why, now)]
        if new and one.end <= now:
            measured.append(one)
    return DueRates(tuple(rows), tuple(measured))


def _estimate(days: Sequence[ServedDay]) -> Decimal | None:
    known = [day for day in days if day.tokens]
    return _rate(sum((day.cost_usd for day in known), Decimal(0)), sum(sum(day.tokens.values()) for day in known))


def _rate(cost_usd: Decimal, tokens: int) -> Decimal | None:
    return (cost_usd / tokens).quantize(PLACES, rounding=ROUND_DOWN) if tokens > 0 else None


def _rows(one: ServedDay, model: str, rate: Decimal, name: str, why: str, now: datetime) -> list[RateRow]:
    price_id = f"{name}:{one.provider}/{model}:{one.day}:{rate.normalize():f}"
    return [
        RateRow(price_id, one.provider, model, one.platform, unit, rate, one.start, one.end, name, why, now, checked_on=one.day)
        for unit in BUCKETS
    ]


def _stored(store: Store, platform: str, provider: str) -> dict[tuple[Any, ...], Decimal]:
    found = store.select(STORED, {"platform": platform, "provider": provider}).to_pylist()
    return {(row["model"], utc(row["valid_from"]), row["catalogue"]): row["usd_per_unit"] for row in found}


def _place(starts: Sequence[datetime], instant: datetime) -> int:
    return bisect_right(starts, instant) - 1
