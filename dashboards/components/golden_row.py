"""The golden row: latency, traffic and errors of a platform's API and of its AI calls, each with its last day as a small line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.reports.golden import PERCENTILES, Tile
from dashboards import wording
from dashboards.components.marks import age
from dashboards.figures.deploy_marks import deploy_words
from dashboards.figures.spark_svg import data_uri, spark_svg
from dashboards.theme import Tones

SPAN = timedelta(hours=24)


def tile_value(tile: Tile) -> str:
    """The main value with its unit: `p95 184 ms`, `4,600 /s`, `0.05 %`."""
    if tile.value is None:
        return "–"
    said = value_words(tile.value, tile.unit)
    return f"{tile.main} {said}" if tile.main else said


def value_words(value: float, unit: str) -> str:
    """A golden value with its unit; slow rates by the minute, small shares with a second figure."""
    if unit in ("requests_per_second", "operations_per_second"):
        return wording.rate(value)
    if unit in wording.RATIO_UNITS and abs(value) < 0.01:
        return wording.percent(value, 2)
    return wording.amount(value, unit)


def tile_more(tile: Tile) -> str:
    """What stands under the value: the other percentiles, or the limit."""
    others = [
        f"{name} {value_words(value, tile.unit)}"
        for name, value in tile.values.items()
        if name != tile.main and value is not None
    ]
    if tile.limit is not None:
        over = f" over {wording.age(tile.limit.over)}" if tile.limit.over else ""
        others.append(f"{'at least' if tile.limit.at_least else 'limit'} {value_words(tile.limit.value, tile.unit)}{over}")
    return " · ".join(others)


def past_limit(tile: Tile) -> bool:
    """Whether the newest value lies beyond the tile's limit."""
    if tile.limit is None or tile.value is None:
        return False
    return tile.value < tile.limit.value if tile.limit.at_least else tile.value > tile.limit.value


def tile_lines(tile: Tile, tones: Tones) -> list[tuple[Sequence[tuple[datetime, float | None]], str]]:
    """The lines of a tile with their colours: percentiles in one hue, one line in the accent."""
    hues = dict(zip(PERCENTILES, tones.percentiles, strict=True))
    alone = len(tile.lines) == 1
    return [(points, tones.accent if alone else hues.get(name, tones.accent)) for name, points in tile.lines.items()]


def golden_row(
    tiles: Sequence[Tile], now: datetime, zone: ZoneInfo, tones: Tones, deploys: Sequence[Mapping[str, Any]], old: timedelta
) -> html.Div:
    """The tiles in one row. `old` is when a value's age is set off."""
    return html.Div(
        [_tile(tile, now, zone, tones, deploys, old) for tile in tiles], className="golden", **{"data-block": "golden"}
    )


def _tile(
    tile: Tile, now: datetime, zone: ZoneInfo, tones: Tones, deploys: Sequence[Mapping[str, Any]], old: timedelta
) -> html.Div:
    value, more = tile_value(tile), tile_more(tile)
    head = html.Div([html.H2(tile.title, title=tile.title), age(tile.observed_at, now, old=old)], className="card-head")
    if tile.missing:
        body: list[Any] = [html.Div("–", className="card-value"), html.Div(tile.missing, className="card-context")]
        return html.Div([head, *body], className="card tile", **{"data-tile": tile.tile_id})
    label = f"{tile.title}: {value}, {tile.note}. {more}"
    drawn = spark_svg(
        tile_lines(tile, tones), (now - SPAN, now), zone, dim=tones.dim, limit=tile.limit.value if tile.limit else None,
        limit_colour=tones.text, deploys=deploys, label=label,
    )  # fmt: skip
    seen = [each for each in deploys if now - SPAN <= each["deployed_at"] <= now]
    hover = "Last 24 h" + "".join(f"\n{deploy_words(each, zone)}" for each in seen[:8])
    return html.Div(
        [
            head,
            html.Div(value, className="card-value"),
            html.Div(
                [
                    html.Span("past its limit · ", className="bad strong") if past_limit(tile) else None,
                    f"{tile.note} · {more}" if more else tile.note,
                ],
                className="card-context",
            ),
            html.Img(src=data_uri(drawn), alt=label, title=hover, className="spark"),
        ],
        className="card tile",
        **{"data-tile": tile.tile_id},
    )
