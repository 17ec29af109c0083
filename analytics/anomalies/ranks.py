"""How rare a score is among those before it, in one series after another."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 28
"""With fewer scores before it nothing is said of one."""
MOST = 20_000
"""So many of the newest scores are remembered."""
TAIL = 0.05
"""The greatest share of scores, whose tail is drawn on beyond what has been seen."""
FEWEST_IN_TAIL = 10
LEAST_LINE = 1.0
"""In scales: where a tail begins at the least, so that a series that never moves has one."""
LEAST_SHAPE = 0.05
"""The shape of the thinnest tail that is believed."""


@dataclass(slots=True)
class _Record:
    """The scores of one series so far: by their size, by their value where bounds are asked for, and as they came."""

    sizes: list[float] = field(default_factory=list)
    signed: list[float] = field(default_factory=list)
    came: deque[float] = field(default_factory=deque)

    def p_value(self, size: float) -> float:
        """How likely a score of this size or more is."""
        m = len(self.sizes)
        k = min(max(FEWEST_IN_TAIL, int(TAIL * m)), m // 2)
        line = max(self.sizes[m - k], LEAST_LINE)
        if size <= line:
            return (1 + m - bisect_left(self.sizes, size)) / (m + 1)
        shape = max(float(np.log(np.maximum(self.sizes[m - k :], line) / line).mean()), LEAST_SHAPE)
        tail: float = k / m * (line / size) ** (1 / shape)
        return tail

    def add(self, score: float, *, bounds: bool) -> None:
        """Remember a score, and forget the oldest where there are too many."""
        insort(self.sizes, abs(score))
        self.came.append(score)
        if bounds:
            insort(self.signed, score)
        if len(self.came) > MOST:
            old = self.came.popleft()
            del self.sizes[bisect_left(self.sizes, abs(old))]
            if bounds:
                del self.signed[bisect_left(self.signed, old)]


class Ranks:
    """The scores so far of many series. `bounds`: of the newest call, the 5 % and 95 % points of the signed scores before each."""

    def __init__(self, series: int, *, with_bounds: bool = False) -> None:
        self._records = [_Record() for _ in range(series)]
        self._with_bounds = with_bounds
        self.bounds: tuple[Floats, Floats] = (np.zeros((0, series)), np.zeros((0, series)))

    def p_values(self, scores: Floats) -> Floats:
        """Of each score (shape (readings, series)) how likely one as far from 0 is, by those before it; NaN of none, and with too few before."""
        found = np.full(scores.shape, np.nan)
        low, high = found.copy(), found.copy()
        for j, record in enumerate(self._records):
            for i, score in enumerate(scores[:, j].tolist()):
                if score != score:
                    continue
                m = len(record.sizes)
                if m >= FEWEST:
                    found[i, j] = record.p_value(abs(score))
                    if self._with_bounds:
                        low[i, j], high[i, j] = record.signed[int(0.05 * m)], record.signed[min(int(0.95 * m), m - 1)]
                record.add(score, bounds=self._with_bounds)
        self.bounds = (low, high)
        return found
