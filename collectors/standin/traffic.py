"""How many users a platform has and how busy they are, as smooth functions of time."""

from __future__ import annotations

import numpy as np

from collectors.standin.instants import DAY, HOUR, Floats, Ints
from roomleft.packs_standin import StandinShape

MONTH = 30.4375 * DAY
USERS_HALF_LIFE = 4 * DAY


class Traffic:
    """Users and load of a platform whose "now" at the start is `origin_us`."""

    def __init__(self, shape: StandinShape, origin_us: int) -> None:
        self.shape = shape
        self.origin_us = origin_us
        hours = np.array(shape.rhythm.hours)
        weekdays = np.array(shape.rhythm.weekdays)
        self.hours: Floats = hours / hours.mean()
        self.weekdays: Floats = weekdays / weekdays.mean()
        self._hour_cdf = self._cdf()
        launch = shape.launch
        self._launch_us = origin_us - int(launch.days_ago * DAY) if launch else None
        self._users_now = self._users(np.array([origin_us], dtype=np.int64))[0]

    def users(self, at_us: Ints) -> Floats:
        """Number of users that exist; never falls while growth is not negative."""
        found: Floats = self.shape.users * self._users(at_us) / self._users_now
        return found

    def engagement(self, at_us: Ints) -> Floats:
        """Requests per user, by the launch and the weekday; 1 on an average day before the launch."""
        found: Floats = self.weekdays[(at_us // DAY + 3) % 7].copy()
        launch = self.shape.launch
        if launch and self._launch_us is not None:
            days = np.maximum(0, at_us - self._launch_us) / DAY
            lift = launch.plateau + (launch.step - launch.plateau) * 0.5 ** (days / launch.half_life_days)
            found *= 1 + np.where(at_us >= self._launch_us, lift, 0.0)
        return found

    def load(self, at_us: Ints) -> Floats:
        """Traffic over the mean traffic now: users, launch, weekday and hour."""
        plateau = 1 + (self.shape.launch.plateau if self.shape.launch else 0.0)
        clock = (at_us % DAY) / HOUR
        around = np.append(self.hours, self.hours[0])  # each hour's weight holds at its middle
        hour = np.interp(np.where(clock < 0.5, clock + 24, clock), np.arange(25) + 0.5, around)
        found: Floats = self.users(at_us) / self.shape.users * self.engagement(at_us) / plateau * hour
        return found

    def times_of_day(self, marks: Floats) -> Ints:
        """Microseconds after midnight, distributed by the daily rhythm, from uniform marks in [0, 1)."""
        return (np.interp(marks, self._hour_cdf, np.arange(25)) * HOUR).astype(np.int64)

    def share_of_day(self, at_us: Ints) -> Floats:
        """Which part of its day's traffic has come by an instant."""
        found: Floats = np.interp((at_us % DAY) / HOUR, np.arange(25), self._hour_cdf)
        return found

    def _cdf(self) -> Floats:
        found: Floats = np.concatenate(([0.0], np.cumsum(self.hours) / 24))
        found[-1] = 1.0
        return found

    def _users(self, at_us: Ints) -> Floats:
        found: Floats = (1 + self.shape.growth_per_month) ** ((at_us - self.origin_us) / MONTH)
        if self.shape.launch and self._launch_us is not None:
            since = np.maximum(0, at_us - self._launch_us)
            found *= 1 + self.shape.launch.users_added * (1 - 0.5 ** (since / USERS_HALF_LIFE))
        return found
