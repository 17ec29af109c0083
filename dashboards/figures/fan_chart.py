"""Where something has been and where it is going: the past as a line, the futures as a fan from p10 to p90 around their middle, the limit dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    local,
    marks,
    nice_top,
    side_labels,
    trace,
)
from dashboards.figures.series import hover_value, y_axis
from dashboards.figures.text import plain
from dashboards.theme import Tones
from dashboards.wording import MONTHS, THIN

SMALL = 150
SMALL_RIGHT = 62
FAR_ABOVE = 6.0
"""A limit so many times above everything that is drawn would flatten it: it is said, not drawn."""
HIGHEST = 3.0
NEAR = 0.6
SHADE, PALE = "38", "24"
"""Opacity of the fan, as two hex digits."""
APART, APART_WIDE = 0.13, 0.06
"""How far apart two words on top stand, as shares of a small chart's width and of a large one's."""


@dataclass(frozen=True, slots=True)
class Fan:
    """What a fan chart draws. `ahead`: (at, p10, p50, p90), the first of them now. `refills`: when a window begins again. `from_zero`: a flow, whose
    axis begins at zero. `stepped`: values of whole days, each drawn at its day's middle; `note` is one line about what is drawn."""

    past: Sequence[tuple[datetime, float | None]]
    ahead: Sequence[tuple[datetime, float, float, float]]
    unit: str
    amount: float | None = None
    refills: Sequence[datetime] = ()
    from_zero: bool = True
    note: str = ""

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first point to the last."""
        at = [*(each[0] for each in self.past), *(each[0] for each in self.ahead)]
        return min(at), max(at)

    @property
    def limit_is_far(self) -> bool:
        """Whether the limit is too far above to be drawn."""
        drawn = [value for _, value in self.past if value is not None] + [high for *_, high in self.ahead]
        return self.amount is not None and bool(drawn) and max(drawn) > 0 and self.amount > FAR_ABOVE * max(drawn)


@dataclass(frozen=True, slots=True)
class Upright:
    """A dotted vertical with a word on top."""

    at: datetime
    words: str
    colour: str = ""


def fan_chart(
    fan: Fan,
    now: datetime,
    zone: ZoneInfo,
    tones: Tones,
    *,
    uprights: Sequence[Upright] = (),
    limit_name: str = "limit",
    middle_name: str = "middle",
    height: int = HEIGHT,
    key: str = "",
    odd: Sequence[tuple[datetime, float, str]] = (),
    deploys: Sequence[Mapping[str, Any]] = (),
    firings: Sequence[Firing] = (),
) -> Figure:
    """The chart. `odd` are readings to mark, with words. Deploys are dotted, named on hover alone: the room on top is for what is ahead."""
    small = height < HEIGHT
    bottom, top = _ends(fan)
    since, until = fan.span
    figure: Figure = {
        "data": [],
        "layout": layout(
            tones,
            (since, until + (until - since) / 60),
            zone,
            height=height,
            key=key,
            unit=fan.unit,
            y={**y_axis(fan.unit, top - bottom), "range": [bottom, top], "rangemode": "normal"},
        ),
    }
    if small:
        figure["layout"]["margin"]["r"] = SMALL_RIGHT
        figure["layout"]["xaxis"]["nticks"] = 4
        figure["layout"]["yaxis"]["nticks"] = 4
    figure["data"] += _band(fan, zone, tones)
    figure["data"] += trace(Line("was", fan.past, tones.accent), zone, hover_value(fan.unit))
    if odd:
        figure["data"].append(_odd(odd, zone, tones))
    labels: list[tuple[str, float, str]] = []
    if fan.ahead:
        labels.append((middle_name, min(max(fan.ahead[-1][2], bottom), top), tones.accent))
    if fan.amount is not None and not fan.limit_is_far:
        marks(figure, [Mark(limit_name, fan.amount, tones.exhausted)])
        labels.append((limit_name, fan.amount, tones.exhausted))
    side_labels(figure, labels, top, tones, bottom=bottom, chars=9 if small else 13)
    firing_bands(figure, firings, zone, tones, named=not small)
    deploy_marks(figure, deploys, zone, tones, named=False)
    uprights = [*uprights, *([Upright(now, "now")] if since < now < until else [])]
    _uprights(
        figure,
        [*uprights, *(Upright(at, "refills") for at in fan.refills)],
        (since, until),
        zone,
        tones,
        APART if small else APART_WIDE,
    )
    return figure


def _ends(fan: Fan) -> tuple[float, float]:
    past = [value for _, value in fan.past if value is not None]
    middles = [middle for _, _, middle, _ in fan.ahead]
    drawn = [*past, *(each for _, low, middle, high in fan.ahead for each in (low, middle, high))]
    if fan.amount is not None and not fan.limit_is_far:
        drawn.append(fan.amount)
    if not drawn:
        return 0.0, 1.0
    # One wild future must not flatten everything that is likely.
    most = HIGHEST * max([*past, *middles, fan.amount or 0.0], default=0.0)
    largest = min(max(drawn), most) if most > 0 else max(drawn)
    lowest = min(drawn)
    if not fan.from_zero and lowest > NEAR * largest:
        spread = (largest - lowest) or abs(largest) * 0.05 or 1.0
        return lowest - spread * 0.12, largest + spread * 0.12
    return (lowest * 1.08 if lowest < 0 else 0.0), nice_top(largest)


def _band(fan: Fan, zone: ZoneInfo, tones: Tones) -> list[dict[str, Any]]:
    """The area between p10 and p90, and the middle dashed."""
    if not fan.ahead:
        return []
    xs = [local(at, zone) for at, *_ in fan.ahead]
    low, middle, high = ([each[n] for each in fan.ahead] for n in (1, 2, 3))
    edge: dict[str, Any] = {"type": "scatter", "mode": "lines", "x": xs, "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        {**edge, "y": low},
        {**edge, "y": high, "fill": "tonexty", "fillcolor": f"{tones.accent}{SHADE}"},
        {
            "type": "scatter", "mode": "lines", "name": "middle", "x": xs, "y": middle, "line": {"color": tones.accent, "width": 1.75, "dash": "dot"},
            "customdata": [[a, b] for a, b in zip(low, high, strict=True)],
            "hovertemplate": f"{hover_value(fan.unit)} ({hover_value(fan.unit, 'customdata[0]')} to {hover_value(fan.unit, 'customdata[1]')}, 80{THIN}%)",
        },
    ]  # fmt: skip


def _odd(odd: Sequence[tuple[datetime, float, str]], zone: ZoneInfo, tones: Tones) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": "odd", "x": [local(at, zone) for at, _, _ in odd], "y": [value for _, value, _ in odd],
        "text": [plain(words, 90) for *_, words in odd], "hovertemplate": "%{text}",
        "marker": {"symbol": "diamond-open", "size": 9, "color": tones.text, "line": {"width": 1.5}},
    }  # fmt: skip


def _uprights(
    figure: Figure,
    uprights: Sequence[Upright],
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    tones: Tones,
    apart: float,
) -> None:
    """Verticals; a word that would run into the one before it is left to the hover."""
    since, until = span
    taken = -1.0
    for each in sorted(uprights, key=lambda one: one.at):
        share = (each.at - since) / (until - since) if until > since else 0.0
        if not 0 <= share <= 1.02:
            continue
        colour, x = each.colour or tones.dim, local(each.at, zone)
        figure["layout"]["shapes"].append(
            {
                "type": "line",
                "x0": x,
                "x1": x,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": colour, "width": 1, "dash": "dot"},
            }
        )
        free = share - taken >= apart
        taken = share if free else taken
        figure["layout"]["annotations"].append(
            {
                "x": x, "yref": "paper", "y": 1, "xanchor": "left" if share < 0.06 else "right" if share > 0.94 else "center", "yanchor": "bottom",
                "showarrow": False, "text": plain(each.words, 16) if free else "·", "hovertext": f"{plain(each.words, 90)}, {day_of(each.at, zone)}", "captureevents": True,
                "font": {"size": 11, "color": each.colour or tones.dim},
            }
        )  # fmt: skip


def day_of(at: datetime, zone: ZoneInfo) -> str:
    """`24 Nov 23:10`."""
    own = at.astimezone(zone)
    return f"{own.day} {MONTHS[own.month - 1]} {own:%H:%M}"


def middle_of(day_start: datetime, day_end: datetime) -> datetime:
    """Where a whole day's value is drawn."""
    return day_start + (day_end - day_start) / 2 if day_end > day_start else day_start + timedelta(hours=12)
