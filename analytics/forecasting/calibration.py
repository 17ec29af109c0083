"""What the record of past claims does to new ones: ranges widened or narrowed, probabilities mapped. Without enough record, nothing.

Ranges: the factor is the conformal quantile of |outcome - middle| over the half range that was said, so that 80 % would have been inside.
Probabilities: isotonic regression of what happened on what was said (scikit-learn), mixed with what was said by how much record there is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BANDS = (2, 10, 35)
"""Days: a claim belongs to the first band that reaches as far as it speaks; beyond the last there is one more."""
LEVEL = 0.8
ENOUGH_RANGES = 50
ENOUGH_PROBABILITIES = 200
STRETCHES_OF_RANGES, STRETCHES_OF_PROBABILITIES = 12.0, 24.0
NARROWEST, WIDEST = 0.6, 2.5
EDGE = 0.002
ALL = ""
"""The metric under which every metric's record is pooled."""
KNOTS = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Factors of ranges and maps of probabilities, by metric and band of days. Empty: everything is said as it was drawn.

    `widths[metric, band]` multiplies a range about its middle. `maps[metric, band]` is what a probability of 0, 0.05 … 1 becomes.
    """

    widths: Mapping[tuple[str, int], float] = field(default_factory=dict)
    maps: Mapping[tuple[str, int], tuple[float, ...]] = field(default_factory=dict)

    def width(self, metric: str, days: float) -> float:
        """By how much a range so far ahead is widened: the metric's own factor, else that of all, else 1."""
        band = band_of(days)
        return self.widths.get((metric, band), self.widths.get((ALL, band), 1.0))

    def probability(self, metric: str, days: float, said: Floats | float) -> Floats:
        """Probabilities as the record says they should have been said; monotone, never exactly 0 or 1."""
        band = band_of(days)
        knots = self.maps.get((metric, band), self.maps.get((ALL, band)))
        found = np.asarray(said, dtype=np.float64)
        return found if knots is None else np.clip(np.interp(found, KNOTS, knots), EDGE, 1 - EDGE)

    def probabilities(self, metric: str, days: float, draws: int) -> Floats:
        """What is said when 0, 1 … `draws` of so many draws cross."""
        return self.probability(metric, days, (np.arange(draws + 1) + 0.5) / (draws + 1))

    def as_json(self) -> dict[str, Any]:
        """For storing; `Calibration.of_json` reads it."""
        return {
            "widths": [[metric, band, factor] for (metric, band), factor in sorted(self.widths.items())],
            "maps": [[metric, band, list(knots)] for (metric, band), knots in sorted(self.maps.items())],
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Calibration:
        """What `as_json` gave."""
        return cls(
            {(metric, band): float(factor) for metric, band, factor in stored.get("widths", ())},
            {(metric, band): tuple(map(float, knots)) for metric, band, knots in stored.get("maps", ())},
        )


def band_of(days: float) -> int:
    """The number of the band that a claim about so many days ahead belongs to."""
    return int(np.searchsorted(BANDS, days, side="left"))


def learn(claims: Iterable[Mapping[str, Any]]) -> Calibration:
    """A calibration from scored claims.

    Each has `metric`, `horizon_days`, `about_to`, `outcome` and either `probability` or `low`, `middle`, `high`. Claims that were themselves calibrated also
    have `width` (the factor then used) and `uncalibrated` (the probability before its map), or the `details` of their run that tell both, so that
    corrections do not chase each other. Odd rows are passed over.

    What counts is not the claims but the stretches of time they speak of: all claims about one month share its shocks. A record of few stretches
    changes nothing, a longer one by stretches / (stretches + the least number needed).
    """
    ranges: dict[tuple[str, int], _Record] = {}
    said: dict[tuple[str, int], _Record] = {}
    for claim in claims:
        outcome, days = _number(claim.get("outcome")), _number(claim.get("horizon_days"))
        if outcome is None or days is None:
            continue
        told = _told(str(claim.get("details") or "{}"))
        keys = [(metric, band_of(days)) for metric in {str(claim["metric"]), ALL}]
        probability = _number(claim.get("probability"))
        if probability is not None:
            before = _number(claim.get("uncalibrated", told.get("limits", {}).get(str(claim.get("subject")))))
            value = min(max(probability if before is None else before, 0.0), 1.0)
            pair = (value, float(outcome > 0.5))
            for key in keys:
                said.setdefault(key, _Record()).add(pair, claim.get("about_to"), days)
            continue
        width = _number(claim.get("width", _width_told(told.get("width", {}), days))) or 1.0
        score = _range_score(claim, outcome, width)
        if score is not None:
            for key in keys:
                ranges.setdefault(key, _Record()).add((score, 0.0), claim.get("about_to"), days)
    widths = {key: _factor(one) for key, one in ranges.items() if one.enough(ENOUGH_RANGES, STRETCHES_OF_RANGES)}
    maps = {key: _map(one) for key, one in said.items() if one.enough(ENOUGH_PROBABILITIES, STRETCHES_OF_PROBABILITIES)}
    return Calibration(widths, {key: knots for key, knots in maps.items() if knots})


@dataclass(slots=True)
class _Record:
    """Scores of one metric and band, and the time that they speak of."""

    values: list[tuple[float, float]] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    days: float = 0.0

    def add(self, value: tuple[float, float], about_to: object, days: float) -> None:
        self.values.append(value)
        self.days += days
        if isinstance(about_to, datetime):
            self.first = about_to if self.first is None else min(self.first, about_to)
            self.last = about_to if self.last is None else max(self.last, about_to)

    @property
    def stretches(self) -> float:
        """How many times as long as a claim the time is that the record covers."""
        if self.first is None or self.last is None:
            return 0.0
        mean = max(self.days / len(self.values), 1.0)
        return 1 + (self.last - self.first) / timedelta(days=1) / mean

    def enough(self, claims: int, stretches: float) -> bool:
        return len(self.values) >= claims and self.stretches >= stretches


@lru_cache(maxsize=4096)
def _told(details: str) -> Mapping[str, Any]:
    """What a run told of its own calibration."""
    try:
        found = json.loads(details)
    except ValueError:
        return {}
    return {name: found[name] for name in ("width", "limits") if isinstance(found, dict) and isinstance(found.get(name), dict)}


def _width_told(widths: Mapping[str, Any], days: float) -> object:
    """The factor that a run told for the band that so many days ahead belong to."""
    exact = widths.get(str(int(days)))
    return (
        exact
        if exact is not None
        else next((width for told, width in widths.items() if band_of(float(told)) == band_of(days)), None)
    )


def _number(value: object) -> float | None:
    if value is None:
        return None
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _range_score(claim: Mapping[str, Any], outcome: float, width: float) -> float | None:
    """How far out the outcome was, in half ranges as they were before any factor; each side by its own half."""
    low, middle, high = (_number(claim.get(name)) for name in ("low", "middle", "high"))
    if low is None or middle is None or high is None:
        return None
    half = (high - middle if outcome >= middle else middle - low) / width
    if half <= 0:
        return 0.0 if outcome == middle else None
    return abs(outcome - middle) / half


def _factor(record: _Record) -> float:
    scores = np.array(record.values)[:, 0]
    place = min(1.0, math.ceil((len(scores) + 1) * LEVEL) / len(scores))
    weight = record.stretches / (record.stretches + STRETCHES_OF_RANGES)
    found = float(np.quantile(scores, place))
    return float(np.clip(math.exp(weight * math.log(max(found, 1e-6))), NARROWEST, WIDEST))


def _map(record: _Record) -> tuple[float, ...]:
    """The map's values at the knots; empty where the record has but one outcome."""
    pairs = np.array(record.values)
    if len(np.unique(pairs[:, 1])) < 2:
        return ()
    from sklearn.isotonic import IsotonicRegression  # slow to import, and seldom needed

    found = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(pairs[:, 0], pairs[:, 1])
    weight = record.stretches / (record.stretches + STRETCHES_OF_PROBABILITIES)
    mixed = weight * found.predict(KNOTS) + (1 - weight) * KNOTS
    return tuple(float(value) for value in np.clip(mixed, EDGE, 1 - EDGE))
