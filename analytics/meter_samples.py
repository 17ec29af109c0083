"""Meters over samples: gauges as they read now, and how far counters rose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from roomleft.limits import Reading
from roomleft.packs_meters import GaugeMeter, IncreaseMeter

if TYPE_CHECKING:
    from analytics.meters import Meters
    from warehouse.store import Store

HOUR = timedelta(hours=1)
RAW_REACH = timedelta(days=2)
"""Spans up to this are read from raw samples."""
LONG_AGO = timedelta(days=400)


def exact(value: float) -> Decimal:
    """A float as the decimal a person would write for it."""
    return Decimal(repr(value))


@dataclass(slots=True)
class LookBack:
    """What the past instants of one moment's meters share, so that a question is asked once for all of them."""

    ends: frozenset[datetime] = frozenset()
    """Instants that are looked back on together."""
    first_sample: list[datetime | None] = field(default_factory=list)
    """When the oldest sample was observed; empty before it was asked."""
    rows: dict[tuple[tuple[int, ...], timedelta], dict[datetime, list[dict[str, Any]]]] = field(default_factory=dict)

    def announce(self, ends: Iterable[datetime]) -> None:
        """Say which instants will be looked back on next."""
        if (named := frozenset(ends)) != self.ends:
            self.ends, self.rows = named, {}

    def gauges(self, store: Store, ids: Sequence[int], over: timedelta) -> dict[datetime, list[dict[str, Any]]]:
        """What some series read in the span before each of `ends`, from whole hours. Raises StoreError."""
        key = (tuple(ids), over)
        if key not in self.rows:
            found: dict[datetime, list[dict[str, Any]]] = {end: [] for end in self.ends}
            since, until = min(self.ends) - over, max(self.ends)
            asked = store.rows("meter_gauge_ends", ids=list(ids), ends=sorted(self.ends), over=over, since=since, until=until)
            for row in asked:
                found[row.pop("until_at")].append(row)
            self.rows[key] = found
        return self.rows[key]

    def before_samples(self, store: Store, instant: datetime) -> bool:
        """Whether an instant is before the oldest sample there is, of any series. Raises StoreError."""
        if not self.first_sample:
            self.first_sample.append(store.rows("meter_samples_begin")[0]["first_at"])
        first = self.first_sample[0]
        return first is None or instant <= first


@dataclass(slots=True)
class Together:
    """What the gauges that are read at one instant have in common, so that each span's readings are asked for once."""

    meters: tuple[GaugeMeter, ...] = ()
    """The gauges that were announced."""
    asked: dict[timedelta, frozenset[int]] = field(default_factory=dict)
    """By span, the series of the announced gauges that read it."""
    found: dict[timedelta, dict[int, dict[str, Any]]] = field(default_factory=dict)

    def rows(self, meters: Meters, ids: Sequence[int], over: timedelta) -> list[dict[str, Any]] | None:
        """What some series read in the span before the instant; None where that was not announced. Raises StoreError."""
        if not self.asked:
            spans: dict[timedelta, set[int]] = {}
            for meter in self.meters:
                spans.setdefault(meter.over, set()).update(ids_of(meters, meter))
            self.asked = {span: frozenset(series) for span, series in spans.items()}
        if not self.asked.get(over, frozenset()).issuperset(ids):
            return None
        if over not in self.found:
            asked = sorted(self.asked[over])
            rows = meters.store.rows("meter_gauge", ids=asked, since=meters.now - over, until=meters.now)
            self.found[over] = {row["series_id"]: row for row in rows}
        return [self.found[over][one] for one in sorted(ids) if one in self.found[over]]


def ids_of(meters: Meters, meter: GaugeMeter | IncreaseMeter) -> list[int]:
    """The series a meter reads: its name, its component if given, and every label given."""
    found = []
    for row in meters.series():
        labels = row["labels"] if isinstance(row["labels"], dict) else {}
        same = row["name"] == meter.series and (meter.component is None or row["component"] == meter.component)
        if same and all(labels.get(key) == value for key, value in meter.labels.items()):
            found.append(int(str(row["series_id"])))
    return found


def named(meter: GaugeMeter | IncreaseMeter) -> str:
    """The series in a person's words: `cpu_use_ratio{instance="app-1"}`."""
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(meter.labels.items()))
    return meter.series + (f"{{{labels}}}" if labels else "")


