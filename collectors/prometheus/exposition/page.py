"""What a page says: its families, its series, their values and, where it gives them, their times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from collectors.prometheus.exposition.content_type import Format
from collectors.prometheus.exposition.refusal import PageRefused
from collectors.prometheus.exposition.value_rules import ValueRules

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name. A label with an empty value is left out: it means the same as no label."""
Series = tuple[str, Labels]
"""A sample's name as exposed, and its labels."""


@dataclass(slots=True)
class Family:
    """The samples that share one line of metadata; `samples` counts them. `type` is `unknown` where the page does not say."""

    name: str
    line: int
    type: str = "unknown"
    help: str | None = None
    unit: str | None = None
    samples: int = 0


@dataclass(slots=True, eq=False)
class Structure:
    """Everything of a page but its values. Two pages that differ in nothing but values have one and the same structure object."""

    format: Format
    families: list[Family]
    series: list[Series]
    """One for each sample line."""
    lines: list[int]
    """The line number of each sample."""
    rules: ValueRules = field(default_factory=ValueRules)
    times_s: list[Decimal | None] | None = None
    """Each sample's own time in Unix seconds, None where it has none; None as a whole where no sample has one."""
    exemplars: int = 0
    plain: bool = True
    """Whether every sample line is its series, one blank and its value: then the values are all that can change."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page that was taken. `values[i]` belongs to `structure.series[i]`."""

    structure: Structure
    values: npt.NDArray[np.float64]


class TooManySeries(PageRefused):
    """A page holds more samples than its target may have. `samples` is how many; `label` the one that takes the most values, if any."""

    def __init__(self, samples: int, limit: int, seen: Sequence[Series]) -> None:
        self.samples = samples
        name, label, values = exploding(seen)
        self.label = label
        where = f"; label {label!r} of {name} takes {values:,} values among the first {len(seen):,}" if label else ""
        hint = "drop the label at the source, or raise max_series of the source"
        super().__init__(0, f"{samples:,} samples, more than the {limit:,} this target may have{where}", hint)


def exploding(seen: Sequence[Series]) -> tuple[str, str, int]:
    """The biggest name of `seen`, its label with the most distinct values, and how many those are."""
    if not seen:
        return "", "", 0
    biggest, _ = Counter(name for name, _ in seen).most_common(1)[0]
    values: dict[str, set[str]] = {}
    for name, labels in seen:
        if name == biggest:
            for label, value in labels:
                values.setdefault(label, set()).add(value)
    if not values:
        return biggest, "", 0
    label = max(values, key=lambda each: (len(values[each]), each))
    return biggest, label, len(values[label])


def refuse_if_more(series: Sequence[Series], limit: int, lines: Sequence[str]) -> None:
    """Raises TooManySeries when there are more samples than `limit`; `lines` is the whole page."""
    if len(series) > limit:
        raise TooManySeries(sum(1 for line in lines if line[:1] not in ("#", "")), limit, series)
