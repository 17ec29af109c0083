"""Readings of the past as they were observed: back-filled or rolled up, and so of any spacing.

Live, a reading says nothing after five minutes. History was often written down more rarely than that, so there a reading stands for three times
the spacing of those before it; and what a counter rose between two readings is spread evenly over the time between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.conditions_series import COUNTERS, HERE, SILENT, Codes, Desk
from analytics.conditions_tape import NEVER, Floats, Ints, Tape, instant_of, per_series
from analytics.conditions_view import REMEMBERED

STANDS = 3
GAPS = 5
MOST_ROWS = 20_000_000
"""More readings than this are taken from the rollup by the minute."""


def spacing(places: Ints, observed: Ints) -> Ints:
    """How far apart readings come about each of them: the middle of the five gaps before it or of the five after it, whichever is wider, within
    its series. Rows sorted by series and time."""
    if len(observed) < 2:
        return np.zeros(len(observed), dtype=np.int64)
    gaps = np.where(places[1:] == places[:-1], np.diff(observed), -1)
    none = np.full(GAPS, -1)
    found = np.zeros(len(observed), dtype=np.int64)
    for gap, owner in (
        (np.r_[none, gaps], np.r_[none, places[:-1]]),
        (np.r_[gaps, none], np.r_[places[:-1], none]),
    ):
        five = np.lib.stride_tricks.sliding_window_view(gap, GAPS)[: len(observed)]
        own = np.lib.stride_tricks.sliding_window_view(owner, GAPS)[: len(observed)] == places[:, None]
        found = np.maximum(found, _middle(np.where(own, five, -1)))
    return found


def _middle(five: Ints) -> Ints:
    """The middle of the gaps in each row, without those of other series (-1); -1 where there is none."""
    ordered = np.sort(five, axis=1)
    none = (ordered < 0).sum(axis=1)
    found: Ints = ordered[np.arange(len(ordered)), np.minimum((none + GAPS) // 2, GAPS - 1)]
    return found


def stands(places: Ints, observed: Ints) -> Ints:
    """How long each reading stands."""
    return STANDS * spacing(places, observed)


@dataclass
class HistoryDesk(Desk):
    """As a desk, of the past. `noted`: in words, what its readings are."""

    def __post_init__(self) -> None:
        self.noted: list[str] = []
        super().__post_init__()

    def note(self, words: str) -> None:
        """Note what the readings are, once."""
        if words not in self.noted:
            self.noted.append(words)

    def _loaded(self, ids: npt.NDArray[np.uint64], look_back: int) -> Tape:
        if not len(ids):
            return Tape.of(ids)
        scene, instants = self.scene, self.instants
        since = instant_of(int(instants.at[0]) - self.reach_us - look_back) - REMEMBERED
        until, read_to = instant_of(int(instants.at[-1])), instant_of(int(instants.read_to[-1]))
        kept_from = self._raw_from(since)
        parts = []
        if kept_from > since:
            parts.append(self._rolled_up(ids, since, min(kept_from, until)))
        if kept_from < until:
            begin = max(kept_from, since)
            parts.append(scene.query("alert_samples", ids=ids.tolist(), since=begin, until=until, read_to=read_to))
        return Tape.of(ids, *parts)

    def _raw_from(self, since: datetime) -> datetime:
        """From when on raw readings are still there."""
        found = self.scene.query("alert_sealed", rollup="samples")["before"][0].as_py()
        return since if found is None else max(since, found)

    def _rolled_up(self, ids: npt.NDArray[np.uint64], since: datetime, until: datetime) -> pa.Table:
        """The means of minutes (of hours where those are gone); of counters the last reading."""
        minutes = self.scene.query("alert_sealed", rollup="samples_1m")["before"][0].as_py()
        cut = since if minutes is None else min(max(since, minutes), until)
        counters = [row.series_id for row in self.rows if row.name.endswith(("_total", "_count", "_sum"))]
        asked = {"ids": ids.tolist(), "counters": counters}
        tables = []
        if cut > since:
            self.note("from rolled-up readings: 1 h steps")
            tables.append(self.scene.query("alert_samples_1h", since=since, until=cut, **asked))
        if cut < until:
            self.note("from rolled-up readings: 1 min steps")
            tables.append(self.scene.query("alert_samples_1m", since=cut, until=until, **asked))
        return pa.concat_tables(tables)

    @cached_property
    def spaced(self) -> Ints:
        """How far apart the readings came, about each of them."""
        found = spacing(self.tape.series, self.tape.observed)
        widest = int(np.percentile(found, 95)) if len(found) else 0
        if widest > int(self.look_back.max(initial=0)) // 2:
            low = int(np.median(found))
            words = f"{low / 60e6:.3g}" if low == widest else f"{max(low, 1_000_000) / 60e6:.3g} to {widest / 60e6:.3g}"
            self.note(f"readings stand {words} min apart: each holds until the next")
        return found

    def stands(self) -> Ints:
        """As far as readings are further apart than a look-back: no silence is seen between two of them."""
        lasts = np.append(STANDS * self.spaced, 0)[self.newest()]
        found: Ints = np.where(lasts > self.look_back[:, None], lasts, 0)
        return found

    def _values(self, over_us: int, over_time: str) -> Floats:
        if over_time in COUNTERS:
            rises = self.rise(self.instants.at - over_us, self.instants.at)
            return rises / (over_us / 1e6) if over_time == "rate" else rises
        reach = np.maximum(over_us, (self.spaced * 1.5).astype(np.int64))
        if over_time == "last":
            newest = self.newest()
            found = np.append(self.tape.value, np.nan)[newest]
            old = np.append(self.tape.observed + reach, NEVER)[newest] <= self.instants.at
            found[old | ~np.isfinite(found)] = np.nan
            return found
        return per_series(self.tape, self.instants, reach, over_time)

    def codes(self) -> Codes:
        """How each series stands at each instant."""
        if self._codes is None:
            codes = super().codes()
            newest = self.newest()
            lasts = np.append(self.tape.observed + STANDS * self.spaced, NEVER)[newest]
            stands_still = (codes == SILENT) & (lasts > self.instants.at)
            self._codes = np.where(stands_still, np.int8(HERE), codes)
        return self._codes

    def rise(self, since: Ints, until: Ints) -> Floats:
        """How far each series rose between the two instants of each column, what came between two readings spread evenly; NaN before its
        first reading."""
        found = np.full((self.tape.count, len(until)), np.nan)
        good = np.isfinite(self.tape.value) & ~self.tape.null
        edges = np.searchsorted(self.tape.series[good], np.arange(self.tape.count + 1))
        observed, value = self.tape.observed[good], self.tape.value[good]
        for place, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            if high - low < 2:
                found[place, until >= observed[low]] = 0.0 if high > low else np.nan
                continue
            at, reading = observed[low:high], value[low:high]
            steps = np.diff(reading)
            total = np.r_[0.0, np.cumsum(np.where(steps >= 0, steps, reading[1:]))]
            found[place] = _reached(at, total, until, int(self.look_back[place])) - _reached(
                at, total, since, int(self.look_back[place])
            )
            found[place, until < observed[low]] = np.nan
        return found


def _reached(at: Ints, total: Floats, instants: Ints, apart_us: int) -> Floats:
    """What a counter had come to: as of its newest reading or, between two that are `apart_us` and more apart, on the line between them."""
    place = np.clip(np.searchsorted(at, instants, "right") - 1, 0, len(at) - 2)
    gap = at[place + 1] - at[place]
    share = np.clip((instants - at[place]) / np.maximum(gap, 1), 0.0, 1.0)
    share = np.where((gap < apart_us) & (share < 1.0), 0.0, share)
    found: Floats = total[place] + share * (total[place + 1] - total[place])
    return found
