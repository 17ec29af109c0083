"""The period before, drawn beside the one shown: its lines dim and dotted, moved so that both begin together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from dashboards.figures.chart import Figure, local, nice_top
from dashboards.figures.text import plain
from dashboards.theme import Tones

Points = Sequence[tuple[datetime, float | None]]
NAME = "period before"


def add_earlier(
    figure: Figure, lines: Mapping[str, Points], moved: timedelta, zone: ZoneInfo, tones: Tones, *, hover: str = "%{y:,.4~g}"
) -> None:
    """The earlier `lines` under the figure's own, their times `moved` later. Several keep their names. An axis too low for them is raised."""
    values = [value for points in lines.values() for _, value in points if value is not None]
    if not values:
        return
    for name, points in lines.items():
        figure["data"].insert(
            0,
            {
                "type": "scatter", "mode": "lines", "name": plain(f"{name}, {NAME}") if len(lines) > 1 else NAME,
                "x": [local(at + moved, zone) for at, _ in points], "y": [value for _, value in points],
                "line": {"color": tones.dim, "width": 1.25, "dash": "dot"}, "hovertemplate": hover, "connectgaps": False,
                "meta": {"earlier": True},
            },
        )  # fmt: skip
    axis = figure["layout"].get("yaxis", {})
    if "range" in axis:
        low, high = axis["range"]
        axis["range"] = [min(low, min(values)), max(high, nice_top(max(values)))]


def earlier_cost(edges: Sequence[datetime], now_edges: Sequence[datetime], sums: Mapping[datetime, Decimal]) -> Points:
    """The earlier buckets' sums at the middles of the buckets they stand beside: the first with the first. US dollars."""
    widths = [end - start for start, end in pairwise(now_edges)]
    middles = [start + width / 2 for start, width in zip(now_edges, [*widths, *widths[-1:]], strict=False)]
    return [(at, float(sums.get(edge, Decimal(0)))) for edge, at in zip(edges, middles, strict=False)]


def mean_of(points: Points) -> float | None:
    """The mean of the readings there are."""
    known = [value for _, value in points if value is not None]
    return sum(known) / len(known) if known else None
