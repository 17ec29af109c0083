"""What is unusual, on a chart: a light band over each event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from analytics.anomalies.finding import Anomaly
from dashboards.figures.chart import Figure, local
from dashboards.figures.text import plain
from dashboards.theme import Tones

LEAST_SHARE = 0.004
"""Of the chart's width: a shorter event is drawn this wide, or nobody would see it."""


def odd_bands(figure: Figure, found: Sequence[Anomaly], zone: ZoneInfo, tones: Tones) -> None:
    """Bands over what is within the chart, with the words of each to hover over; what is known is paler."""
    start, end = (datetime.fromisoformat(edge).replace(tzinfo=zone) for edge in figure["layout"]["xaxis"]["range"])
    least = (end - start) * LEAST_SHARE
    for each in found:
        first, last = max(each.about_at, start), min(max(each.about_to, each.about_at + least), end)
        if first >= last:
            continue
        figure["layout"]["shapes"].append(
            {
                "type": "rect", "layer": "below", "yref": "paper", "y0": 0, "y1": 1, "x0": local(first, zone), "x1": local(last, zone),
                "fillcolor": tones.unknown if each.known_as else tones.tight, "opacity": 0.08 if each.known_as else 0.16, "line": {"width": 0},
            }
        )  # fmt: skip
        figure["layout"]["annotations"].append(
            {
                "x": local(first + (last - first) / 2, zone), "yref": "paper", "y": 1, "yanchor": "top", "showarrow": False, "text": "!",
                "font": {"size": 11, "color": tones.unknown if each.known_as else tones.tight}, "hovertext": plain(each.causes.get("words", ""), 200), "captureevents": True,
            }
        )  # fmt: skip
