"""How far a component is from its scaling triggers. Pure.

The use comes from the component's signal that tells a share in use, in per cent or as a ratio: `use`, `util` or `capacity` in its
name first. The share of parts that are past it comes from the signal whose threshold is the rule's share, where the platform
counts them itself; else they are counted here. A part that has gone silent was taken away, or nobody knows: it is left out. How many parts run comes from the limit that a figure names for the scaling's most,
else from the one signal in the scaling's unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from analytics.health import silent_after
from analytics.signals import GAP_STEPS, QUANTILE, Drawn, draw
from roomleft.limits import Headroom, State
from roomleft.packs import Pack
from roomleft.packs_parts import Scaling, ScalingRule, Signal

USE = re.compile(r"use|util|capacity|load")
SHARES = {"ratio": 100.0, "percent": 1.0}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A rule beside its reading: `reading` and `threshold` in percent, `distance` in points until it fires (0 or less: it holds).

    With a share the reading is how many per cent of the parts are past `use_percent`; without one it is the mean use.
    """

    side: str
    use_percent: float
    share_percent: float | None
    hold: timedelta | None
    reading: float | None
    distance: float | None
    parts: int

    @property
    def threshold(self) -> float:
        """What the reading has to pass."""
        return self.share_percent if self.share_percent is not None else self.use_percent


@dataclass(frozen=True, slots=True)
class ScalingRow:
    """A scaling rule set of one component and where it stands; `missing` says why there is no reading."""

    scaling_id: str
    title: str
    component: str
    unit: str
    running: float | None
    fewest: float | None
    most: float | None
    cooldown: timedelta | None
    up: Trigger | None
    down: Trigger | None
    series: str
    observed_at: datetime | None
    missing: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row for programs."""

        def told(trigger: Trigger | None) -> dict[str, Any] | None:
            if trigger is None:
                return None
            return {
                "reading_percent": trigger.reading,
                "threshold_percent": trigger.threshold,
                "distance_points": trigger.distance,
                "parts": trigger.parts,
            }

        return {
            "scaling": self.scaling_id, "title": self.title, "component": self.component, "running": self.running, "fewest": self.fewest,
            "most": self.most, "unit": self.unit, "up": told(self.up), "down": told(self.down), "series": self.series,
            "observed_at": self.observed_at, "missing": self.missing,
        }  # fmt: skip


def use_signal(pack: Pack, scaling: Scaling) -> Signal | None:
    """The signal that says how much of each part is in use."""
    own = [each for each in pack.signals if each.component == scaling.component and each.unit in SHARES and each.by != QUANTILE]
    own = [each for each in own if each.show == "value"]
    return min(own, key=lambda each: (USE.search(each.series) is None, each.by is None), default=None)


def share_signal(pack: Pack, scaling: Scaling, rule: ScalingRule | None) -> Signal | None:
    """The signal that says itself which share of the parts is past the rule's use: its threshold is the rule's share."""
    if rule is None or rule.share_percent is None:
        return None
    for signal in pack.signals:
        line = pack.thresholds.get(signal.threshold) if signal.threshold else None
        if line is None or signal.component != scaling.component or signal.unit not in SHARES:
            continue
        if line.unit == "percent" and line.amount == rule.share_percent and line.side == rule.side:
            return signal
    return None


def count_signal(pack: Pack, scaling: Scaling) -> Signal | None:
    """The one signal of the component that says how many parts run. Of several scalings it is the widest's: it counts them all."""
    rivals = [each for each in pack.scaling.values() if each.component == scaling.component and each.unit == scaling.unit]
    if any((each.most or 0) > (scaling.most or 0) for each in rivals):
        return None
    own = [
        each
        for each in pack.signals
        if each.unit == scaling.unit and each.component == scaling.component and each.show == "value"
    ]
    return own[0] if len(own) == 1 else None


