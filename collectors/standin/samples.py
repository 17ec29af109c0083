"""The /samples feed and the /metrics page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import orjson

from collectors.standin.asks import within
from collectors.standin.faults import FaultLog
from collectors.standin.feed import EMPTY, Batch
from collectors.standin.instants import DAY, HOUR, MINUTE, SECOND, Ints, stream, text_of
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
        self._heads = [
            orjson.dumps({"component": one.shape.component, "name": one.shape.name, "labels": one.labels}).decode()[1:-1]
            for one in model.lines
        ]

    def version(self, slot: int) -> object:
        """The faults that meet the hour; an older fault's trace in a counter is settled by then."""
        return self.log.windows(slot * HOUR, (slot + 1) * HOUR)

    def batch(self, slot: int) -> Batch:
        """An hour's readings as records."""
        ticks = self.cadence.ticks(slot)
        if not len(ticks):
            return EMPTY
        true = slot * HOUR + ticks * TICK
        values = self.model.values(slot, ticks).T.ravel()  # all series of a tick, then the next tick
        rows = np.tile(np.arange(len(self._heads)), len(ticks))
        at = np.repeat(true, len(self._heads))
        marks = stream(self.seed, "late samples", slot).random((2, TICKS_AN_HOUR, len(self._heads)))[:, ticks].reshape(2, -1)
        present = np.flatnonzero(~self.model.gaps(true).T.ravel())
        commit = committed(at, marks[0], marks[1], self.lateness)
        emitted = at.copy()
        for active in self.log.effects(slot * HOUR, (slot + 1) * HOUR):
            if active.effect.clock:
                emitted[within(active, at)] += int(active.effect.clock.skew_s * SECOND)
        heads = self._heads
        records = [
            f'{{"observed_at":"{t}",{heads[row]},"value":{json_number(v)}}}'.encode()
            for t, row, v in zip(text_of(emitted[present]), rows[present].tolist(), values[present].tolist(), strict=True)
        ]
        return Batch(emitted[present], commit[present], records)

    def exposition(self, now_us: int) -> str:
        """Prometheus text 0.0.4 of the newest readings."""
        tick_us = (now_us - int(self.lateness.usual_s * SECOND)) // TICK * TICK
        hour, ticks = tick_us // HOUR, np.array([tick_us % HOUR // TICK], dtype=np.int64)
        values = self.model.values(hour, ticks)[:, 0].tolist()
        missing = self.model.gaps(np.array([tick_us], dtype=np.int64))[:, 0]
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
