"""The /health document and the /health-history feed: checks over the same readings, with the issue in words."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from collectors.standin import encoding
from collectors.standin.asks import within
from collectors.standin.faults import FOREVER, FaultLog, skew_us
from collectors.standin.feed import EMPTY, Batch
from collectors.standin.instants import HOUR, MINUTE, SECOND, Grid, Ints, text_of_one
from collectors.standin.samples import Cadence, json_number
from collectors.standin.series import TICK, SeriesModel
from roomleft.packs_standin import StandinShape

STATUSES = ("pass", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Answers:
    """Every check at every instant: one row an instant, one column a check. `values` are NaN where the reading is."""

    statuses: Any  # index into STATUSES
    values: Grid
    outputs: Any  # texts, empty while all is well


class HealthModel:
    """Answers every check at ticks of an hour, and makes the feed of them."""

    name = "health-history"
    slot_us = HOUR
    lookback = 1

    def __init__(self, shape: StandinShape, model: SeriesModel, log: FaultLog, cadence: Cadence) -> None:
        self.shape = shape
        self.model = model
        self.log = log
        self.cadence = cadence
        self._rows = np.array([_row(model, check.series, check.labels) for check in shape.checks], dtype=np.int64)
        self._divisors = [(i, _row(model, c.divide_by, {})) for i, c in enumerate(shape.checks) if c.divide_by]
        self._above = np.array([c.worse_above for c in shape.checks], dtype=bool)
        self._warn = np.array([c.warn for c in shape.checks], dtype=float)
        self._fail = np.array([c.fail for c in shape.checks], dtype=float)
        heads = [orjson.dumps({"component": c.component, "check": c.check, "status": s}) for c in shape.checks for s in STATUSES]
        self._heads = [head.decode()[1:-1] for head in heads]
        self._units = ["".join((',"unit":', encoding.quoted(c.unit), ',"output":')) for c in shape.checks]

    def version(self, slot: int) -> object:
        """The faults that meet the hour."""
        return self.log.windows(slot * HOUR, (slot + 1) * HOUR)

    def together(self, slot: int) -> int:
        """As many hours as readings are made of at once."""
        return self.cadence.together(slot)

    def batches(self, first: int, end: int) -> list[Batch]:
        """The checks of each hour as records."""
        hours = [hour * HOUR + self._ticks(hour) * TICK for hour in range(first, end)]
        at = np.concatenate(hours)
        checks = len(self.shape.checks)
        if not len(at) or not checks:
            return [EMPTY] * (end - first)
        answers = self._answers(at, at)
        emitted = at + np.array([skew_us(self.log, int(t)) for t in at] if self._is_skewed(at) else 0, dtype=np.int64)
        which = np.tile(np.arange(checks), len(at))
        outputs = answers.outputs.ravel().tolist()
        records = encoding.joined(
            '{"observed_at":"', encoding.instants(emitted).take(pa.array(np.repeat(np.arange(len(at)), checks))), '",',
            encoding.chosen(self._heads, which * len(STATUSES) + answers.statuses.ravel()),
            ',"value":', encoding.readings(answers.values.ravel()),
            encoding.chosen(self._units, which), pa.array([encoding.quoted(o) if o else '""' for o in outputs], pa.string()), "}",
        )  # fmt: skip
        edges = np.cumsum([0, *(len(hour) * checks for hour in hours)]).tolist()
        said_at, commit = np.repeat(emitted, checks), np.repeat(at + SECOND, checks)
        return [
            Batch(said_at[low:high], commit[low:high], records.slice(low, high - low)) for low, high in itertools.pairwise(edges)
        ]

    def document(self, now_us: int) -> tuple[dict[str, Any], bool]:
        """The health+json body now, and whether the platform fails."""
        answers = self._answers(np.array([now_us // TICK * TICK], dtype=np.int64), np.array([now_us], dtype=np.int64))
        time = text_of_one(now_us + skew_us(self.log, now_us))
        statuses, values, outputs = (column[0].tolist() for column in (answers.statuses, answers.values, answers.outputs))
        found: dict[str, list[dict[str, Any]]] = {}
        for shape, status, value, output in zip(self.shape.checks, statuses, values, outputs, strict=True):
            found.setdefault(f"{shape.component}:{shape.check}", []).append(
                {
                    "componentId": shape.component,
                    "observedValue": orjson.loads(json_number(value)),
                    "observedUnit": shape.unit,
                    "status": STATUSES[status],
                    "time": time,
                    "output": output,
                }
            )
        worst = STATUSES[max(statuses, default=0)]
        issues = [output for status, output in zip(statuses, outputs, strict=True) if status]
        body = {"status": worst, "version": self.shape.version, "time": time, "output": "; ".join(issues), "checks": found}
        return body, worst == "fail"

    def _ticks(self, hour: int) -> Ints:
        ticks = self.cadence.ticks(hour)
        # A short incident would fall between hourly checks: around one, checks are a minute apart.
        begin, end = hour * HOUR, (hour + 1) * HOUR
        extra = [
            np.arange(max(begin, a.from_us - 2 * MINUTE), min(end, a.to_us + 2 * MINUTE, self.cadence.fine_from_us), MINUTE)
            for a in self.log.effects(begin - 2 * MINUTE, end + 2 * MINUTE)
            if a.effect.health and a.to_us != FOREVER
        ]
        dense = np.concatenate(extra) if extra else np.empty(0, dtype=np.int64)
        found: Ints = np.union1d(ticks, (dense[dense % MINUTE == 0] - begin) // TICK)
        return found

    def _answers(self, ticks: Ints, at: Ints) -> Answers:
        """Every check at every tick; `at` are the instants at which faults are asked, when they are not the ticks."""
        readings = self.model.values(ticks)
        values: Grid = readings[self._rows].T.copy()
        for check, divisor in self._divisors:
            by = readings[divisor]
            values[:, check] = [
                round(v / d, 6) if d else float("nan") for v, d in zip(values[:, check].tolist(), by.tolist(), strict=True)
            ]
        statuses = self._beyond(values, self._warn).astype(np.int64)
        statuses[self._beyond(values, self._fail)] = 2
        missing = np.isnan(values)
        statuses[missing] = 1
        outputs = np.full(values.shape, "", dtype=object)
        for row, check in zip(*np.nonzero(statuses), strict=True):
            shape, value = self.shape.checks[check], float(values[row, check])
            said = f"{shape.check}: no reading" if value != value else shape.words.format(value=f"{value:g}", unit=shape.unit)
            outputs[row, check] = said
        for active in self.log.effects(int(at.min()), int(at.max()) + 1):
            health = active.effect.health
            if health is None:
                continue
            named = [check.component == health.component and health.check in (None, check.check) for check in self.shape.checks]
            cells = np.ix_(within(active, at), named)
            statuses[cells] = STATUSES.index(health.status)
            outputs[cells] = health.output
        return Answers(statuses, values, outputs)

    def _beyond(self, values: Grid, edge: Grid) -> Any:
        return np.where(self._above, values >= edge, values <= edge)

    def _is_skewed(self, at: Ints) -> bool:
        return any(a.effect.clock for a in self.log.effects(int(at.min()), int(at.max()) + 1))


def _row(model: SeriesModel, name: str, labels: dict[str, str]) -> int:
    row = model.index(name, labels)
    if row is None:
        raise ValueError(f"no series {name} with labels {labels}")
    return row
