"""Every target of a platform beside its reading: met, not met, or why nobody can say. Pages and reports show these rows.

A limit is a target whose reading is measured: met while it is not exhausted. An error budget is shown as what it stands for, the
share of good events (1 − share of bad ones allowed × used ÷ allowed). What no limit holds is declared, or has no source yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from roomleft.limits import Direction, Headroom, State
from roomleft.packs import Pack
from roomleft.packs_parts import LimitSpec, Target


class Met(StrEnum):
    """Whether a target is met, or why that cannot be told."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    DECLARED = "declared"
    NO_SOURCE = "no source"


FACTORS = {
    ("ms", "seconds"): Decimal("0.001"),
    ("seconds", "ms"): Decimal(1000),
    ("seconds", "minutes"): 1 / Decimal(60),
    ("minutes", "seconds"): Decimal(60),
    ("minutes", "hours"): 1 / Decimal(60),
    ("hours", "minutes"): Decimal(60),
    ("ratio", "percent"): Decimal(100),
    ("percent", "ratio"): Decimal("0.01"),
    ("gb", "tb"): Decimal("0.001"),
    ("tb", "gb"): Decimal(1000),
}
WORST_FIRST = (Met.NOT_MET, Met.UNKNOWN, Met.MET, Met.NO_SOURCE, Met.DECLARED)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target. `reading` is in the target's unit, None when nothing measures it; `why` says why not, or what the reading is.

    `state_id` is the state of the platform the target holds in (today, goal); `design` what the design says, word for word;
    `over` the window its reading covers, None for the present.
    """

    platform: str
    target_id: str
    title: str
    state_id: str
    state_title: str
    value: Decimal
    unit: str
    at_least: bool
    reading: Decimal | None
    met: Met
    why: str
    assumed: bool
    design: tuple[str, ...]
    over: timedelta | None
    observed_at: datetime | None
    limit_id: str | None

    def as_dict(self) -> dict[str, Any]:
        """The row for programs."""
        return {
            "target": self.target_id,
            "title": self.title,
            "state": self.state_id,
            "value": self.value,
            "unit": self.unit,
            "direction": "at_least" if self.at_least else "at_most",
            "reading": self.reading,
            "met": str(self.met),
            "why": self.why,
            "assumed": self.assumed,
            "design": list(self.design),
            "observed_at": self.observed_at,
            "limit_id": self.limit_id,
        }


def target_rows(pack: Pack, headrooms: Mapping[str, Headroom]) -> list[TargetRow]:
    """Every target of `pack`, what needs somebody first. `headrooms` are the limits' newest ones by limit id, as believed."""
    design: dict[str, list[str]] = {}
    for figure in pack.figures:
        if figure.limit is not None and figure.source not in design.setdefault(figure.limit, []):
            design[figure.limit].append(figure.source)
    rows = [
        _of_limit(pack, spec, headrooms.get(f"{pack.slug}.{spec.id}"), tuple(design.get(spec.id, ()))) for spec in pack.limits
    ]
    rows += [_of_target(pack, target, headrooms) for target in pack.targets]
    return sorted(rows, key=lambda row: WORST_FIRST.index(row.met))


def _of_limit(pack: Pack, spec: LimitSpec, headroom: Headroom | None, design: tuple[str, ...]) -> TargetRow:
    at_least = spec.direction is Direction.AT_LEAST
    state_id = spec.state or next(iter(pack.states))
    over = spec.window.rolling if spec.window is not None else None
    value, unit, reading, why = pack.amount_of(spec), spec.unit, None, "not measured yet"
    met = Met.UNKNOWN
    if headroom is not None:
        why, reading = headroom.reason, headroom.used
        value = headroom.amount if spec.amount_per is not None and headroom.state is not State.UNKNOWN else value
        if headroom.state is not State.UNKNOWN:
            met = Met.NOT_MET if headroom.state is State.EXHAUSTED else Met.MET
        else:
            reading = None
    if spec.objective_percent is not None:
        at_least, unit, value = True, "percent", spec.objective_percent
        reading = _good_percent(spec.objective_percent, headroom) if met is not Met.UNKNOWN else None
    return TargetRow(
        pack.slug, spec.id, spec.title, state_id, pack.states[state_id].title, value, unit, at_least, reading, met, why, spec.assumed,
        design, over, headroom.observed_at if headroom else None, f"{pack.slug}.{spec.id}",
    )  # fmt: skip


def _good_percent(objective: Decimal, headroom: Headroom | None) -> Decimal | None:
    """The share of good events in percent that an error budget's use stands for; None without a budget to measure by."""
    if headroom is None or headroom.used is None or headroom.amount <= 0:
        return None
    return 100 - (100 - objective) * headroom.used / headroom.amount


def _of_target(pack: Pack, target: Target, headrooms: Mapping[str, Headroom]) -> TargetRow:
    met = Met.DECLARED if target.declared else Met.NO_SOURCE
    state_id, at_least, reading, over, observed_at = _state_of(pack, target), False, None, None, None
    if target.limit is not None and not target.declared:
        # The limit tells the reading; the target has an amount of its own.
        spec = pack.limit_spec(target.limit)
        told = _of_limit(pack, spec, headrooms.get(f"{pack.slug}.{spec.id}"), ())
        at_least, over, observed_at, met = told.at_least, told.over, told.observed_at, Met.UNKNOWN
        reading = _in_unit(told.reading, told.unit, target.unit)
        if reading is not None:
            met = Met.MET if (reading >= target.value if at_least else reading <= target.value) else Met.NOT_MET
    return TargetRow(
        pack.slug, target.id, target.title, state_id, pack.states[state_id].title, target.value, target.unit, at_least, reading, met,
        target.why, False, (), over, observed_at, f"{pack.slug}.{target.limit}" if target.limit else None,
    )  # fmt: skip


def _in_unit(reading: Decimal | None, unit: str, wanted: str) -> Decimal | None:
    """A reading in another unit of the same thing; None where the two cannot be compared."""
    if reading is None or unit == wanted:
        return reading
    factor = FACTORS.get((unit, wanted))
    return None if factor is None else reading * factor


def _state_of(pack: Pack, target: Target) -> str:
    """The state of the figure that speaks of the target; else the pack's last state, since a target is what is aimed at."""
    named = f"targets.{target.id}."
    return next((figure.state for figure in pack.figures if named in figure.computed), list(pack.states)[-1])
