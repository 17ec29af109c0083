"""Cost over time as stacked bars: the dearest groups by name, the rest as Other, buckets that are not whole hollow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.alert_rows import Firing
from dashboards.figures.chart import (
    RIGHT,
    SIDE_CHARS,
    Figure,
    deploy_marks,
    firing_bands,
    layout,
    nice_top,
    paled,
    shown,
    side_labels,
)
from dashboards.figures.clock_change import bar_slots
from dashboards.figures.series import money_ticks
from dashboards.figures.text import plain
from dashboards.theme import Tones

TALL = 280
BROAD = 0.86
"""How much of its bucket's width a bar fills."""
HOLLOW = 0.14
"""How much of its colour is left inside a bar that is not whole: its outline says how high it is so far."""
NAMED = 4
SIDE = 22
"""Letters of a name beside the chart; the margin is as wide as the longest needs."""
CHAR_PX = 6
OTHER = "Other"
NO_NAME = "(none)"


NAMES_ROOM = 1.14
"""How much higher the axis goes where alerts are named over the bars."""


def groups(rows: Sequence[Mapping[str, Any]], named: int = NAMED) -> dict[str, dict[datetime, Decimal]]:
    """Cost by group and bucket: the `named` dearest, dearest first, then Other. Adds up to the rows' sum exactly."""
    totals: dict[str, Decimal] = {}
    for row in rows:
        totals[row["name"]] = totals.get(row["name"], Decimal(0)) + row["cost_usd"]
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    # A single further group keeps its own name: "Other" of one thing only hides it.
    first = set(ranked if len(ranked) <= named + 1 else ranked[:named])
    result: dict[str, dict[datetime, Decimal]] = {(name or NO_NAME): {} for name in ranked if name in first}
    for row in rows:
        shown = (row["name"] or NO_NAME) if row["name"] in first else OTHER
        buckets = result.setdefault(shown, {})
        buckets[row["bucket_start"]] = buckets.get(row["bucket_start"], Decimal(0)) + row["cost_usd"]
    return result


def colours(names: Sequence[str], tones: Tones) -> dict[str, str]:
    """A series colour for each named group, dim for Other."""
    palette = iter(tones.series)
    return {name: tones.dim if name == OTHER else next(palette, tones.dim) for name in names}


def cost_chart(
    rows: Sequence[Mapping[str, Any]],
    edges: Sequence[datetime],
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    tones: Tones,
    *,
    partial: tuple[bool, bool],
    deploys: Sequence[Mapping[str, Any]] = (),
    firings: Sequence[Firing] = (),
    key: str = "",
    addresses: Mapping[str, str] | None = None,
    beside: Sequence[float] = (),
) -> Figure:
    """The bars. `partial`: whether the first bucket began before the range, and whether the last is still filling. `addresses`: where a click on a
    group leads. `beside`: values that will be drawn over the bars, which the axis has room for."""
    stacked = groups(rows)
    tone = colours(list(stacked), tones)
    until = span[1]
    widths = [(b - a).total_seconds() for a, b in pairwise(edges)]
    if edges:
        widths.append(widths[-1] if widths else (until - edges[0]).total_seconds())
    slots = bar_slots(edges, widths, zone)
    # The axis ends where the last bucket will end, so that its bar is not cut.
    end = edges[-1] + (edges[-1] - edges[-2]) if len(edges) > 1 else until
    first = min(span[0], edges[0]) if edges else span[0]
    sums = [float(sum((buckets.get(edge, Decimal(0)) for buckets in stacked.values()), Decimal(0))) for edge in edges]
    # The names of alerts stand inside, on top: above the bars, not on them.
    top = nice_top(max([*sums, *beside], default=0.0)) * (NAMES_ROOM if firings else 1.0)
    axis = {
        "tickprefix": "$",
        "tickformat": money_ticks(top),
        "range": [0, top],
        "rangemode": "normal",
    }
    figure: Figure = {
        "data": [],
        "layout": {
            **layout(tones, (first, max(end, until)), zone, height=TALL, key=key, y=axis, unit="usd"),
            "barmode": "stack",
            "bargap": 0,
        },
    }
    # A link to the chart is of the range asked for, not of where its last bar will end.
    figure["layout"]["meta"] |= shown(span, zone)
    whole = [True] * len(edges)
    for place, cut in zip((0, -1), partial, strict=True):
        if cut and whole:
            whole[place] = False
    shifts = [slot.offset_ms for slot in slots]
    outlines = [0 if each else 1.25 for each in whole]
    for name, buckets in stacked.items():
        fills = [tone[name] if each else paled(tone[name], HOLLOW) for each in whole]
        figure["data"].append(
            {
                "type": "bar", "name": plain(name), "x": [slot.x for slot in slots], "y": [float(buckets.get(edge, Decimal(0))) for edge in edges],
                "width": [slot.width_ms * BROAD for slot in slots], "offset": shifts if any(shifts) else 0,
                "marker": {"color": fills, "line": {"width": outlines, "color": tone[name]}}, "hovertemplate": "$%{y:,.4~f}",
                "meta": {"href": (addresses or {}).get(name, ""), "cut": [place for place, each in enumerate(whole) if not each]},
            }
        )  # fmt: skip
    _label(figure, stacked, edges, tone, top, tones, whole_from=1 if partial[1] else 0)
    firing_bands(figure, firings, zone, tones)
    deploy_marks(figure, deploys, zone, tones, apart=0.1)
    return figure


def _label(
    figure: Figure,
    stacked: Mapping[str, Mapping[datetime, Decimal]],
    edges: Sequence[datetime],
    tone: Mapping[str, str],
    top: float,
    tones: Tones,
    *,
    whole_from: int,
) -> None:
    """Names beside the last whole bar, each at the middle of its piece."""
    if not edges:
        return
    last = edges[-1 - whole_from] if len(edges) > whole_from else edges[-1]
    base = 0.0
    labels = []
    for name, buckets in stacked.items():
        piece = float(buckets.get(last, Decimal(0)))
        if any(buckets.values()):
            labels.append((name, base + piece / 2, tone[name]))
        base += piece
    # A name that is long for its explanation stands here without it; the table below has all of it.
    named = [(name if len(name) <= SIDE else name.partition(", ")[0], height, colour) for name, height, colour in labels]
    longest = max((len(name) for name, _, _ in named), default=0)
    figure["layout"]["margin"]["r"] = RIGHT + CHAR_PX * max(min(longest, SIDE) - SIDE_CHARS, 0)
    side_labels(figure, named, top, tones, chars=SIDE)
