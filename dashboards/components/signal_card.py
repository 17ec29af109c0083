"""The card of a pack's signal: its newest value, its threshold or limit, and its lines. The Health and the Live tab draw the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from analytics import signals
from analytics.health import silent_after
from dashboards import wording
from dashboards.alert_rows import Firing
from dashboards.charts.readings import signal_key
from dashboards.components import states
from dashboards.components.chart_card import behind, chart_card, graph
from dashboards.components.marks import link
from dashboards.figures.chart import Mark, leads_to
from dashboards.figures.earlier import Points, add_earlier, mean_of, values_of
from dashboards.figures.series import coloured, hover_value, line_chart
from dashboards.filters import Filters
from dashboards.theme import Tones
from roomleft.money import MINUS
from roomleft.packs import Pack
from roomleft.packs_parts import Signal
from roomleft.wording import COUNTED

BESIDE = 4
"""How many lines of the period before are drawn beside at most."""
COUNTED_OVER_S = {"ratio": 300, "rate_per_second": 60}
"""The least time a counter's rise is taken over."""


def signal_card(
    signal: Signal,
    pack: Pack,
    rows: Sequence[Mapping[str, Any]],
    step_s: int,
    filters: Filters,
    deploys: Sequence[Mapping[str, Any]],
    now: datetime,
    tone: Tones,
    firings: Sequence[Firing] = (),
    earlier: Sequence[Mapping[str, Any]] = (),
) -> html.Div:
    """One signal: newest value, its threshold or limit in words, and the chart over the filters' range. `earlier`: the readings of the period
    before in the same steps, drawn beside."""
    if signal.show != "value" and step_s < COUNTED_OVER_S[signal.show]:
        # A counter that rises now and then is nothing and much by turns from reading to reading.
        step_s = COUNTED_OVER_S[signal.show]
        rows, earlier = signals.coarser(rows, step_s), signals.coarser(earlier, step_s)
    drawn = signals.draw(signal, rows, step_s)
    lead, newest = leading(signal, pack, drawn)
    unit = "" if signal.unit in wording.MONEY_UNITS | wording.RATIO_UNITS else _unit_title(signal.unit)
    if not drawn.lines:
        since = wording.moment(filters.span(now)[0], now, filters.zone)
        return chart_card(
            signal.title,
            unit,
            "–",
            f"{pack.slug} sent no {signal.series} since {since}",
            states.empty("No samples in this range.", _wider(signal, pack, filters)),
            None,
            now,
        )
    threshold = pack.thresholds.get(signal.threshold) if signal.threshold else None
    lines: list[Mark] = []
    context = "no threshold"
    if threshold is not None and threshold.unit == signal.unit:
        lines.append(Mark("threshold", float(threshold.amount), tone.exhausted))
        crossed = newest is not None and (newest > threshold.amount if threshold.side == "above" else newest < threshold.amount)
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
    lowest = low_is_bad(signal, pack, drawn)
    if signal.by and len(drawn.lines) > 4:
        context += f" · the {'lowest' if lowest else 'highest'} 3 of {len(drawn.lines)} by {signal.by}"
    elif signal.by and signal.by != signals.QUANTILE and len(drawn.lines) > 1:
        context += f" · {signal.across} of {len(drawn.lines)}"
    context += f" · {step_words(step_s, pack)}"
    step = timedelta(seconds=step_s)
    # A single reading is whole as it comes; a mean or a rise of a step that is not over is not.
    filling = None if signal.show == "value" and step <= pack.interval else now - step
    shown: Mapping[str, Points] = {}
    if filters.compare:
        before = signals.draw(signal, earlier, step_s)
        context += f" · {compared(before.lines, drawn.lines, lead)}"
        named = {line: points for line, points in before.lines.items() if line == lead or len(before.lines) == 1 or not lead}
        shown = named if len(named) <= BESIDE else {}
    figure = line_chart(
        coloured(drawn.lines, tone, lowest=lowest, filling=filling), filters.span(now), filters.zone, tone,
        beside=values_of(shown), unit=signal.unit, thresholds=lines, deploys=deploys, firings=own_firings(signal, pack, firings), key=f"{pack.slug}{signal.series}{filters.range}",
    )  # fmt: skip
    if filters.compare:
        moved = filters.span(now)[0] - filters.previous(now)[0]
        add_earlier(figure, shown, moved, filters.zone, tone, hover=hover_value(signal.unit))
    value = f"{lead} {_said(newest, signal.unit)}".strip() if newest is not None else "–"
    name = f"signal-{pack.slug}-{signal.component}-{signal.title.lower().replace(' ', '-')}"
    label = f"{signal.title} of {pack.title}: {value} now, {context}"
    leads_to(figure, filters.zone, "readings", step_s=step_s)
    query = behind("signal", filters, platform=pack.slug, signal=signal_key(signal), range=filters.range)
    chart = graph(figure, name, label, query=query, ranged=True)
    return chart_card(signal.title, unit, value, context, chart, drawn.newest_at, now, old=silent_after(pack))


