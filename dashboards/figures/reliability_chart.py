"""Chances that were said against how often it happened: on the diagonal they keep their word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from analytics.forecasting.track_record import Bin
from dashboards.figures.chart import Figure, layout
from dashboards.record_rows import FEW, interval
from dashboards.theme import Tones
from roomleft.outlook import Made

TALL = 320
UTC = ZoneInfo("UTC")
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""The frame of charts is made for time; this one's axis is replaced."""


def reliability_chart(tenths: Sequence[Bin], made: Made, tones: Tones) -> Figure:
    """A point a tenth, with its 90 % interval and the number of claims beside it; a tenth of few claims is hollow."""
    figure: Figure = {"data": [], "layout": layout(tones, (NEVER, NEVER), UTC, height=TALL, key=f"reliability-{made}")}
    axis = {"range": [0, 1], "tickformat": ",.0%", "tickvals": [0, 0.25, 0.5, 0.75, 1], "fixedrange": True, "showspikes": False}
    figure["layout"]["xaxis"] = {**axis, "range": [0, 1.04], "showgrid": False, "zeroline": False, "linecolor": tones.line}
    figure["layout"]["yaxis"] = {**axis, "range": [0, 1.04], "gridcolor": tones.line, "zeroline": False}
    figure["layout"]["hovermode"] = "closest"
    figure["layout"]["margin"] = {"l": 44, "r": 16, "t": 22, "b": 40}
    said, came = [each.said for each in tenths], [each.happened for each in tenths]
    low = [max(0.0, each.happened - interval(each)[0]) for each in tenths]
    high = [max(0.0, interval(each)[1] - each.happened) for each in tenths]
    figure["data"].append(
        {
            "type": "scatter", "mode": "markers+text", "x": said, "y": came, "text": [f"{each.claims:,}" for each in tenths], "textposition": "middle right",
            "textfont": {"size": 11, "color": tones.text}, "hovertemplate": "said %{x:.0%}, happened %{y:.0%}, %{text} times<extra></extra>", "cliponaxis": False,
            "error_y": {"type": "data", "symmetric": False, "array": high, "arrayminus": low, "color": tones.dim, "thickness": 1, "width": 3},
            "marker": {
                "size": 9, "color": [tones.accent if each.claims >= FEW else "rgba(0,0,0,0)" for each in tenths],
                "line": {"color": tones.accent, "width": 1.5},
            },
        }
    )  # fmt: skip
    figure["layout"]["shapes"].append(
        {
            "type": "line",
            "x0": 0,
            "y0": 0,
            "x1": 1,
            "y1": 1,
            "line": {"color": tones.dim, "width": 1, "dash": "dash"},
            "layer": "below",
        }
    )
    for words, place in (
        ("said", {"xref": "paper", "yref": "paper", "x": 1, "y": 0, "yshift": -36, "xanchor": "right", "yanchor": "bottom"}),
        ("happened", {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xshift": -36, "xanchor": "left", "yanchor": "bottom"}),
    ):
        figure["layout"]["annotations"].append(
            {**place, "text": words, "showarrow": False, "font": {"size": 11, "color": tones.dim}}
        )
    return figure
