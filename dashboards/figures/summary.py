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
    lines = [said for trace in _whole_lines(figure["data"]) if (said := _line(trace, unit))]
    if len(lines) > MOST_LINES:
        return " ".join([*lines[:MOST_LINES], f"And {len(lines) - MOST_LINES} more."])
    return " ".join(lines)


def _whole_lines(traces: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The traces, with those that go on after a gap (`meta.part`) as one."""
    found: dict[Any, dict[str, Any]] = {}
    for place, trace in enumerate(traces):
        key = str(trace.get("name", "")) if "part" in _meta(trace) else place
        if key in found:
            found[key]["y"] = [*found[key]["y"], *trace["y"]]
        else:
            found[key] = dict(trace)
    return list(found.values())


def _meta(trace: Mapping[str, Any]) -> Mapping[str, Any]:
    return trace.get("meta") or {}


def _line(trace: Mapping[str, Any], unit: str) -> str:
    # A bar that is not whole is no newest value, and no fall.
    cut = frozenset(_meta(trace).get("cut", ()))
    values = [value for place, value in enumerate(trace.get("y", ())) if value is not None and place not in cut]
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