def gauge(meters: Meters, meter: GaugeMeter) -> Reading:
    """What a gauge reads. Without a sample in its time the last one known is given with its age, which makes it stale."""
    stale_after = meters.stale_after(meter)
    ids = ids_of(meters, meter)
    if not ids:
        return Reading(None, None, stale_after, reason=f"no series {named(meter)} has been seen")
    if meters.coarse and meters.past.before_samples(meters.store, meters.now):
        return _no_readings(meter, stale_after)
    rows = _rows(meters, meter, ids)
    newest = max((row["observed_at"] for row in rows if row["observed_at"] is not None), default=None)
    living = [row for row in rows if not row["ended"] and row[meter.over_time] is not None]
    if living:
        # A series whose readings stopped is not averaged in with those that go on.
        value = _across(meter, [float(row[meter.over_time]) for row in living])
        if math.isfinite(value):
            oldest = (
                max(row["observed_at"] for row in living)
                if meter.across in ("mean", "max", "min")
                else min(row["observed_at"] for row in living)
            )
            return Reading(exact(value) * (meter.scale if meter.scale is not None else 1), oldest, stale_after)
    if newest is not None and rows and all(row["ended"] for row in rows):
        return Reading(None, newest, stale_after, reason=_ended(meter))
    if newest is not None:
        return Reading(None, newest, stale_after, reason=f"{named(meter)} reads no number (NaN or infinite)")
    return _last_known(meters, meter, ids, stale_after)


def _rows(meters: Meters, meter: GaugeMeter, ids: list[int]) -> list[dict[str, Any]]:
    over = max(meter.over, timedelta(days=1)) if meters.coarse else meter.over
    if meters.coarse and meters.now in meters.past.ends:
        return meters.past.gauges(meters.store, ids, over)[meters.now]
    hours = meters.coarse or over > RAW_REACH
    if not hours and (rows := meters.together.rows(meters, ids, over)) is not None:
        return rows
    return meters.store.rows("meter_gauge_hours" if hours else "meter_gauge", ids=ids, since=meters.now - over, until=meters.now)


def _last_known(meters: Meters, meter: GaugeMeter, ids: list[int], stale_after: timedelta) -> Reading:
    # First what raw samples still hold of the last days, then the hourly rollup.
    for query, reach in (("meter_gauge", RAW_REACH), ("meter_gauge_hours", LONG_AGO)):
        found = meters.store.rows(query, ids=ids, since=meters.now - reach, until=meters.now)
        if found and all(row["ended"] for row in found):
            return Reading(
                None,
                max((row["observed_at"] for row in found if row["observed_at"]), default=None),
                stale_after,
                reason=_ended(meter),
            )
        rows = [row for row in found if row["last"] is not None and not row["ended"]]
        if rows:
            newest = max(row["observed_at"] for row in rows)
            last = [float(row["last"]) for row in rows if newest - row["observed_at"] <= stale_after]
            return Reading(exact(_across(meter, last)) * (meter.scale if meter.scale is not None else 1), newest, stale_after)
    return _no_readings(meter, stale_after)


def _no_readings(meter: GaugeMeter, stale_after: timedelta) -> Reading:
    return Reading(None, None, stale_after, reason=f"no readings of {named(meter)} yet")


def _ended(meter: GaugeMeter) -> str:
    return f"{named(meter)} has ended: its source no longer gives it"


def _across(meter: GaugeMeter, values: list[float]) -> float:
    if meter.across == "sum":
        return math.fsum(values)
    if meter.across == "max":
        return max(values)
    return min(values) if meter.across == "min" else math.fsum(values) / len(values)


@dataclass(frozen=True, slots=True)
class Rises:
    """How counters rose: (start of the step, rise), steps of an hour and, in the last hours, of five minutes."""

    name: str
    start: datetime
    steps: tuple[tuple[datetime, float], ...]
    observed_at: datetime | None
    reason: str = ""

    def since(self, instant: datetime) -> float:
        """How far they rose in the steps from `instant` on."""
        return math.fsum(rise for at, rise in self.steps if at >= instant)

    def reading(self, stale_after: timedelta, now: datetime) -> Reading:
        """The whole rise as a reading."""
        if self.observed_at is None:
            return Reading(None, None, stale_after, reason=self.reason or f"no readings of {self.name} in the window")
        first = self.steps[0][0]
        covers = now - first if first - self.start > HOUR else None
        # Rises of counters are whole events; a float sum is rounded to where a double is exact.
        return Reading(exact(round(self.since(self.start), 6)), self.observed_at, stale_after, covers=covers)


def rises(meters: Meters, meter: IncreaseMeter, start: datetime) -> Rises:
    """How the meter's counters rose since the hour `start` lies in (the last two hours: since `start` itself)."""
    ids = ids_of(meters, meter)
    if not ids:
        return Rises(named(meter), start, (), None, f"no series {named(meter)} has been seen")
    this_hour = meters.now.replace(minute=0, second=0, microsecond=0)
    cut = this_hour if meters.coarse else this_hour - HOUR
    whole = start.replace(minute=0, second=0, microsecond=0)
    since = start if start >= cut else whole
    if since >= cut:
        # A short span: raw from an hour before it, so that the first step has something to rise from.
        cut = whole - HOUR
    if meters.coarse and meters.past.before_samples(meters.store, meters.now):
        return Rises(named(meter), since, (), None)
    rows = meters.store.rows("meter_counter", ids=ids, since=since, cut=cut, until=meters.now)
    steps = tuple((row["step_at"], float(row["rise"])) for row in rows)
    newest = max((row["last_at"] for row in rows), default=None)
    return Rises(named(meter), since, steps, newest)
