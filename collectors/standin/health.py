"""The /health document and the /health-history feed: checks over the same readings, with the issue in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from collectors.standin.faults import FOREVER, ActiveEffect, FaultLog, skew_us
from collectors.standin.feed import EMPTY, Batch
from collectors.standin.instants import HOUR, MINUTE, SECOND, Grid, Ints, text_of, text_of_one
from collectors.standin.samples import Cadence, json_number
from collectors.standin.series import TICK, SeriesModel
from roomleft.packs_standin import CheckShape, StandinShape

STATUSES = ("pass", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Check:
    """One check's answer. `value` is NaN where the reading is."""

    shape: CheckShape
    status: str
    value: float
    output: str


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
        self._rows = [_row(model, check.series, check.labels) for check in shape.checks]
        self._divisors = [_row(model, check.divide_by, {}) if check.divide_by else None for check in shape.checks]

    def version(self, slot: int) -> object:
        """The faults that meet the hour."""
        return self.log.windows(slot * HOUR, (slot + 1) * HOUR)

    def batch(self, slot: int) -> Batch:
        """An hour's checks as records."""
        ticks = self._ticks(slot)
        if not len(ticks) or not self.shape.checks:
            return EMPTY
        at = slot * HOUR + ticks * TICK
        emitted = at + np.array([skew_us(self.log, int(t)) for t in at], dtype=np.int64)
        times = text_of(emitted)
        records = [
            (
                f'{{"observed_at":"{time}",'
                + orjson.dumps({"component": c.shape.component, "check": c.shape.check, "status": c.status}).decode()[1:-1]
                + f',"value":{json_number(c.value)},'
                + orjson.dumps({"unit": c.shape.unit, "output": c.output}).decode()[1:]
            ).encode()
            for time, checks in zip(times, self._answers(slot, ticks), strict=True)
            for c in checks
        ]
        n = len(self.shape.checks)
        return Batch(np.repeat(emitted, n), np.repeat(at + SECOND, n), records)

    def document(self, now_us: int) -> tuple[dict[str, Any], bool]:
        """The health+json body now, and whether the platform fails."""
        tick_us = now_us // TICK * TICK
        hour, tick = tick_us // HOUR, tick_us % HOUR // TICK
        checks = self._answers(hour, np.array([tick], dtype=np.int64), [now_us])[0]
        time = text_of_one(now_us + skew_us(self.log, now_us))
        worst = max((c.status for c in checks), key=STATUSES.index, default="pass")
        issues = [c.output for c in checks if c.status != "pass"]
        found: dict[str, list[dict[str, Any]]] = {}
        for c in checks:
            found.setdefault(f"{c.shape.component}:{c.shape.check}", []).append(
                {
                    "componentId": c.shape.component,
                    "observedValue": orjson.loads(json_number(c.value)),
                    "observedUnit": c.shape.unit,
                    "status": c.status,
                    "time": time,
                    "output": c.output,
                }
            )
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

    def _answers(self, hour: int, ticks: Ints, exact_us: list[int] | None = None) -> list[list[Check]]:
        """Every check at every tick; `exact_us` are the instants at which faults are asked, when they are not the ticks'."""
        values = self.model.values(hour, ticks)
        at = exact_us or (hour * HOUR + ticks * TICK).tolist()
        told = [a for a in self.log.effects(min(at), max(at) + 1) if a.effect.health]
        numbers = range(len(self.shape.checks))
        return [[self._answer(i, values[:, t], instant, told) for i in numbers] for t, instant in enumerate(at)]

    def _answer(self, number: int, values: Grid, at_us: int, told: list[ActiveEffect]) -> Check:
        shape = self.shape.checks[number]
        value = float(values[self._rows[number]])
        divisor = self._divisors[number]
        if divisor is not None:
            value = round(value / float(values[divisor]), 6) if values[divisor] else float("nan")
        beyond = [value >= edge if shape.worse_above else value <= edge for edge in (shape.warn, shape.fail)]
        status = STATUSES[2 if beyond[1] else int(beyond[0])]
        if value != value:
            status, output = "warn", f"{shape.check}: no reading"
        else:
            output = "" if status == "pass" else shape.words.format(value=f"{value:g}", unit=shape.unit)
        for active in told:
            health = active.effect.health
            if (
                health
                and active.from_us <= at_us < active.to_us
                and health.component == shape.component
                and health.check in (None, shape.check)
            ):
                status, output = health.status, health.output
        return Check(shape, status, value, output)


def _row(model: SeriesModel, name: str, labels: dict[str, str]) -> int:
    row = model.index(name, labels)
    if row is None:
        raise ValueError(f"no series {name} with labels {labels}")
    return row
