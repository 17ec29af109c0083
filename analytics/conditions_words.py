"""Lines that readings are compared with, for whole columns at once, and what comparisons say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np

from analytics.conditions_board import HOLDS, NOT, UNTOLD, Truth
from analytics.conditions_tape import Floats
from analytics.wording import amount_text, span_text
from roomleft.errors import PackError
from roomleft.packs import Pack
from roomleft.rules_when import Bound

SIDE_WORDS = {
    ("above", True): "above",
    ("above", False): "not above",
    ("below", True): "below",
    ("below", False): "not below",
    ("at_least", True): "at or above",
    ("at_least", False): "below",
    ("at_most", True): "at or below",
    ("at_most", False): "above",
}


@dataclass(frozen=True)
class Line:
    """A line and its side; `clear` where an alert that fires clears at another one."""

    side: str
    amount: Decimal
    clear: Decimal
    unit: str = ""

    @classmethod
    def of(cls, bound: Bound, pack: Pack | None, unit: str = "") -> Line:
        """The line of a condition: its own, or the pack's threshold that it names. Raises PackError for one that is not there."""
        named = getattr(bound, "threshold", None)
        if named is not None:
            threshold = pack.thresholds.get(named) if pack is not None else None
            if threshold is None:
                raise PackError(f"there is no threshold '{named}'", pack.slug if pack is not None else "")
            return cls(
                threshold.side, threshold.amount, bound.clear if bound.clear is not None else threshold.amount, threshold.unit
            )
        assert bound.side is not None, "the model lets exactly one side through"
        return cls(bound.side, bound.line, bound.clear if bound.clear is not None else bound.line, unit)

    def truth(self, values: Floats) -> tuple[Truth, Truth]:
        """Whether readings are beyond the line, and whether they are for an alert that fires. Not a number: it cannot be told."""
        return self._beyond(values, float(self.amount)), self._beyond(values, float(self.clear))

    def _beyond(self, values: Floats, line: float) -> Truth:
        return _truth(self.side, values, line)

    def words(self, value: Decimal, *, holds: bool) -> str:
        """`31.2 s, above 30 s`."""
        return f"{amount_text(value, self.unit)}, {SIDE_WORDS[self.side, holds]} {amount_text(self.amount, self.unit)}"


def truths(lines: Sequence[Line], rows: Sequence[int], values: Floats) -> tuple[Truth, Truth]:
    """The same for several lines at once: each speaks of so many rows of the values, in order."""
    holds, still = np.zeros(values.shape, dtype=np.int8), np.zeros(values.shape, dtype=np.int8)
    sides = np.repeat([line.side for line in lines], rows)
    amounts = np.repeat([float(line.amount) for line in lines], rows)
    clears = np.repeat([float(line.clear) for line in lines], rows)
    for side in dict.fromkeys(line.side for line in lines):
        mine = np.flatnonzero(sides == side)
        holds[mine] = _truth(side, values[mine], amounts[mine][:, None])
        still[mine] = _truth(side, values[mine], clears[mine][:, None])
    return holds, still


def _truth(side: str, values: Floats, line: float | Floats) -> Truth:
    with np.errstate(invalid="ignore"):
        match side:
            case "above":
                beyond = values > line
            case "below":
                beyond = values < line
            case "at_least":
                beyond = values >= line
            case _:
                beyond = values <= line
    found: Truth = np.where(np.isnan(values), UNTOLD, np.where(beyond, HOLDS, NOT)).astype(np.int8)
    return found


def exact(value: float) -> Decimal:
    """A float as the decimal that a person would write for it."""
    return Decimal(repr(float(value)))


def labels_text(labels: Mapping[str, str]) -> str:
    """`r3`, or `eu, r3`: the values of labels, in the order of their names."""
    return ", ".join(labels[name] for name in sorted(labels) if labels[name])


def said(subject: str, line: Line, value: Decimal, over_time: str, over: timedelta, *, holds: bool) -> str:
    """`lag of r3 is 31.2 s, above 30 s (mean of the last 5 min)`, or `failures rose by 3 in the last 5 min, above 2`."""
    span = span_text(over)
    beyond = f"{SIDE_WORDS[line.side, holds]} {amount_text(line.amount, line.unit)}"
    if over_time == "increase":
        return f"{subject} rose by {amount_text(value, line.unit)} in the last {span}, {beyond}"
    if over_time == "rate":
        return f"{subject} rises by {amount_text(value, line.unit)} a second over the last {span}, {beyond}"
    taken = {
        "mean": f" (mean of the last {span})",
        "max": f" (highest of the last {span})",
        "min": f" (lowest of the last {span})",
    }
    return f"{subject} is {amount_text(value, line.unit)}, {beyond}{taken.get(over_time, '')}"
