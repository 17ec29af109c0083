"""The users behind the usage: persona, tier, the day each joined and the day each converted."""

from __future__ import annotations

import numpy as np

from collectors.standin.instants import DAY, Floats, Ints, stream
from collectors.standin.traffic import Traffic

CHUNK = 1024
GOLDEN = 0.6180339887498949
NEVER = 2**40


class People:
    """Users 0, 1, 2 … in the order they joined. Attributes depend on (seed, shape, start) alone."""

    def __init__(self, traffic: Traffic, seed: int, start_us: int) -> None:
        self.traffic = traffic
        self.shape = traffic.shape
        self.seed = seed
        self.first_day = start_us // DAY
        self._counts: Ints = np.empty(0, dtype=np.int64)
        self.persona: Ints = np.empty(0, dtype=np.int64)
        self.activity: Floats = np.empty(0)
        self.first_tier: Ints = np.empty(0, dtype=np.int64)
        self.join_day: Ints = np.empty(0, dtype=np.int64)
        self.convert_day: Ints = np.empty(0, dtype=np.int64)
        names = [t.name for t in self.shape.tiers]
        self._next_tier = np.array([names.index(t.converts_to) if t.converts_to else i for i, t in enumerate(self.shape.tiers)])

    def count(self, day: int) -> int:
        """Users that had joined by the end of a day (days since 1970)."""
        wanted = day - self.first_day + 2  # the first entry is the day before the history
        if wanted > len(self._counts):
            days = np.arange(self.first_day - 1, self.first_day - 1 + wanted + 60, dtype=np.int64)
            self._counts = np.maximum.accumulate(np.floor(self.traffic.users((days + 1) * DAY)).astype(np.int64))
        n = int(self._counts[wanted - 1])
        while n > len(self.persona):
            self._grow()
        return n

    def tiers(self, day: int, n: int) -> Ints:
        """Index of the tier that each of the first n users is in on a day."""
        first = self.first_tier[:n]
        found: Ints = np.where(day >= self.convert_day[:n], self._next_tier[first], first)
        return found

    def _grow(self) -> None:
        begin = len(self.persona)
        number = np.arange(begin, begin + CHUNK)
        rng = stream(self.seed, "people", begin // CHUNK)
        offset = stream(self.seed, "personas").random()
        # A low-discrepancy sequence keeps a rare persona's share true among few users.
        marks = (number * GOLDEN + offset) % 1
        personas = self.shape.personas
        persona = np.searchsorted(np.cumsum([p.share for p in personas])[:-1], marks, side="right")
        spread = np.array([max(p.spread, 1e-3) for p in personas])[persona]
        activity = rng.gamma(1 / spread**2) * spread**2
        names = [t.name for t in self.shape.tiers]
        edges = np.array([np.cumsum([p.tiers.get(t, 0.0) for t in names])[:-1] for p in personas]).reshape(len(personas), -1)
        tier = (rng.random(CHUNK)[:, None] >= edges[persona]).sum(axis=1)
        joined = self._join_days(number)
        monthly = np.array([t.conversion_per_month if t.converts_to else 0.0 for t in self.shape.tiers])[tier]
        wait = rng.standard_exponential(CHUNK) * 30.4375 / np.maximum(monthly, 1e-12)
        converted = np.where(monthly > 0, joined + 1 + np.minimum(wait, NEVER / 2).astype(np.int64), NEVER)
        self.persona = np.concatenate((self.persona, persona))
        self.activity = np.concatenate((self.activity, activity))
        self.first_tier = np.concatenate((self.first_tier, tier))
        self.join_day = np.concatenate((self.join_day, joined))
        self.convert_day = np.concatenate((self.convert_day, converted))

    def _join_days(self, number: Ints) -> Ints:
        # Far enough ahead that every user of the chunk has a day, unless nobody joins any more.
        days = np.arange(self.first_day - 1, self.first_day + 36_500, dtype=np.int64)
        counts = np.maximum.accumulate(np.floor(np.minimum(self.traffic.users((days + 1) * DAY), 2**50)).astype(np.int64))
        place = np.searchsorted(counts, number, side="right")
        found: Ints = np.where(place < len(days), days[np.minimum(place, len(days) - 1)], NEVER)
        return found
