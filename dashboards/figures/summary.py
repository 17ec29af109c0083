"""What a chart shows, in words: for who cannot see it, each line's newest value, its lowest and highest, and which way it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import wording
from dashboards.figures.chart import Figure
from dashboards.figures.text import read_back

MOST_LINES = 4
LEVEL = 0.1
"""A change from the first quarter to the last that is less than this share of the whole range is none."""


def summary(figure: Figure) -> str:
    """`p95: newest 184 ms, between 120 ms and 300 ms, rising.` for each line; empty for a chart without values."""
    unit = str(figure["layout"].get("meta", {}).get("unit", ""))
    lines = [said for trace in figure["data"] if (said := _line(trace, unit))]
    if len(lines) > MOST_LINES:
        return " ".join([*lines[:MOST_LINES], f"And {len(lines) - MOST_LINES} more."])
    return " ".join(lines)


def _line(trace: Mapping[str, Any], unit: str) -> str:
    values = [value for value in trace.get("y", ()) if value is not None]
    name = str(trace.get("name", ""))
    if not values or not name or trace.get("hoverinfo") == "skip" or name.endswith(", so far"):
        return ""

    def told(value: float) -> str:
        return wording.with_unit(value, unit)

    low, high = min(values), max(values)
    between = f"always {told(low)}" if low == high else f"between {told(low)} and {told(high)}, {trend(values)}"
    return f"{read_back(name)}: newest {told(values[-1])}, {between}."


def trend(values: Sequence[float]) -> str:
    """Whether the last quarter of the values lies above the first: `rising`, `falling`, `level`."""
    quarter = max(len(values) // 4, 1)
    change = sum(values[-quarter:]) / quarter - sum(values[:quarter]) / quarter
    spread = max(values) - min(values)
    return "level" if abs(change) <= LEVEL * spread else "rising" if change > 0 else "falling"
