"""The period before, drawn beside the one shown: its lines dim and dotted, moved so that both begin together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.figures.chart import Figure, local
from dashboards.figures.text import plain
from dashboards.theme import Tones

Points = Sequence[tuple[datetime, float | None]]
NAME = "period before"
UNLIKE = 0.125
"""By what share two stretches may differ in length and still stand beside each other: a day of 23 hours beside one of 25, a month beside another."""


def add_earlier(
    figure: Figure, lines: Mapping[str, Points], moved: timedelta, zone: ZoneInfo, tones: Tones, *, hover: str = "%{y:,.4~g}"
) -> None:
    """The earlier `lines` under the figure's own, their times `moved` later. Several keep their names. The figure is made with `values_of` them
    beside, since its labels stand by its axis."""
    if not values_of(lines):
        return
    for name, points in lines.items():
        figure["data"].insert(
            0,
            {
                "type": "scatter", **_drawn([value for _, value in points]), "name": plain(f"{name}, {NAME}") if len(lines) > 1 else NAME,
                "x": [local(at + moved, zone) for at, _ in points], "y": [value for _, value in points],
                "line": {"color": tones.dim, "width": 1.25, "dash": "dot"}, "hovertemplate": hover, "connectgaps": False,
                "meta": {"earlier": True},
            },
        )  # fmt: skip


def values_of(lines: Mapping[str, Points]) -> list[float]:
    """The readings there are."""
    return [value for points in lines.values() for _, value in points if value is not None]


def _drawn(ys: Sequence[float | None]) -> dict[str, Any]:
    """A line, and a small point for each value that stands alone between two gaps."""
    fenced = [None, *ys, None]
    sizes = [5 if value is not None and fenced[n] is None and fenced[n + 2] is None else 0 for n, value in enumerate(ys)]
    return {"mode": "lines+markers", "marker": {"size": sizes}} if any(sizes) else {"mode": "lines"}


def earlier_cost(
    edges: Sequence[datetime], now_edges: Sequence[datetime], sums: Mapping[datetime, Decimal], until: datetime | None = None
) -> Points:
    """The earlier buckets' sums at the middles of the buckets they stand beside: the first with the first. US dollars.

    Of a bucket that is not as long as the one it stands beside nothing is drawn. A last bucket that `until`, the end of the earlier period, cuts short is a point of its own after a gap: a line down to it would look like a fall.
    """
    widths = [end - start for start, end in pairwise(now_edges)]
    middles = [start + width / 2 for start, width in zip(now_edges, [*widths, *widths[-1:]], strict=False)]
    steps = [end - start for start, end in pairwise(edges)]
    unlike = [abs(then - now) > now * UNLIKE for then, now in zip(steps, widths, strict=False)]
    points: list[tuple[datetime, float | None]] = [
        (at, None if place < len(unlike) and unlike[place] else float(sums.get(edge, Decimal(0))))
        for place, (edge, at) in enumerate(zip(edges, middles, strict=False))
    ]
    if until is not None and steps and len(points) == len(edges) and until - edges[-1] < steps[-1]:
        last = points[-1][0]
        points.insert(-1, (last - widths[-1] / 2 if widths else last, None))
    return points


def mean_of(points: Points) -> float | None:
    """The mean of the readings there are."""
    known = [value for _, value in points if value is not None]
    return sum(known) / len(known) if known else None
