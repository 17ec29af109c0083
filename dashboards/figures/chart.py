"""What all charts share: the frame, lines with direct labels, threshold lines, deploy marks. Raw plotly dicts, since a go.Figure costs 100 ms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards import ranges
from dashboards.alert_rows import Firing, worth_telling
from dashboards.figures.deploy_marks import APART, WORDS_CHARS, deploy_labels
from dashboards.figures.text import plain
from dashboards.figures.thinning import thinned
from dashboards.theme import Tones

Figure = dict[str, Any]
Stretch = tuple[datetime, datetime]
CONFIG = {
    "displayModeBar": False,
    "displaylogo": False,
    "showSendToCloud": False,
    "showTips": False,
    "responsive": True,
    "doubleClick": False,
}
HEIGHT = 232
TOP, BOTTOM, LEFT, RIGHT = 18, 24, 48, 84
LABEL_GAP = 14
SIDE_CHARS = 13
UNNAMED = 0.45
"""Opacity of the line of a deploy that is named on hover alone."""
BAND_NAMES, BAND_CHARS = 2, 26
"""How many alerts are named on a chart, and in how many letters."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its points (None is a gap), its colour, and whether its last point is of a bucket still filling."""

    name: str
    points: Sequence[tuple[datetime, float | None]]
    colour: str
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A dashed horizontal line with a name: a limit or a threshold."""

    name: str
    value: float
    colour: str


def local(at: datetime, zone: ZoneInfo) -> str:
    """An instant as plotly draws it: it knows no zones, so it gets the wall clock of the reader's."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def layout(
    tones: Tones,
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    *,
    height: int = HEIGHT,
    key: str = "",
    y: Mapping[str, Any] | None = None,
    unit: str = "",
) -> Figure:
    """The frame of a chart over [since, until). `key` keeps a zoom while only the data changes. Of its axes only the one of time can be zoomed; `meta` tells that side the unit, the zone and the instants drawn."""
    font = {"family": "Inter, system-ui, sans-serif", "size": 11, "color": tones.dim}
    return {
        "height": height,
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": font,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": tones.surface, "bordercolor": tones.line, "font": {**font, "color": tones.text}, "namelength": -1, "align": "left",
        },
        "dragmode": "zoom",
        "uirevision": key,
        "meta": {"unit": unit, "zone": zone.key, **shown(span, zone)},
        "xaxis": {
            "type": "date", "range": [local(each, zone) for each in steadied(span)], "showgrid": False, "zeroline": False, "nticks": 6,
            "linecolor": tones.line, "showspikes": False, "tickformatstops": _date_steps(), "hoverformat": "%-d %b %H:%M", "fixedrange": False,
            "unifiedhovertitle": {"text": hover_title(zone)},
        },
        "yaxis": {
            "gridcolor": tones.line, "zeroline": False, "nticks": 5, "tickformat": ",~f", "rangemode": "tozero", "fixedrange": True,
            "showspikes": False, "automargin": False, "ticks": "outside", "ticklen": 4, "tickcolor": "rgba(0,0,0,0)", **(y or {}),
        },
        "shapes": [],
        "annotations": [],
    }  # fmt: skip


STEADY_S = (1, 5, 15, 60, 300, 900, 1800, 3600)


