"""Lines over time with direct labels, thresholds and deploy marks: signals, latency, request rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.alert_rows import Firing
from dashboards.figures.chart import (
    HEIGHT,
    Figure,
    Line,
    Mark,
    deploy_marks,
    firing_bands,
    layout,
    marks,
    nice_top,
    side_labels,
    trace,
)
from dashboards.figures.text import plain
from dashboards.theme import Tones
from dashboards.wording import (
    BYTE_RATE,
    BYTE_UNITS,
    MONEY_UNITS,
    PERCENT_UNITS,
    RATIO_UNITS,
    SECOND_UNITS,
    THIN,
    UNIT_NAMES,
    unit_word,
)

NAMED = 4
PERCENTILES = ("p50", "p95", "p99")
NO_SHARE = 0.05
SHARE_TICKS = ((0.05, ",.0%"), (0.005, ",.1%"), (0.0005, ",.2%"), (-1.0, ",.3%"))


def y_axis(unit: str, height: float) -> dict[str, Any]:
    """Tick words of a unit, over an axis that spans `height`."""
    if unit in RATIO_UNITS:
        return {"tickformat": next(form for least, form in SHARE_TICKS if height > least)}
    if unit in MONEY_UNITS or unit.startswith("usd"):
        return {"tickprefix": "$", "tickformat": money_ticks(height)}
    if unit in PERCENT_UNITS:
        return {"tickformat": ",~f", "ticksuffix": f"{THIN}%"}
    if unit in BYTE_UNITS or unit == BYTE_RATE:
        return {"tickformat": "~s"}
    # Long numbers would be cut at the edge: 2 000 000 is 2M there.
    return {"tickformat": "~s" if height >= 100_000 else ",~f"}


def money_ticks(height: float) -> str:
    """How dollars are written on an axis that spans `height`: whole ones, or to the cent, all of them alike."""
    return ",~f" if height >= 4 else ",.2f" if height >= 0.04 else ",.4~f"


def hover(unit: str) -> str:
    """A value's words in the hover box."""
    return (
        ",.1%"
        if unit in RATIO_UNITS
        else "$,.2f"
        if unit in MONEY_UNITS or unit.startswith("usd")
        else ".3s"
        if unit in BYTE_UNITS or unit == BYTE_RATE
        else ",.4~g"
    )


def hover_value(unit: str, place: str = "y") -> str:
    """A value and its unit in the hover box, as a template: `%{y:,.4~g} ms`."""
    suffix = unit_suffix(unit)
    return f"%{{{place}:{hover(unit)}}}" + (f"{THIN}{plain(suffix, 30)}" if suffix else "")


def unit_suffix(unit: str) -> str:
    """What stands behind a bare value: `ms`, `%`, `worlds`; nothing where the number says it."""
    if unit in MONEY_UNITS or unit in RATIO_UNITS:
        return ""
    written = {"ms": "ms", BYTE_RATE: "B/s", **UNIT_NAMES, **dict.fromkeys(SECOND_UNITS, "s")}
    written |= {**dict.fromkeys(PERCENT_UNITS, "%"), **dict.fromkeys(BYTE_UNITS, "B")}
    return written.get(unit) or unit_word(unit)


def line_chart(
    lines: Sequence[Line],
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    tones: Tones,
    *,
    unit: str = "",
    thresholds: Sequence[Mark] = (),
    deploys: Sequence[Mapping[str, Any]] = (),
    firings: Sequence[Firing] = (),
    height: int = HEIGHT,
    key: str = "",
    beside: Sequence[float] = (),
) -> Figure:
    """A chart of lines from zero. A ratio whose values all lie high starts just below the lowest instead. `beside`: values that will be drawn besides,
    which the axis has room for."""
    values = [*(value for line in lines for _, value in line.points if value is not None), *beside]
    drawn = [*values, *(mark.value for mark in thresholds)]
    top, bottom = nice_top(max(drawn, default=1.0)), 0.0
    if unit in {*RATIO_UNITS, "percent"} and drawn and min(drawn) > 0.6 * max(drawn):
        spread = max(drawn) - min(drawn)
        bottom = min(drawn) - spread * 0.15 - max(drawn) * 0.005
        top = max(drawn) + spread * 0.08 + max(drawn) * 0.005
    if unit in RATIO_UNITS and drawn:
        # No share is above one; and an axis of no failures at all must not look like 100 %.
        top = min(top, 1.0) if max(drawn) <= 1 else top
        top = NO_SHARE if max(drawn) == 0 else top
    if values and min(values) < 0:
        bottom = min(values) * 1.08
    figure: Figure = {
        "data": [],
        "layout": layout(
            tones,
            span,
            zone,
            height=height,
            key=key,
            unit=unit,
            y={**y_axis(unit, top - bottom), "range": [bottom, top], "rangemode": "normal"},
        ),
    }
    labels: list[tuple[str, float, str]] = []
    for line in lines:
        figure["data"] += trace(line, zone, hover_value(unit))
        last = next((value for _, value in reversed(line.points) if value is not None), None)
        if last is not None and len(lines) > 1:
            labels.append((line.name, last, line.colour))
    labels += [(mark.name, mark.value, mark.colour) for mark in thresholds]
    marks(figure, thresholds)
    if labels:
        side_labels(figure, labels, top, tones, bottom=bottom)
    else:
        figure["layout"]["margin"]["r"] = 16
    firing_bands(figure, firings, zone, tones)
    deploy_marks(figure, deploys, zone, tones)
    return figure


def coloured(
    named: Mapping[str, Sequence[tuple[datetime, float | None]]],
    tones: Tones,
    *,
    lowest: bool = False,
    filling: datetime | None = None,
) -> list[Line]:
    """Lines in the series colours; beyond four, the three whose last value is highest, or lowest where that is the trouble. A line whose last point
    lies at `filling` or later ends in a step that is not over."""

    def line(name: str, colour: str) -> Line:
        points = named[name]
        return Line(name, points, colour, bool(points) and filling is not None and points[-1][0] >= filling)

    if len(named) == 1:
        return [line(name, tones.accent) for name in named]
    hues = dict(zip(PERCENTILES, tones.percentiles, strict=True))
    if set(named) <= set(hues):
        return [line(name, hue) for name, hue in hues.items() if name in named]

    def last(points: Sequence[tuple[datetime, float | None]]) -> float:
        return next((value for _, value in reversed(points) if value is not None), float("-inf"))

    ranked = sorted(named, key=lambda name: (last(named[name]) * (1 if lowest else -1), name))
    shown = sorted(ranked[:NAMED]) if len(named) <= NAMED else ranked[: NAMED - 1]
    return [line(name, tones.series[n]) for n, name in enumerate(shown)]