def count_limit(pack: Pack, scaling_id: str) -> str | None:
    """The limit whose amount a figure takes from the scaling's most: its reading is how many parts run."""
    spoken = f"scaling.{scaling_id}.most"
    return next((figure.limit for figure in pack.figures if figure.computed.strip() == spoken and figure.limit), None)


def signals_of(pack: Pack) -> list[Signal]:
    """Every signal that scaling speaks of."""
    found: list[Signal | None] = []
    for each in pack.scaling.values():
        found += [
            use_signal(pack, each),
            count_signal(pack, each),
            share_signal(pack, each, each.up),
            share_signal(pack, each, each.down),
        ]
    return [signal for signal in found if signal is not None]


def scaling_rows(
    pack: Pack, rows: Sequence[Mapping[str, Any]], step_s: int, headrooms: Mapping[str, Headroom] | None = None, *, now: datetime
) -> list[ScalingRow]:
    """Where every scaling of `pack` stands, from rows of `page_samples_*` and the limits' newest headroom by limit id."""
    oldest = now - max(silent_after(pack), GAP_STEPS * timedelta(seconds=step_s))
    return [
        _row(pack, scaling_id, scaling, rows, step_s, headrooms or {}, oldest) for scaling_id, scaling in pack.scaling.items()
    ]


def _row(
    pack: Pack,
    scaling_id: str,
    scaling: Scaling,
    rows: Sequence[Mapping[str, Any]],
    step_s: int,
    headrooms: Mapping[str, Headroom],
    oldest: datetime,
) -> ScalingRow:
    use, count = use_signal(pack, scaling), count_signal(pack, scaling)
    values: list[float] = []
    at, missing, series = None, "", ""
    if scaling.up is None and scaling.down is None:
        missing = "the pack names no trigger"
    elif use is None:
        missing = f"no signal of {scaling.component} tells its use"
    else:
        series = use.series
        drawn = draw(use, rows, step_s)
        at = drawn.newest_at
        known = [name for name in drawn.lines if drawn.line_at[name] >= oldest]
        values = [value * SHARES[use.unit] for name in known if (value := drawn.last(name)) is not None]
        missing = "" if values else f"no {use.series} since {at:%H:%M} UTC" if at else f"no {use.series} in this time"
    named = headrooms.get(f"{pack.slug}.{count_limit(pack, scaling_id)}")
    if named is not None:
        running = _float(named.used) if named.state is not State.UNKNOWN else None
    else:
        running = _newest(draw(count, rows, step_s), oldest) if count is not None else None
    shares = {
        side: newest * SHARES[signal.unit]
        for side, rule in (("up", scaling.up), ("down", scaling.down))
        if (signal := share_signal(pack, scaling, rule)) is not None
        and (newest := _newest(draw(signal, rows, step_s), oldest)) is not None
    }
    return ScalingRow(
        scaling_id, scaling.title, scaling.component, scaling.unit, running, _float(scaling.fewest), _float(scaling.most), scaling.cooldown,
        _trigger(scaling.up, values, shares.get("up")), _trigger(scaling.down, values, shares.get("down")), series, at, missing,
    )  # fmt: skip


def _trigger(rule: ScalingRule | None, values: Sequence[float], told: float | None) -> Trigger | None:
    if rule is None:
        return None
    use, share = float(rule.use_percent), _float(rule.share_percent)
    reading = told
    distance = None
    if reading is None and values:
        past = sum(value >= use if rule.side == "above" else value < use for value in values)
        reading = 100 * past / len(values) if share is not None else fmean(values)
    if reading is not None:
        # A share of parts is always counted upwards: so many are past their use.
        upwards = share is not None or rule.side == "above"
        bound = share if share is not None else use
        distance = bound - reading if upwards else reading - bound
    return Trigger(rule.side, use, share, rule.hold, reading, distance, len(values))


def _newest(drawn: Drawn, oldest: datetime) -> float | None:
    """The newest value, if it is no older than that."""
    return drawn.newest if drawn.newest_at is not None and drawn.newest_at >= oldest else None


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