def steadied(span: Stretch) -> Stretch:
    """The stretch an axis shows of a range that moves with the clock: its edges move on by about two pixels at once, so that a chart without new
    points is not drawn again each second. Edges on a whole minute stay.
    """
    step_s = max((each for each in STEADY_S if each <= (span[1] - span[0]).total_seconds() / 240), default=STEADY_S[0])

    def moved(edge: datetime) -> datetime:
        if edge.second == 0 and edge.microsecond == 0:
            return edge
        return datetime.fromtimestamp(-(-edge.timestamp() // step_s) * step_s, edge.tzinfo)

    return moved(span[0]), moved(span[1])


def minute(at: datetime, zone: ZoneInfo) -> str:
    """An instant as an address writes it: `2026-11-20T14:05` on the reader's clock."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def shown(span: Stretch, zone: ZoneInfo) -> dict[str, str]:
    """The stretch of a chart on the reader's clock, and as a range of an address, which says offsets where that clock shows an end twice."""
    since, until = (ranges.floor_minute(each) for each in span)
    return {"since": minute(since, zone), "until": minute(until, zone), "range": ranges.written(since, until, zone)}


def stamp(at: datetime) -> str:
    """An instant as it names a bucket: in UTC, for a wall clock shows some twice."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hover_title(zone: ZoneInfo, click: str = "") -> str:
    """The first line of a hover box: the instant with its zone, and what a click leads to."""
    named = zone.key.rsplit("/", 1)[-1].replace("_", " ")
    return f"%{{x|%-d %b %H:%M}} {named}" + (f" · click: {click}" if click else "")


def leads_to(
    figure: Figure, zone: ZoneInfo, what: str, href: str = "", *, ends: Mapping[datetime, datetime] | None = None, step_s: int = 0
) -> None:
    """A click on a point opens `href` over that point's bucket, which ends where `ends` says or after `step_s`; a trace may name an address of its
    own in `meta.href`. Without an address the chart's own table opens at that bucket. `what`: what is found there, in a word."""
    figure["layout"]["xaxis"]["unifiedhovertitle"] = {"text": hover_title(zone, what)}
    told = {stamp(start): stamp(end) for start, end in (ends or {}).items()}
    figure["layout"]["meta"] |= {"click": what, "href": href, "ends": told, "step_s": step_s}


def behind_days(figure: Figure, zone: ZoneInfo, what: str, href: str, days: Mapping[datetime, Stretch], now: datetime) -> None:
    """A click on a point opens `href` over the stretch that `days` names for it; on one after `now` the chart's own table."""
    leads_to(figure, zone, what, href, ends={at: end for at, (_, end) in days.items()})
    starts = {stamp(at): stamp(start) for at, (start, _) in days.items()}
    figure["layout"]["meta"] |= {"starts": starts, "last": stamp(now)}


def _date_steps() -> list[dict[str, Any]]:
    return [
        {"dtickrange": [None, 43_200_000], "value": "%H:%M"},
        {"dtickrange": [43_200_000, 604_800_000], "value": "%-d %b"},
        {"dtickrange": [604_800_000, None], "value": "%-d %b"},
    ]


def trace(line: Line, zone: ZoneInfo, hover: str, *, width: float = 1.75) -> list[dict[str, Any]]:
    """The traces of a line: solid, and dotted to a hollow point where the last bucket is still filling. `hover`: the value's template."""
    points = thinned(line.points)
    xs = [local(at, zone) for at, _ in points]
    ys = [value for _, value in points]
    base: dict[str, Any] = {
        "type": "scatter",
        "name": plain(line.name),
        "line": {"color": line.colour, "width": width},
        "hovertemplate": hover,
        "connectgaps": False,
        # The last point stands on the edge: half of it would be cut off.
        "cliponaxis": False,
    }
    if not line.partial or len(xs) < 2:
        return [{**base, **_drawn(ys), "x": xs, "y": ys}]
    dotted = {
        **base,
        "line": {**base["line"], "dash": "dot"},
        "mode": "lines+markers",
        "name": f"{base['name']}, so far",
        "hovertemplate": [None, hover],
    }
    hollow = {"size": [0, 6], "color": "rgba(0,0,0,0)", "line": {"color": line.colour, "width": 1.5}}
    return [{**base, **_drawn(ys[:-1]), "x": xs[:-1], "y": ys[:-1]}, {**dotted, "x": xs[-2:], "y": ys[-2:], "marker": hollow}]


def _drawn(ys: Sequence[float | None]) -> dict[str, Any]:
    """Lines; with small points too where a value between two gaps would have no line to be seen by."""
    fenced = [None, *ys, None]
    alone = any(value is not None and fenced[n] is None and fenced[n + 2] is None for n, value in enumerate(ys))
    return {"mode": "lines+markers", "marker": {"size": 3.5}} if alone else {"mode": "lines"}


def spread(places: Sequence[float], gap: float = LABEL_GAP, low: float = 0.0, high: float = float(HEIGHT)) -> list[float]:
    """Label heights moved apart to at least `gap` pixels, kept within [low, high] as far as they fit, in their order."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [0.0] * len(places)
    floor = low
    for i in order:
        moved[i] = max(places[i], floor)
        floor = moved[i] + gap
    ceiling = high
    for i in reversed(order):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved


def side_labels(
    figure: Figure,
    labels: Sequence[tuple[str, float, str]],
    top: float,
    tones: Tones,
    *,
    bottom: float = 0.0,
    chars: int = SIDE_CHARS,
) -> None:
    """Names at the right edge, each by its value on an axis from `bottom` to `top`: a coloured dash, then the name in text colour."""
    inner = figure["layout"]["height"] - TOP - BOTTOM
    scale = inner / (top - bottom) if top > bottom else 0.0
    heights = spread([(value - bottom) * scale for _, value, _ in labels], high=float(inner))
    for (name, _, colour), height in zip(labels, heights, strict=True):
        short, full = plain(name, chars), plain(name, 200)
        figure["layout"]["annotations"].append(
            {
                "xref": "paper", "yref": "paper", "x": 1, "y": height / inner, "xanchor": "left", "yanchor": "middle", "xshift": 3,
                "showarrow": False, "align": "left", "text": f'<span style="color:{colour}"><b>–</b></span> {short}',
                "font": {"color": tones.text, "size": 11}, "hovertext": full if short != full else "",
            }
        )  # fmt: skip


def marks(figure: Figure, lines: Sequence[Mark]) -> None:
    """Dashed limits across the chart."""
    for mark in lines:
        figure["layout"]["shapes"].append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "yref": "y",
                "y0": mark.value,
                "y1": mark.value,
                "line": {"color": mark.colour, "width": 1, "dash": "dash"},
            }
        )


def deploy_marks(
    figure: Figure,
    deploys: Sequence[Mapping[str, Any]],
    zone: ZoneInfo,
    tones: Tones,
    *,
    apart: float = APART,
    named: bool = True,
) -> None:
    """Dotted verticals for all; labels on top, near ones as one. `apart` is how much of the chart's width a label takes; without `named` a dot
    stands for it and tells on hover."""
    start, end = (datetime.fromisoformat(edge).replace(tzinfo=zone) for edge in figure["layout"]["xaxis"]["range"])
    for deploy in deploys:
        if not start <= deploy["deployed_at"] <= end:
            continue
        x = local(deploy["deployed_at"], zone)
        line = {"color": tones.dim, "width": 1, "dash": "dot"}
        # Those without a name stand back behind what the chart is of.
        look = {"line": line} if named else {"line": line, "opacity": UNNAMED, "layer": "below"}
        figure["layout"]["shapes"].append({"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, **look})
    for label in deploy_labels(deploys, (start, end), zone, apart):
        figure["layout"]["annotations"].append(
            {
                "x": local(label.at, zone), "yref": "paper", "y": 1, "xanchor": label.anchor, "yanchor": "bottom", "showarrow": False,
                "text": plain(label.text) if named else "·", "font": {"size": 11, "color": tones.dim}, "hovertext": "<br>".join(plain(each, WORDS_CHARS) for each in label.told),
                "captureevents": True,
            }
        )  # fmt: skip


def firing_bands(figure: Figure, firings: Sequence[Firing], zone: ZoneInfo, tones: Tones, *, named: bool = True) -> None:
    """A light band over each stretch in which an alert fired, with its name on top; a paler one where nobody knew. Where several overlap, one band of
    the gravest kind is drawn."""
    start, end = (datetime.fromisoformat(edge).replace(tzinfo=zone) for edge in figure["layout"]["xaxis"]["range"])
    drawn = [each for each in firings if worth_telling(each, end) and max(each.since, start) < min(each.until or end, end)]
    looks = (
        ("critical", tones.exhausted, 0.14, [each for each in drawn if each.kind == "firing" and each.severity == "critical"]),
        ("other", tones.tight, 0.14, [each for each in drawn if each.kind == "firing" and each.severity != "critical"]),
        ("unknown", tones.unknown, 0.08, [each for each in drawn if each.kind == "unknown"]),
    )
    covered: list[tuple[datetime, datetime]] = []
    for _, colour, opacity, own in looks:
        spans = merged([(max(each.since, start), min(each.until or end, end)) for each in own])
        for first, last in without(spans, covered):
            figure["layout"]["shapes"].append(
                {
                    "type": "rect", "layer": "below", "yref": "paper", "y0": 0, "y1": 1, "x0": local(first, zone), "x1": local(last, zone),
                    "fillcolor": colour, "opacity": opacity, "line": {"width": 0},
                }
            )  # fmt: skip
        covered = merged([*covered, *spans])
    told = dict.fromkeys(
        (f"{each.title} unknown" if each.kind == "unknown" else each.title, max(each.since, start))
        for *_, own in looks
        for each in own
    )
    names = dict(reversed(told))
    for number, words in enumerate(list(dict.fromkeys(words for words, _ in told))[: BAND_NAMES if named else 0]):
        left = (names[words] - start) / (end - start) < 0.5
        figure["layout"]["annotations"].append(
            {
                "x": local(names[words] if left else end, zone), "yref": "paper", "y": 1, "yshift": -12 * number, "xanchor": "left" if left else "right",
                "yanchor": "top", "showarrow": False, "text": plain(words, BAND_CHARS),
                "font": {"size": 11, "color": tones.dim}, "hovertext": plain(words, 200), "captureevents": True,
            }
        )  # fmt: skip


def merged(spans: Sequence[Stretch]) -> list[Stretch]:
    """The same stretches in order, those that touch as one."""
    found: list[Stretch] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(spans: Sequence[Stretch], covered: Sequence[Stretch]) -> list[Stretch]:
    """What of the stretches lies in none of those covered."""
    found = []
    for first, last in spans:
        for start, end in covered:
            if start < last and first < end:
                if first < start:
                    found.append((first, start))
                first = max(first, end)
        if first < last:
            found.append((first, last))
    return found


def nice_top(value: float) -> float:
    """The end of an axis from zero: a little above the largest value."""
    return value * 1.08 if value > 0 else 1.0


def paled(colour: str, opacity: float) -> str:
    """A colour of the theme as it shows through."""
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
