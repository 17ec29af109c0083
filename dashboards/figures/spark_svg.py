"""A small line as SVG, for tiles and reports: the same drawing in both. Nothing in it comes from outside; every text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.figures.deploy_marks import deploy_labels

WIDTH, HEIGHT, TOP = 240, 64, 14
Points = Sequence[tuple[datetime, float | None]]


def spark_svg(
    lines: Sequence[tuple[Points, str]],
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    *,
    dim: str,
    limit: float | None = None,
    limit_colour: str = "",
    deploys: Sequence[Mapping[str, Any]] = (),
    label: str = "",
    font: str = "Inter, system-ui, sans-serif",
) -> str:
    """The lines (points and colour) over `span` from zero, a dashed limit where it fits, deploys dotted with their names on top."""
    values = [value for points, _ in lines for _, value in points if value is not None]
    top = max(values, default=0.0)
    # A limit far above would press the line flat: it is drawn where it says something.
    shown = limit if limit is not None and top > 0 and limit <= top * 4 else None
    low = min([0.0, *values])
    scale = (HEIGHT - TOP - 2) / ((max(top, shown or 0.0) - low) * 1.05 or 1.0)
    length = (span[1] - span[0]).total_seconds() or 1.0

    def x(at: datetime) -> float:
        return round((at - span[0]).total_seconds() / length * WIDTH, 1)

    def y(value: float) -> float:
        return round(HEIGHT - 1 - (value - low) * scale, 1)

    parts = [
        f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT - 0.5}" y2="{HEIGHT - 0.5}" stroke="{dim}" stroke-width="0.5" opacity=".5"/>'
    ]
    for deploy in deploys:
        if span[0] <= deploy["deployed_at"] <= span[1]:
            place = x(deploy["deployed_at"])
            parts.append(f'<line x1="{place}" x2="{place}" y1="{TOP}" y2="{HEIGHT}" stroke="{dim}" stroke-dasharray="1 2"/>')
    for each in deploy_labels(deploys, span, zone, apart=0.3):
        anchor = {"left": "start", "right": "end", "center": "middle"}[each.anchor]
        parts.append(
            f'<text x="{x(each.at)}" y="{TOP - 4}" text-anchor="{anchor}" font-family="{font}" font-size="11" fill="{dim}">'
            f"{escape(each.text)}</text>"
        )
    if shown is not None:
        parts.append(
            f'<line x1="0" x2="{WIDTH}" y1="{y(shown)}" y2="{y(shown)}" stroke="{limit_colour or dim}" stroke-dasharray="4 3"/>'
        )
    for points, colour in lines:
        for stretch in _stretches(points):
            drawn = " ".join(f"{x(at)},{y(value)}" for at, value in stretch)
            if len(stretch) == 1:
                at, value = stretch[0]
                parts.append(f'<circle cx="{x(at)}" cy="{y(value)}" r="1.5" fill="{colour}"/>')
            else:
                parts.append(
                    f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'
                )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def _stretches(points: Points) -> list[list[tuple[datetime, float]]]:
    """The points between gaps."""
    result: list[list[tuple[datetime, float]]] = [[]]
    for at, value in points:
        if value is None:
            result.append([])
        else:
            result[-1].append((at, value))
    return [stretch for stretch in result if stretch]


def data_uri(svg: str) -> str:
    """The drawing as an address that an image takes."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
