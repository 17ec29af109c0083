"""The medians of a request's hops over time, stacked, with the whole way's median as a line above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.figures.chart import Figure, deploy_marks, layout, local, nice_top, paled, side_labels
from dashboards.figures.text import plain
from dashboards.theme import Tones

TALL = 280
WIDE_RIGHT, WIDE_CHARS = 160, 26
Points = Sequence[tuple[datetime, float | None]]


def hops_chart(
    hops: Mapping[str, Points],
    total: Points,
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    tones: Tones,
    *,
    deploys: Sequence[Mapping[str, Any]] = (),
    key: str = "",
) -> Figure:
    """Areas in the order of the way, from the bottom; past four the colours come again, paler. Where readings of a hop are missing (None in its
    points) it has no area, and the stack is broken: it begins anew with those that are there."""
    steps = sorted({at for points in hops.values() for at, _ in points} | {at for at, _ in total})
    values = {name: dict(points) for name, points in hops.items()}
    sums = [sum(own.get(at) or 0.0 for own in values.values()) for at in steps]
    whole = dict(total)
    top = nice_top(max([*sums, *(value or 0.0 for value in whole.values())], default=0.0))
    axis = {"tickformat": ",~f", "range": [0, top], "rangemode": "normal"}
    figure: Figure = {"data": [], "layout": layout(tones, span, zone, height=TALL, key=key, y=axis, unit="ms")}
    runs = unbroken(hops, steps)
    base, labels = 0.0, []
    for n, (name, own) in enumerate(values.items()):
        colour = tones.series[n % len(tones.series)]
        for part, (there, ats) in enumerate(runs):
            if name not in there:
                continue
            figure["data"].append(
                {
                    "type": "scatter", "mode": "lines", "name": plain(name), "x": [local(at, zone) for at in ats], "y": [own.get(at) for at in ats],
                    "stackgroup": f"hops{part or ''}", "stackgaps": "interpolate", "line": {"color": colour, "width": 0.75}, "opacity": 1,
                    "fillcolor": paled(colour, 0.62 if n < len(tones.series) else 0.3), "hovertemplate": "%{y:,.4~g} ms", "meta": {"part": part},
                }
            )  # fmt: skip
        last = next((own[at] for at in reversed(steps) if own.get(at) is not None), None) or 0.0
        labels.append((name, base + last / 2, colour))
        base += last
    if total:
        figure["data"].append(
            {
                "type": "scatter", "mode": "lines", "name": "whole way", "x": [local(at, zone) for at, _ in total], "y": [value for _, value in total],
                "line": {"color": tones.text, "width": 1.75}, "hovertemplate": "%{y:,.4~g} ms", "connectgaps": False,
            }
        )  # fmt: skip
        last_total = next((value for _, value in reversed(list(total)) if value is not None), 0.0)
        labels.append(("whole way", last_total, tones.text))
    figure["layout"]["margin"]["r"] = WIDE_RIGHT
    side_labels(figure, labels, top, tones, chars=WIDE_CHARS)
    deploy_marks(figure, deploys, zone, tones, apart=0.1)
    return figure


def unbroken(hops: Mapping[str, Points], steps: Sequence[datetime]) -> list[tuple[frozenset[str], list[datetime]]]:
    """The stretches of time over which the same hops have readings, a step or two of jitter aside, each with its hops and its steps."""
    known = {name: _stretches(points) for name, points in hops.items()}
    there = [
        (at, frozenset(name for name, own in known.items() if any(first <= at <= last for first, last in own))) for at in steps
    ]
    return [(names, [at for at, _ in run]) for names, run in groupby(there, key=itemgetter(1)) if names]


def _stretches(points: Points) -> list[tuple[datetime, datetime]]:
    """From the first to the last reading of what no None breaks."""
    runs = (list(run) for missing, run in groupby(points, key=lambda point: point[1] is None) if not missing)
    return [(run[0][0], run[-1][0]) for run in runs]
