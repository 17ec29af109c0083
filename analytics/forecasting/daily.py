"""The daily history of every target, from rollups, in a handful of queries for each platform and zone.

A day is a local day of the target's zone. Days that were not collected are unknown (NaN), not zero: usage is known between the first record and the
last that its source has been read to (where nothing reads it, on days that saw a call of the platform); readings, counters and checks on days with
three quarters of their hours; business days when they have come. The day that is not over is not told, nor the first one if it was not seen from its
beginning. A sum is what the meter itself reads over the day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.forecasting.daily_reads import Days, parts_of, read_all
from analytics.forecasting.targets import Plan, Statistic, Target
from analytics.meter_costs import infrastructure_usd
from analytics.meters import Meters
from roomleft.packs import Pack
from roomleft.packs_meters import InfrastructureCostMeter
from roomleft.timespan import midnight
from warehouse.store import Store

Floats = npt.NDArray[np.float64]
DAY = timedelta(days=1)
REACH = timedelta(days=395)
"""How far back histories go: as far as hourly rollups are kept."""


@dataclass(frozen=True, slots=True)
class Daily:
    """One target's history. `values[i]` is that of local day `first_day` + i in the target's zone, in its unit, NaN where unknown; a flow's is the
    day's sum as it was, whatever the day's length."""

    target: Target
    first_day: date
    values: Floats

    @property
    def end(self) -> date:
        """The first day that is not told: the one that was not over."""
        return self.first_day + timedelta(days=len(self.values))

    @property
    def known(self) -> int:
        """How many days are known."""
        return int(np.isfinite(self.values).sum())

    def per_24h(self) -> Floats:
        """The values with a flow's sums for 24 hours each: a day of 23 or 25 hours is no quiet or busy one."""
        return self.values / lengths(self.first_day, len(self.values), self.target.zone) if adds_up(self.target) else self.values


def adds_up(target: Target) -> bool:
    """Whether its day's value is a sum."""
    return target.statistic in (Statistic.SUM, Statistic.FIXED)


def edges(first_day: date, days: int, zone: ZoneInfo) -> list[datetime]:
    """Where each of so many local days begins, and where the last one ends."""
    return [midnight(first_day + timedelta(days=number), zone) for number in range(days + 1)]


def lengths(first_day: date, days: int, zone: ZoneInfo) -> Floats:
    """How long each of so many local days is, in days of 24 hours."""
    found = edges(first_day, days, zone)
    return np.array([(end - start) / DAY for start, end in pairwise(found)])


def histories(
    store: Store,
    pack: Pack,
    plan: Plan,
    now: datetime,
    *,
    reach: timedelta = REACH,
    grace: timedelta = timedelta(0),
    parts: bool = True,
) -> dict[str, Daily]:
    """The history of every target of a pack's plan, by name; with `parts`, of the parts of its AI cost too. Raises StoreError.

    A day is over `grace` after its end. Those of a zone begin together, with the first day that any of them is known on, and end with the last
    complete day. A target without any known day is all NaN.
    """
    meters = Meters(store, pack, now)
    by_zone: dict[str, list[Target]] = {}
    for target in plan.targets.values():
        by_zone.setdefault(target.zone.key, []).append(target)
    found: dict[str, Daily] = {}
    for zone, targets in by_zone.items():
        days = Days.of(ZoneInfo(zone), now - grace, reach)
        read = read_all(meters, days, targets)
        if parts and zone == pack.zone:
            read += parts_of(meters, days)
        found |= _cut(pack, days, read, targets)
    return found


def fixed(pack: Pack, target: Target, first_day: date, days: int) -> Floats:
    """What a cost that is known beforehand is on each of so many local days, past or to come."""
    assert isinstance(target.meter, InfrastructureCostMeter), "only monthly items are known beforehand"
    found, named = edges(first_day, days, target.zone), target.meter.parts
    return np.array([float(infrastructure_usd(pack, start, end, named)) for start, end in pairwise(found)])


def _cut(pack: Pack, days: Days, read: list[tuple[Target, Floats]], targets: list[Target]) -> dict[str, Daily]:
    """Histories from the first day that anything is known on; known costs over the same days."""
    seen = [int(np.isfinite(row).argmax()) for _, row in read if np.isfinite(row).any()]
    first = min(seen, default=len(days))
    day = days.first_day + timedelta(days=first)
    found = {target.name: Daily(target, day, row[first:]) for target, row in read}
    for target in targets:
        if target.statistic is Statistic.FIXED:
            found[target.name] = Daily(target, day, fixed(pack, target, day, len(days) - first))
    return found


def frame_of(found: Mapping[str, Daily]) -> tuple[date, list[str], Floats]:
    """Histories that end on one day side by side: the first day, the names, and (n, t) values for 24 hours each, NaN before a history's beginning."""
    names = [name for name, daily in found.items() if daily.target.statistic is not Statistic.FIXED]
    if not names:
        return date.min, [], np.empty((0, 0))
    first = min(found[name].first_day for name in names)
    end = found[names[0]].end
    values = np.full((len(names), (end - first).days), np.nan)
    for row, name in enumerate(names):
        daily = found[name]
        values[row, (daily.first_day - first).days :] = daily.per_24h()
    return first, names, values
