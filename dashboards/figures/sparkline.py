"""A small line of a limit's room over the last days, for the drawer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.alert_rows import Firing
from dashboards.figures.chart import Figure, Line, deploy_marks, firing_bands, layout, trace
from dashboards.figures.series import hover_value
from dashboards.theme import Tones

SMALL = 140


def room_line(
    rows: Sequence[Mapping[str, Any]],
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    tones: Tones,
    *,
    deploys: Sequence[Mapping[str, Any]] = (),
    firings: Sequence[Firing] = (),
) -> Figure:
    """The share of room left by hour; a line at zero where it is gone. Unknown hours are gaps."""
    points = [(row["bucket_start"], row["fraction_left"]) for row in rows]
    values = [value for _, value in points if value is not None]
    low, high = min([0.0, *values]), max([0.0, *values])
    room = (high - low or 1.0) * 0.08
    axis = {"tickformat": ",.0%", "nticks": 3, "range": [low - room, high + room], "rangemode": "normal"}
    figure: Figure = {
        "data": trace(Line("room left", points, tones.accent), zone, hover_value("ratio")),
        "layout": layout(tones, span, zone, height=SMALL, key="room", y=axis, unit="ratio"),
    }
    figure["layout"]["margin"] = {"l": 44, "r": 8, "t": 18, "b": 22}
    figure["layout"]["xaxis"]["nticks"] = 4
    figure["layout"]["shapes"].append(
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 0,
            "y1": 0,
            "line": {"color": tones.exhausted, "width": 1, "dash": "dash"},
        }
    )
    figure["layout"]["annotations"].append(
        {
            "xref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "bottom", "showarrow": False, "text": "none left",
            "font": {"size": 11, "color": tones.dim},
        }
    )  # fmt: skip
    firing_bands(figure, firings, zone, tones)
    deploy_marks(figure, deploys, zone, tones)
    return figure
