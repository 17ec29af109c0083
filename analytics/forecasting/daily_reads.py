"""The queries behind daily histories, one kind of meter at a time: each gives the values of its targets over the same complete local days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.allocation import Rule, relation
from analytics.forecasting.targets import OTHER, Statistic, Target, part_target
from analytics.meter_health import bad_minutes
from analytics.meter_samples import ids_of
from analytics.meter_usage import LOOK_BACK, filters, quantity_of
from analytics.meters import Meters
from roomleft.packs_meters import (
    BusinessMeter,
    CostMeter,
    CountMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    GaugeMeter,
    IncreaseMeter,
    PercentileMeter,
)
from roomleft.timespan import local_days
from warehouse.rows import as_rows, query_text

Floats = npt.NDArray[np.float64]
Read = list[tuple[Target, Floats]]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SEEN = 0.75
"""The share of a day's hours that must have been read for the day to be known."""
DIMENSIONS = ("model", "tier", "team")
TOP = 8
"""So many values of a dimension are told apart."""
LOWEST_BUCKET = -32768
COLUMN = {Statistic.MEAN: "mean", Statistic.BUSIEST: "busiest", Statistic.LOWEST: "lowest", Statistic.SUM: "total"}


@dataclass(frozen=True, slots=True)
class Days:
    """Complete local days, one after another: the first of them, and the instants where each begins and ends."""

    zone: ZoneInfo
    first_day: date
    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]

    @classmethod
    def of(cls, zone: ZoneInfo, now: datetime, reach: timedelta) -> Days:
        """The days that lie in the last `reach` and are over by `now`."""
        # A day's end may be known by the one after it only: where midnights move, a day is over when the next has begun.
        whole = [(day, start, end) for day, start, end in local_days(now - reach, now, zone) if end <= now]
        if not whole:
            return cls(zone, now.astimezone(zone).date(), (), ())
        return cls(zone, whole[0][0], tuple(start for _, start, _ in whole), tuple(end for _, _, end in whole))

    def __len__(self) -> int:
        return len(self.starts)

    def blank(self) -> Floats:
        """No day is known."""
        return np.full(len(self.starts), np.nan)

    def asked(self) -> dict[str, object]:
        """The parameters of a query by day: where each begins, and from when until when."""
        return {"starts": list(self.starts), "since": self.starts[0], "until": self.ends[-1]}

    def asked_hours(self) -> dict[str, object]:
        """The same in whole hours, as rollups by the hour keep them: an hour that holds a midnight is the day's that begins in it, as the meters read it."""
        return {
            "starts": [whole_hour(start) for start in self.starts],
            "since": whole_hour(self.starts[0]),
            "until": whole_hour(self.ends[-1]),
        }

    def places(self) -> dict[datetime, int]:
        """The number of the day that begins at an instant, or in the hour that begins at it."""
        return {whole_hour(start): number for number, start in enumerate(self.starts)} | {
            start: n for n, start in enumerate(self.starts)
        }

    def number(self, day: date) -> int:
        """The number of a day by its date; it may lie outside."""
        return (day - self.first_day).days

    def enough(self, hours: Floats, step: timedelta) -> npt.NDArray[np.bool_]:
        """Which days were read in enough of their hours, where readings come every `step`."""
        whole = np.array([(end - start) / max(step, HOUR) for start, end in zip(self.starts, self.ends, strict=True)])
        return np.asarray(hours >= SEEN * np.floor(whole), dtype=np.bool_)


def whole_hour(instant: datetime) -> datetime:
    """The hour an instant lies in."""
    return instant.replace(minute=0, second=0, microsecond=0)


