"""The card of a pack's signal: its newest value, its threshold or limit, and its lines. The Health and the Live tab draw the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboards import health_words, signals, wording
from dashboards.components import states
from dashboards.components.chart_card import chart_card, graph
from dashboards.figures.chart import Mark
from dashboards.figures.series import coloured, line_chart
from dashboards.filters import Filters
from dashboards.theme import Tones
from roomleft.packs import Pack
from roomleft.packs_parts import Signal


def signal_card(
    signal: Signal,
    pack: Pack,
    rows: Sequence[Mapping[str, Any]],
    step_s: int,
    filters: Filters,
    deploys: Sequence[Mapping[str, Any]],
    now: datetime,
    tone: Tones,
) -> html.Div:
    """One signal: newest value, its threshold or limit in words, and the chart over the filters' range."""
    drawn = signals.draw(signal, rows, step_s)
    unit = "" if signal.unit in wording.MONEY_UNITS | wording.RATIO_UNITS else _unit_title(signal.unit)
    if not drawn.lines:
        since = wording.moment(filters.span(now)[0], now, filters.zone)
        return chart_card(
            signal.title,
            unit,
            "–",
            f"{pack.slug} sent no {signal.series} since {since}",
            states.empty("No samples in this range."),
            None,
            now,
        )
    threshold = pack.thresholds.get(signal.threshold) if signal.threshold else None
    lines: list[Mark] = []
    context = "no threshold"
    if threshold is not None and threshold.unit == signal.unit:
        lines.append(Mark(threshold.title, float(threshold.amount), tone.exhausted))
        crossed = drawn.newest is not None and (
            drawn.newest > threshold.amount if threshold.side == "above" else drawn.newest < threshold.amount
        )
        context = (
            f"{'is past' if crossed else 'within'} {_inside(threshold.title)} {wording.amount(threshold.amount, signal.unit)}"
        )
    elif (limit := signals.limit_line(signal, pack)) is not None:
        lines.append(Mark("limit", limit.value, tone.text))
        context = f"{'at least' if limit.at_least else 'limit'} {_said(limit.value, signal.unit)}"
        context += f" over {wording.age(limit.over)}" if limit.over else ""
    if drawn.beside is not None:
        lines.append(Mark("limit", drawn.beside, tone.text))
        context = f"of {wording.amount(drawn.beside, signal.unit)}"
    if signal.by and len(drawn.lines) > 4:
        context += f" · 3 of {len(drawn.lines)} by {signal.by} named, the highest"
    elif signal.by and len(drawn.lines) > 1:
        context += f" · {signal.across} of {len(drawn.lines)}"
    figure = line_chart(
        coloured(drawn.lines, tone), filters.span(now), filters.zone, tone,
        unit=signal.unit, thresholds=lines, deploys=deploys, key=f"{pack.slug}{signal.series}{filters.range}",
    )  # fmt: skip
    value = _said(drawn.newest, signal.unit) if drawn.newest is not None else "–"
    name = f"signal-{pack.slug}-{signal.component}-{signal.title.lower().replace(' ', '-')}"
    label = f"{signal.title} of {pack.title}: {value} now, {context}"
    return chart_card(
        signal.title, unit, value, context, graph(figure, name, label), drawn.newest_at, now, old=health_words.silent_after(pack)
    )


def _unit_title(unit: str) -> str:
    return {"requests_per_second": "per second", "gb": "GB", "tb": "TB"}.get(unit, unit.replace("_", " "))


def _said(value: float, unit: str) -> str:
    """A value with its unit; a share below 1 % with a second figure, so that it is not rounded up to its limit."""
    return wording.percent(value, 2) if unit in wording.RATIO_UNITS and abs(value) < 0.01 else wording.amount(value, unit)


def _inside(title: str) -> str:
    """A title within a sentence: `slow query`, but `API response time`."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
