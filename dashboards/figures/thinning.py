"""Fewer points that draw the same line: of each pixel column the first, the lowest, the highest and the last, and every gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

COLUMNS = 600
"""About as many pixels as a chart is wide where three stand in a row, and more."""
Points = Sequence[tuple[datetime, float | None]]


def thinned(points: Points, columns: int = COLUMNS) -> Points:
    """The points, in order; at most five for each of `columns` equal stretches of their time. Peaks, lows and gaps all stay: no mean is drawn."""
    if len(points) <= columns * 2:
        return points
    first, length = points[0][0], (points[-1][0] - points[0][0]).total_seconds() or 1.0
    found: list[tuple[datetime, float | None]] = []
    column: list[tuple[datetime, float | None]] = []
    number = 0
    for point in points:
        own = min(int((point[0] - first).total_seconds() / length * columns), columns - 1)
        if own != number and column:
            found += _extremes(column)
            column = []
        number = own
        column.append(point)
    return [*found, *_extremes(column)]


def _extremes(column: Points) -> list[tuple[datetime, float | None]]:
    known = [(value, n) for n, (_, value) in enumerate(column) if value is not None]
    kept = {0, len(column) - 1}
    if known:
        kept |= {min(known)[1], max(known)[1]}
    gap = next((n for n, (_, value) in enumerate(column) if value is None), None)
    if gap is not None:
        kept.add(gap)
    return [column[n] for n in sorted(kept)]