def read_all(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """The values of targets of the days' zone; fixed costs are none of them. Raises StoreError."""
    if not len(days):
        return [(target, days.blank()) for target in targets if target.statistic is not Statistic.FIXED]
    kinds = (
        ((CostMeter, CountMeter), usage),
        ((DistinctUsersMeter,), users),
        ((BusinessMeter,), business),
        ((GaugeMeter,), gauges),
        ((IncreaseMeter,), counters),
        ((FailingMinutesMeter,), failing),
        ((PercentileMeter,), percentiles),
    )
    found: Read = []
    for kind, read in kinds:
        asked = [target for target in targets if isinstance(target.meter, kind)]
        if asked:
            found += read(meters, days, asked)
    return found


def usage(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """Costs and counts: daily sums, and the busiest or quietest hour of a day where less than a day is asked for."""
    known = collected(meters, days)
    found: Read = []
    named = [target for target in targets if target.meter.where.user is not None]  # type: ignore[union-attr]
    found += [(target, _of_users(meters, days, target, known)) for target in named]
    rest = sorted((target for target in targets if target not in named), key=lambda target: _group(meters, target)[0])
    for (_, hourly), group in groupby(
        rest, key=lambda target: (_group(meters, target)[0], target.statistic is not Statistic.SUM)
    ):
        asked = list(group)
        query = "forecast_usage_hours" if hourly else "forecast_usage"
        rows = _usage_rows(meters, days, query, asked)
        found += [(target, _from_usage(days, target, rows, number, known)) for number, target in enumerate(asked)]
    return found


def _group(meters: Meters, target: Target) -> tuple[tuple[str, ...], tuple[Rule, ...]]:
    """The mapping rules that decide whose usage a target counts: targets under the same ones are asked for together."""
    given = target.meter.where.given()  # type: ignore[union-attr]
    rules = tuple(rule for rule in meters.pack.mapping if any(rule.speaks_of(key) for key in given))
    return (str(target.statistic is not Statistic.SUM), *(str(rule) for rule in rules)), rules


def _usage_rows(meters: Meters, days: Days, query: str, targets: Sequence[Target]) -> dict[tuple[int, int], dict[str, Any]]:
    params: dict[str, Any] = {"platform": meters.pack.slug, "meters": list(range(len(targets))), **days.asked()}
    wheres = [filters(target.meter.where) for target in targets]  # type: ignore[union-attr]
    params |= {name: [where[name] for where in wheres] for name in wheres[0]}
    _, rules = _group(meters, targets[0])
    if rules:
        # Where mapping rules say whose some usage is, it counts for whom they say, as it does for the meters.
        source, more = relation(
            rules, where="platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ"
        )
        text = query_text(query).replace("FROM usage_15m ASOF", f"FROM ({source}) AS usage_15m ASOF", 1)
        rows = as_rows(meters.store.select(text, {**params, **more}))
    else:
        rows = meters.store.rows(query, **params)
    places = days.places()
    return {(row["meter"], places[row["start_at"]]): row for row in rows}


def _from_usage(
    days: Days, target: Target, rows: dict[tuple[int, int], dict[str, Any]], number: int, known: npt.NDArray[np.bool_]
) -> Floats:
    assert isinstance(target.meter, (CostMeter, CountMeter)), "usage is counted or paid"
    column = quantity_of(target.meter)
    values = np.where(known, 0.0, np.nan)
    for (meter, place), row in rows.items():
        if meter != number or not known[place]:
            continue
        if target.statistic is Statistic.LOWEST:
            whole = (days.ends[place] - days.starts[place]) / HOUR
            values[place] = row[f"low_{column}"] if row["hours"] >= whole else 0.0
        elif isinstance(target.meter, CostMeter) and target.statistic is Statistic.SUM and row["unpriced"] == row["n"]:
            # Without a single price nothing is known, which is not nothing spent.
            values[place] = np.nan
        else:
            values[place] = row[column]
    return values * _hours_asked(target)


def _hours_asked(target: Target) -> float:
    """Of a meter over several hours of a day: the busiest hour counts that often. Shorter spans are told by the hour that holds them."""
    over = getattr(target.meter, "over", None)
    return max(over / HOUR, 1.0) if target.statistic is not Statistic.SUM and over is not None else 1.0


def collected(meters: Meters, days: Days) -> npt.NDArray[np.bool_]:
    """The days whose usage is known: between the first record and what was read; where nothing reads it, those that saw a call."""
    fresh, slug = meters.usage(), meters.pack.slug
    if fresh.first_at is None or fresh.observed_at is None:
        return np.zeros(len(days), dtype=bool)
    inside = np.array(
        [
            fresh.first_at <= start + HOUR / 4 and end <= fresh.observed_at
            for start, end in zip(days.starts, days.ends, strict=True)
        ]
    )
    asked = {"platform": slug, "source": meters.pack.source_name, "since": meters.now - LOOK_BACK, "now": meters.now}
    if meters.store.rows("meter_usage_freshness", **asked)[0]["sources"]:
        return inside
    places = days.places()
    seen = [places[row["start_at"]] for row in meters.store.rows("forecast_usage_days", platform=slug, **days.asked())]
    came = np.zeros(len(days), dtype=bool)
    came[seen] = True
    # The last call came before the day's end, and nobody says whether more will: a day is over when it is over.
    begun = np.array([fresh.first_at <= start + HOUR / 4 for start in days.starts])
    return came & (begun | (np.cumsum(came) > 1))


def _of_users(meters: Meters, days: Days, target: Target, known: npt.NDArray[np.bool_]) -> Floats:
    assert isinstance(target.meter, (CostMeter, CountMeter)), "users' days are of usage"
    asked = {
        "zone": days.zone.key,
        "platform": meters.pack.slug,
        "since": days.first_day,
        "until": days.first_day + len(days) * DAY,
    }
    values = np.where(known, 0.0, np.nan)
    for row in meters.store.rows("meter_user_days", **asked, **filters(target.meter.where, per_user=True)):
        values[days.number(row["day"])] = float(row[quantity_of(target.meter)])
    return np.where(known, values, np.nan)


def users(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """How many users there were over the days that end with each day, once so many days are known."""
    known = collected(meters, days)
    found: Read = []
    for target in targets:
        assert isinstance(target.meter, DistinctUsersMeter), "these count users"
        asked = {"zone": days.zone.key, "platform": meters.pack.slug, "over": target.days}
        since, until = days.first_day - target.days * DAY, days.first_day + len(days) * DAY
        params = filters(target.meter.where, per_user=True)
        change = np.zeros(len(days) + target.days)
        for row in meters.store.rows("forecast_users", **asked, since=since, until=until, **params):
            change[(row["day"] - since).days] += row["change"]
        count = np.cumsum(change)[target.days :]
        first = int(known.argmax()) if known.any() else len(days)
        full = known & (np.arange(len(days)) >= first + target.days - 1)
        found.append((target, np.where(full, count, np.nan)))
    return found


def business(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """What business days say; a day that has not come is unknown."""
    asked = [target.meter for target in targets if isinstance(target.meter, BusinessMeter)]
    rows = meters.store.rows(
        "forecast_business",
        platform=meters.pack.slug,
        since=days.first_day,
        until=days.first_day + len(days) * DAY,
        meters=list(range(len(asked))),
        tiers=[meter.tiers for meter in asked],
    )
    found = [days.blank() for _ in targets]
    for row in rows:
        value = row[asked[row["meter"]].of]
        if value is not None:
            found[row["meter"]][days.number(row["day"])] = value
    return list(zip(targets, found, strict=True))


def gauges(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """Readings: the day's mean, busiest or lowest hour."""
    asked = [target.meter for target in targets if isinstance(target.meter, GaugeMeter)]
    reads = [(number, one) for number, meter in enumerate(asked) for one in ids_of(meters, meter)]
    rows = meters.store.rows(
        "forecast_gauges",
        **days.asked_hours(),
        meters=[number for number, _ in reads],
        ids=[one for _, one in reads],
        numbers=list(range(len(asked))),
        over_time=[meter.over_time for meter in asked],
        across=[meter.across for meter in asked],
    )
    scales = [float(meter.scale) if meter.scale is not None else 1.0 for meter in asked]
    return [
        (target, values * scale) for (target, values), scale in zip(_by_hours(meters, days, targets, rows), scales, strict=True)
    ]


def counters(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """How far counters rose on a day, or in its busiest or quietest hour."""
    asked = [target.meter for target in targets if isinstance(target.meter, IncreaseMeter)]
    reads = [(number, one) for number, meter in enumerate(asked) for one in ids_of(meters, meter)]
    rows = meters.store.rows(
        "forecast_counters", **days.asked_hours(), meters=[number for number, _ in reads], ids=[one for _, one in reads]
    )
    read = _by_hours(meters, days, targets, rows)
    return [(target, values * _hours_asked(target)) for target, values in read]


def _by_hours(meters: Meters, days: Days, targets: Sequence[Target], rows: Iterable[dict[str, Any]]) -> Read:
    places = days.places()
    values, hours = [days.blank() for _ in targets], np.zeros((len(targets), len(days)))
    first: dict[int, tuple[int, datetime]] = {}
    for row in rows:
        number, place = row["meter"], places[row["start_at"]]
        values[number][place] = row[COLUMN[targets[number].statistic]]
        hours[number, place] = row["hours"]
        if number not in first or place < first[number][0]:
            first[number] = (place, row["first_at"])
    for number, (place, at) in first.items():
        if at - days.starts[place] > HOUR:
            hours[number, place] = 0  # it began in the middle of the day
    return [
        (target, np.where(days.enough(hours[number], meters.pack.interval), values[number], np.nan))
        for number, target in enumerate(targets)
    ]


def failing(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """Minutes in which a check failed, on days that were checked."""
    places = days.places()
    starts = np.array([start.timestamp() for start in days.starts])
    found: Read = []
    for target in targets:
        meter = target.meter
        assert isinstance(meter, FailingMinutesMeter), "these count minutes"
        asked = {"platform": meters.pack.slug, "components": meter.components, "checks": meter.checks}
        hours = np.zeros(len(days))
        for number, row in enumerate(meters.store.rows("forecast_checks", **asked, **days.asked_hours())):
            late = number == 0 and row["first_at"] - row["start_at"] > HOUR
            hours[places[row["start_at"]]] = 0 if late else row["hours"]
        minutes = np.array([minute.timestamp() for minute in bad_minutes(meters, meter, days.starts[0])])
        inside = minutes[minutes < days.ends[-1].timestamp()] if len(minutes) else minutes
        counts = np.bincount(np.searchsorted(starts, inside, side="right") - 1, minlength=len(days)).astype(np.float64)
        found.append((target, np.where(days.enough(hours, max(meter.every, meters.pack.interval)), counts, np.nan)))
    return found


def percentiles(meters: Meters, days: Days, targets: Sequence[Target]) -> Read:
    """A percentile of each day's calls."""
    places = days.places()
    found: Read = []
    for target in targets:
        meter, values = target.meter, days.blank()
        assert isinstance(meter, PercentileMeter), "these are of latency"
        asked = {"provider": meter.provider, "model": meter.model, "share": float(meter.percent) / 100}
        for row in meters.store.rows("forecast_latency", platform=meters.pack.slug, **asked, **days.asked_hours()):
            bucket = row["latency_bucket"]
            values[places[row["start_at"]]] = 0.0 if bucket <= LOWEST_BUCKET else 1.02 ** (bucket - 0.5)
        found.append((target, values))
    return found


def parts_of(meters: Meters, days: Days) -> Read:
    """The platform's AI cost by model, tier and team: the greatest apart, the rest together. A dimension with one value tells nothing new."""
    found: Read = []
    if not len(days):
        return found
    known = collected(meters, days)
    places = days.places()
    for dimension in DIMENSIONS:
        rows = meters.store.rows(
            "forecast_cost_by", platform=meters.pack.slug, dimension=dimension, top=TOP, other=OTHER, **days.asked()
        )
        by_value = {value: list(group) for value, group in groupby(rows, key=lambda row: str(row["value"]))}
        if len(by_value) < 2:
            continue
        for value, group in by_value.items():
            values = np.where(known, 0.0, np.nan)
            for row in group:
                values[places[row["start_at"]]] = row["cost_usd"]
            found.append((part_target(meters.pack, dimension, value), np.where(known, values, np.nan)))
    return found
