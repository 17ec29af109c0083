"""The /samples feed and the /metrics page."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from collectors.standin import encoding
from collectors.standin.asks import within
from collectors.standin.faults import FaultLog
from collectors.standin.feed import EMPTY, Batch
from collectors.standin.instants import DAY, HOUR, MINUTE, SECOND, Grid, Ints, stream
from collectors.standin.series import TICK, TICKS_AN_HOUR, SeriesModel
from collectors.standin.usage import committed
from roomleft.packs_standin import LatenessShape

ALL_TICKS: Ints = np.arange(TICKS_AN_HOUR, dtype=np.int64)
FIVE_MINUTES = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Cadence:
    """How dense history is: `fine_us` apart in the last hour before the start and ever after, 5 minutes in the last 14 days,
    hourly before. The edges lie where the server started, so a record's density never changes."""

    fine_us: int
    middle_from_us: int
    fine_from_us: int

    @classmethod
    def at(cls, origin_us: int, fine_us: int) -> Cadence:
        """The cadence of a server that started at `origin_us`."""
        return cls(fine_us, (origin_us - 14 * DAY) // HOUR * HOUR, (origin_us - HOUR) // FIVE_MINUTES * FIVE_MINUTES)

    def ticks(self, hour: int) -> Ints:
        """Ticks of an hour that are kept."""
        at = hour * HOUR + ALL_TICKS * TICK
        apart = np.where(at < self.middle_from_us, HOUR, np.where(at < self.fine_from_us, FIVE_MINUTES, self.fine_us))
        found: Ints = ALL_TICKS[at % apart == 0]
        return found

    def together(self, hour: int) -> int:
        """How many hours from this one are worth making at once."""
        end_us = (hour + 24) * HOUR
        return 24 if end_us <= self.middle_from_us else 6 if end_us <= self.fine_from_us else 1


class SamplesFeed:
    """Readings of every series, in slots of an hour."""

    name = "samples"
    slot_us = HOUR

    def __init__(self, model: SeriesModel, seed: int, log: FaultLog, cadence: Cadence, lateness: LatenessShape) -> None:
        self.model = model
        self.seed = seed
        self.log = log
        self.cadence = cadence
        self.lateness = lateness
        self.lookback = 1 + (int(lateness.max_s * SECOND // HOUR) if lateness.share else 0)
        self._heads = pa.array(
            [
                orjson.dumps({"component": one.shape.component, "name": one.shape.name, "labels": one.labels}).decode()[1:-1]
                for one in model.lines
            ],
            pa.string(),
        )

    def version(self, slot: int) -> object:
        """The faults that meet the hour; an older fault's trace in a counter is settled by then."""
        return self.log.windows(slot * HOUR, (slot + 1) * HOUR)

    def together(self, slot: int) -> int:
        """A day of hourly readings, a quarter of one of denser ones, the newest hours one by one."""
        return self.cadence.together(slot)

    def batches(self, first: int, end: int) -> list[Batch]:
        """The readings of each hour as records."""
        hours = [self.cadence.ticks(hour) for hour in range(first, end)]
        true = np.concatenate([hour * HOUR + ticks * TICK for hour, ticks in zip(range(first, end), hours, strict=True)])
        if not len(true):
            return [EMPTY] * (end - first)
        series = len(self._heads)
        values = self.model.values(true).T.ravel()  # all series of a tick, then the next tick
        at = np.repeat(true, series)
        marks = np.concatenate(
            [self._lateness_marks(hour, ticks) for hour, ticks in zip(range(first, end), hours, strict=True)], 1
        )
        present = ~self.model.gaps(true).T.ravel()
        commit = committed(at, marks[0], marks[1], self.lateness)
        emitted = at.copy()
        for active in self.log.effects(first * HOUR, end * HOUR):
            if active.effect.clock:
                emitted[within(active, at)] += int(active.effect.clock.skew_s * SECOND)
        times = encoding.instants(emitted[::series]).take(pa.array(np.repeat(np.arange(len(true)), series)))
        heads = self._heads.take(pa.array(np.tile(np.arange(series), len(true))))
        records = encoding.joined('{"observed_at":"', times, '",', heads, ',"value":', encoding.readings(values), "}")
        found = []
        edges = np.cumsum([0, *(len(ticks) * series for ticks in hours)]).tolist()
        for low, high in itertools.pairwise(edges):
            chosen = low + np.flatnonzero(present[low:high])
            found.append(Batch(emitted[chosen], commit[chosen], encoding.picked(records, chosen)))
        return found

    def _lateness_marks(self, hour: int, ticks: Ints) -> Grid:
        series = len(self._heads)
        if not self.lateness.share:
            return np.ones((2, len(ticks) * series))
        marks = stream(self.seed, "late samples", hour).random((2, TICKS_AN_HOUR, series))
        found: Grid = marks[:, ticks].reshape(2, -1)
        return found

    def exposition(self, now_us: int) -> str:
        """Prometheus text 0.0.4 of the newest readings."""
        tick_us = (now_us - int(self.lateness.usual_s * SECOND)) // TICK * TICK
        at = np.array([tick_us], dtype=np.int64)
        values = self.model.values(at)[:, 0].tolist()
        missing = self.model.gaps(at)[:, 0]
        lines: list[str] = []
        named = ""
        for one, value, gone in zip(self.model.lines, values, missing, strict=True):
            if one.shape.name != named:
                named = one.shape.name
                lines += [f"# HELP {named} {one.shape.help}", f"# TYPE {named} {one.shape.kind}"]
            if not gone:
                labels = {"component": one.shape.component, **one.labels}
                inner = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
                lines.append(f"{named}{{{inner}}} {_prometheus_number(value)}")
        return "\n".join(lines) + "\n"


def json_number(value: float) -> str:
    """A reading on the wire: whole numbers without a fraction, non-finite ones as the contract's strings."""
    if math.isfinite(value):
        return repr(int(value)) if value == int(value) else repr(value)
    return '"NaN"' if math.isnan(value) else '"+Inf"' if value > 0 else '"-Inf"'


def _prometheus_number(value: float) -> str:
    return json_number(value).strip('"')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
