"""The headroom bar: used now, where use is probably going, the limit, and what lies beyond it. The same on every page.

The width stands for 125 % of the limit, so the limit stands at 80 %.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dash import html

from dashboards import limit_words
from dashboards.limit_rows import FULL, LimitRow
from roomleft.limits import State


class Piece(NamedTuple):
    """A stretch of the bar: from and to in percent of the width, its opacity at both ends, and whether it lies beyond the limit."""

    start: float
    end: float
    opacity_start: float
    opacity_end: float
    beyond: bool


SHADE = 0.36
LIMIT_AT = 100 / FULL


def pieces(used: float, fan: tuple[float, float, float] | None) -> list[Piece]:
    """The stretches of a bar for `used` and a fan (p10, p50, p90), shares of the limit; split at the limit, clamped to the width."""
    end = _at(used)
    stretches = [(0.0, end, 1.0, 1.0)]
    if fan is not None:
        low, _, high = (max(_at(share), end) for share in fan)
        stretches += [(end, low, SHADE, SHADE), (low, high, SHADE, 0.06)]
    result = []
    for start, stop, a, b in stretches:
        if stop - start < 0.05:
            continue
        if start < LIMIT_AT < stop and a < 1:
            middle = a + (b - a) * (LIMIT_AT - start) / (stop - start)
            result += [Piece(start, LIMIT_AT, a, middle, False), Piece(LIMIT_AT, stop, middle, b, True)]
        else:
            result.append(Piece(start, stop, a, b, start >= LIMIT_AT))
    return result


def _at(share: float) -> float:
    return round(min(max(share, 0.0), FULL) / FULL * 100, 2)


def _strip(piece: Piece) -> html.Div:
    name = "bar-piece beyond" if piece.beyond else "bar-piece"
    style = {"left": f"{piece.start:g}%", "width": f"{piece.end - piece.start:g}%"}
    if piece.opacity_start < 1:
        style |= {"--from": f"{piece.opacity_start * 100:.0f}%", "--to": f"{piece.opacity_end * 100:.0f}%"}
        name += " fan"
    return html.Div(className=name, style=style)


def headroom_bar(row: LimitRow, now: datetime, zone: ZoneInfo) -> html.Div:
    """The bar of one limit, with its words for screen readers."""
    share, limit_class = row.used_share, "bar-limit assumed" if row.limit.assumed else "bar-limit"
    children: list[html.Div] = [html.Div(className="bar-track")]
    if row.state is State.UNKNOWN:
        children = [html.Div(className="bar-track hatch")]
        if share is not None:
            children.append(html.Div(className="bar-tick last", style={"left": f"{_at(share):g}%"}))
    elif share is not None:
        fan = row.fan()
        children += [_strip(piece) for piece in pieces(share, fan)]
        if fan is not None and _at(fan[1]) > _at(share) + 0.8:
            children.append(html.Div(className="bar-tick", style={"left": f"{_at(fan[1]):g}%"}))
    children.append(html.Div(className=limit_class))
    return html.Div(children, className=f"bar {row.state.value}", role="img", **{"aria-label": limit_words.bar(row, now, zone)})


def key() -> html.Div:
    """The key under the table: what each part of a bar means."""

    def entry(sample: html.Span, words: str) -> html.Span:
        return html.Span([sample, words], className="key-entry")

    return html.Div(
        [
            entry(html.Span(className="key-swatch used"), "used now"),
            entry(html.Span(className="key-swatch fan"), "likely by the end of its window (80\u202f%)"),
            entry(html.Span(className="key-tick"), "most likely"),
            entry(html.Span(className="key-line"), "limit"),
            entry(html.Span(className="key-line assumed"), "assumed limit"),
            entry(html.Span(className="key-swatch hatch"), "no data: unknown"),
        ],
        className="bar-key",
    )
