"""The /business answer: who was active, by tier and day, counted from the very calls that /usage serves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import prod
from typing import Any

import numpy as np

from collectors.standin.faults import FaultLog
from collectors.standin.instants import DAY, Ints, stream
from collectors.standin.usage import UsageFeed

CENT = Decimal("0.01")
MONTH_DAYS = Decimal("30.4375")
Rows = list[dict[str, Any]]
KEPT_DAYS = 7
"""Days whose calls are kept: those that a reader asks for again, which are today, the three before it, and their neighbours."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of the calls that users began on a day: when each was committed, its own day, who made it and of which tier."""

    commit_us: Ints
    day: Ints
    user: Ints
    tier: Ints


class Business:
    """Business days of a platform, newest knowledge at the instant of asking."""

    def __init__(self, usage: UsageFeed, seed: int, start_us: int, log: FaultLog) -> None:
        self.usage = usage
        self.people = usage.people
        self.seed = seed
        self.first_day = start_us // DAY
        self.log = log
        self._settled: OrderedDict[tuple[int, object], Rows] = OrderedDict()
        self._counted: OrderedDict[tuple[int, object], Counted] = OrderedDict()

    def days(self, from_day: int, to_day: int, now_us: int) -> Rows:
        """Rows of [from_day, to_day) (days since 1970), one a tier, that the platform knows at `now_us`."""
        rows: Rows = []
        for day in range(max(from_day, self.first_day), min(to_day, now_us // DAY + 2)):
            rows += self._day(day, now_us)
        return rows

    def _day(self, day: int, now_us: int) -> Rows:
        # Once every straggler is in, a day never changes again.
        settled = now_us >= (day + 2 + self.usage.lookback) * DAY
        key = (day, self.log.windows((day - 1) * DAY, (day + 2) * DAY))
        if settled and key in self._settled:
            return self._settled[key]
        rows = self._count(day, now_us)
        if settled:
            self._settled[key] = rows
            while len(self._settled) > 800:
                self._settled.popitem(last=False)
        return rows

    def _calls(self, source: int) -> Counted:
        # Each day is looked at for three: itself and its neighbours; and the newest ones again at every asking.
        key = (source, self.usage.version(source))
        found = self._counted.get(key)
        if found is None:
            calls = self.usage.calls(source)
            row = calls.answers.ask
            found = Counted(calls.commit_us, calls.at_us // DAY, calls.asks.user[row], calls.asks.tier[row])
            self._counted[key] = found
            while len(self._counted) > KEPT_DAYS:
                self._counted.popitem(last=False)
        else:
            self._counted.move_to_end(key)
        return found

    def _count(self, day: int, now_us: int) -> Rows:
        users, tiers = [], []
        # A call begun just before midnight may have its fallback after it; a skewed clock moves calls either way.
        for source in range(max(self.first_day, day - 1), min(day + 1, now_us // DAY) + 1):
            calls = self._calls(source)
            shown = np.flatnonzero((calls.commit_us <= now_us) & (calls.day == day))
            users.append(calls.user[shown])
            tiers.append(calls.tier[shown])
        user, tier = np.concatenate(users), np.concatenate(tiers)
        if not len(user):
            return []
        existing = self.people.count(day)
        subscribed = np.bincount(self.people.tiers(day, existing), minlength=len(self.people.shape.tiers))
        wobble = stream(self.seed, "satisfaction", day).normal(0, 0.04, len(self.people.shape.tiers))
        changes = [a.effect.business for a in self.log.effects(day * DAY, min((day + 1) * DAY, now_us + 1)) if a.effect.business]
        earned = prod((Decimal(str(change.revenue_multiply)) for change in changes), start=Decimal(1))
        happier = sum(change.satisfaction_add for change in changes)
        rows = []
        for number, shape in enumerate(self.people.shape.tiers):
            active = np.unique(user[tier == number])
            new = int((self.people.join_day[active] == day).sum())
            revenue = shape.price_usd_per_month / MONTH_DAYS * int(subscribed[number]) * earned
            rows.append(
                {
                    "day": str(np.datetime64(day, "D")),
                    "tier": shape.name,
                    "active_users": len(active),
                    "new_users": new,
                    "returning_users": len(active) - new,
                    "converted_users": int((self.people.convert_day[active] == day).sum()),
                    "revenue_usd": str(revenue.quantize(CENT, ROUND_HALF_EVEN)),
                    "satisfaction": round(float(np.clip(shape.satisfaction + wobble[number] + happier, 1, 5)), 2),
                }
            )
        return rows