def compared(before: Mapping[str, Points], lines: Mapping[str, Points], lead: str) -> str:
    """`mean +12 % against the period before`: of the leading line, else of all lines there are in both periods."""
    names = [lead] if lead else [name for name in lines if name in before]
    means = [(mean_of(before.get(name, ())), mean_of(lines.get(name, ()))) for name in names]
    known = [(then, now) for then, now in means if then is not None and now is not None]
    if not known:
        return "nothing known of the period before"
    then, now = sum(each for each, _ in known), sum(each for _, each in known)
    if then == 0:
        return "same mean as the period before" if now == 0 else "mean 0 in the period before"
    share = (now - then) / abs(then)
    sign = "+" if share > 0 else MINUS
    size = wording.percent(abs(share))
    return f"mean {sign if size != wording.percent(0) else ''}{size} against the period before (dotted)"


def own_firings(signal: Signal, pack: Pack, firings: Sequence[Firing]) -> list[Firing]:
    """The alerts' stretches that belong on a signal's chart: of its component, and about what it draws or about the component as a whole."""
    names = {signal.series, signal.limit, signal.threshold} - {None}
    if signal.limit is not None:
        names.add(pack.limit_spec(signal.limit).meter)
    names |= {name for name, meter in pack.meters.items() if getattr(meter, "series", None) == signal.series}
    return [
        each for each in firings if each.labels.get("component") == signal.component and (not each.about or each.about & names)
    ]


def leading(signal: Signal, pack: Pack, drawn: signals.Drawn) -> tuple[str, float | None]:
    """The value a card leads with, and its name: of percentiles the one its limit speaks of, else p95, for they have no mean."""
    if signal.by != signals.QUANTILE:
        return "", drawn.newest
    wanted = "p95"
    if signal.limit is not None:
        told = getattr(pack.meters.get(pack.limit_spec(signal.limit).meter), "labels", {}).get(signals.QUANTILE)
        wanted = signals.percentile_name(told) if told else wanted
    name = wanted if drawn.last(wanted) is not None else next(reversed(list(drawn.lines)), "")
    return name, drawn.last(name)


def low_is_bad(signal: Signal, pack: Pack, drawn: signals.Drawn) -> bool:
    """Whether the lowest line is the one to see: of a floor, and of shares that are high when all is well."""
    threshold = pack.thresholds.get(signal.threshold) if signal.threshold else None
    if threshold is not None:
        return threshold.side == "below"
    limit = signals.limit_line(signal, pack)
    if limit is not None:
        return limit.at_least
    return signal.unit in wording.RATIO_UNITS and drawn.newest is not None and drawn.newest > 0.5


def step_words(step_s: int, pack: Pack) -> str:
    """What the newest value is: one reading where a step holds no more, else their mean."""
    step = timedelta(seconds=step_s)
    return "last reading" if step <= pack.interval else f"mean of {wording.age(step)}"


def _wider(signal: Signal, pack: Pack, filters: Filters) -> list[Any]:
    """Where to look for readings: in a longer range, and at what is read at all."""
    longer = "30d" if filters.range in ("7d", "30d", "month") else "7d"
    at = filters.href(f"/platforms/{pack.slug}", range=longer, component=signal.component)
    return [link(f"Last {longer[:-1]} d", at, "button"), link("Sources", filters.href("/sources"), "button")]


def _unit_title(unit: str) -> str:
    return wording.unit_title(unit)


def _said(value: float, unit: str) -> str:
    """A value with its unit; a share below 1 % with a second figure, so that it is not rounded up to its limit; things whole."""
    if unit in COUNTED and abs(value) >= 10:
        value = round(value)
    return wording.percent(value, 2) if unit in wording.RATIO_UNITS and abs(value) < 0.01 else wording.amount(value, unit)


def _inside(title: str) -> str:
    """A title within a sentence: `slow query`, but `API response time`."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
