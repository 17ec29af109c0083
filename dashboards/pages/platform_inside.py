"""How a platform works inside, on its Health tab: the way of a request, cache layers, replicas, scaling; and what it costs at each size,
what running it otherwise would cost, and the risks its design names. Each part only where the pack has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dash import html

from analytics.reports.hops import PathRow, median_lines
from analytics.reports.scaling import ScalingRow, Trigger
from analytics.reports.tiers import AlternativeRow, RiskRow, TierRow
from analytics.scores import Scored, Term
from analytics.signals import draw, limit_line
from dashboards import wording
from dashboards.components.chart_card import behind, graph
from dashboards.components.marks import age, badge, glyph, link
from dashboards.components.tables import table_card
from dashboards.figures.hops_chart import hops_chart
from dashboards.filters import Filters
from dashboards.theme import Tones
from roomleft.money import usd
from roomleft.packs import Pack
from roomleft.packs_parts import Signal

LAYER = "layer"
NO_AGE = timedelta(days=36_500)


def path_block(
    row: PathRow, pack: Pack, samples: tuple[Sequence[Mapping[str, Any]], int], deploys: Sequence[Mapping[str, Any]], filters: Filters, now: datetime,
    tone: Tones,
) -> html.Div:  # fmt: skip
    """The hops in a row, what does not add up, and the medians over time. `samples`: the readings of the range, and their step in seconds."""
    hops = [_hop(hop, now, last=hop is row.hops[-1]) for hop in row.hops]
    lines, total = median_lines(pack.request_paths[row.path_id], *samples)
    figure = hops_chart(
        lines, total, filters.span(now), filters.zone, tone, deploys=deploys, key=f"hops{pack.slug}{row.path_id}{filters.range}"
    )
    whole = " · ".join(f"{name} {wording.latency(value)}" for name, value in row.total.items())
    head = [html.H2(row.title), html.Span(f"whole way: {whole}" if whole else "no series of the whole way", className="strong")]
    label = f"Median of each hop of {row.title.lower()} over {filters.range_words.lower()}, stacked"
    return html.Div(
        [
            html.Div(head, className="card-head"),
            html.Div(f"Last hour, {row.basis}. Shares are of the medians.", className="card-context"),
            html.Div(hops, className="hops", role="list"),
            html.Div(adds_up(row), className="card-context"),
            html.Div(f"Median of each hop, ms, {filters.range_words.lower()}", className="chart-title"),
            graph(
                figure,
                f"hops-{row.path_id}",
                label,
                query=behind("way", filters, platform=pack.slug, path=row.path_id),
                ranged=True,
            ),
        ],
        className="card",
        **{"data-path": row.path_id},
    )


def _hop(hop: Any, now: datetime, *, last: bool) -> html.Div:
    told = hop.percentiles
    figures = [
        html.Span([html.Span(name, className="dim"), f" {wording.latency(told[name])}"], className="hop-figure")
        for name in ("p50", "p95", "p99")
        if name in told
    ]
    share = f"{wording.percent(hop.share, 0)} of the way" if hop.share is not None else "no share"
    return html.Div(
        [
            html.Div([html.Strong(hop.title), badge("slowest", "warn", "Highest p95 of all hops") if hop.slowest else None], className="hop-head"),
            html.Div(figures or "no reading in the last hour", className="hop-figures"),
            html.Div(html.Div(style={"width": f"{min(100.0, (hop.share or 0) * 100):.1f}%"}), className="hop-bar", **{"aria-hidden": "true"}),
            html.Div([share, " · ", age(hop.observed_at, now)], className="card-context"),
        ],
        className=f"hop{' slowest' if hop.slowest else ''}{' last' if last else ''}",
        role="listitem",
    )  # fmt: skip


def adds_up(row: PathRow) -> str:
    """Why the hops' percentiles do not add up to the whole way's, in figures."""
    if "p95" not in row.sums or "p95" not in row.total:
        return "Percentiles of the hops cannot be added: few requests are slow at every hop."
    sums, whole = row.sums["p95"], row.total["p95"]
    words = (
        f"Percentiles do not add up: the hops' p95 sum to {wording.latency(sums)}, the whole way's p95 is {wording.latency(whole)}, "
        "since few requests are slow at every hop."
    )
    if "p50" in row.sums and "p50" in row.total:
        words += f" Their medians sum to {wording.latency(row.sums['p50'])}, its median is {wording.latency(row.total['p50'])}."
    return words


def layers_block(
    pack: Pack, signal: Signal, rows: Sequence[Mapping[str, Any]], step_s: int, now: datetime, old: timedelta
) -> html.Div | None:
    """A ratio by layer as a table: now, the worst of the day, and against its limit. None without readings."""
    drawn = draw(signal, rows, step_s)
    if not drawn.lines:
        return None
    limit = limit_line(signal, pack)
    body = []
    for name, points in drawn.lines.items():
        known = [value for _, value in points if value is not None]
        at = drawn.line_at[name]
        value = drawn.last(name) if now - at <= old else None
        state = "unknown" if value is None else "ok"
        if limit is not None and value is not None and (value < limit.value if limit.at_least else value > limit.value):
            state = "exhausted"
        if not known:
            continue
        worst = min(known) if limit is None or limit.at_least else max(known)
        body.append(
            [
                html.Span([glyph(state) if limit is not None or value is None else None, f" {name}"]),
                _amount(value, signal.unit),
                _amount(worst, signal.unit),
                age(at, now, old=old),
            ]
        )
    bound = f"{'at least' if limit.at_least else 'at most'} {_amount(limit.value, signal.unit)}" if limit else "no limit"
    heads = (signal.by or "", "Now", "Lowest in 24 h" if limit is None or limit.at_least else "Highest in 24 h", "Age")
    heads = (heads[0].capitalize(), *heads[1:])
    return table_card(signal.title, heads, body, numbers=(1, 2, 3), note=f"{bound} · mean of {step_s // 60} min", name="layers")


def _amount(value: float | None, unit: str) -> str:
    return "–" if value is None else wording.amount(value, unit)


def scores_block(title: str, rows: Sequence[Scored], now: datetime) -> html.Div:
    """The subjects of one score, best first, each with its terms; the best is where reads go."""
    body = []
    for n, row in enumerate(rows):
        best = n == 0 and row.value is not None and row.subject != ""
        named = [
            html.Strong(row.subject) if best else row.subject or "all",
            " ",
            badge("reads go here", "good") if best else None,
        ]
        terms: Any = row.reason if row.value is None else [_term(term) for term in row.terms]
        score = html.Span(f"{row.value:.3f}", className="strong" if best else "") if row.value is not None else "unknown"
        body.append([html.Span(named), score, html.Div(terms, className="dim wrap"), age(row.observed_at, now)])
    return table_card(
        title, ("Which", "Score", "Made of", "Age"), body, numbers=(1, 3), note="1 is best", name="scores", cards=True
    )


def _term(term: Term) -> html.Div:
    """`0.4 response ms: 92`: what a term adds, of which series, and its reading."""
    adds = "–" if term.contribution is None else f"{term.contribution:.3f}".rstrip("0").rstrip(".")
    # The name of a series ends in its unit, which stands behind the reading.
    name, _, unit = term.series.rpartition("_")
    words = {"ms": wording.latency, "ratio": lambda share: wording.percent(float(share), 1)}.get(unit, wording.count)
    name = name if unit in ("ms", "ratio") and name else term.series
    reading = "no reading" if term.reading is None else words(term.reading)
    most = f" of {words(term.of)}" if term.of is not None else ""
    said = f"{adds} of {term.weight.normalize():f}: {name.replace('_', ' ')} {reading}{most}"
    return html.Div(said, title=term.reason or None)


def scaling_block(rows: Sequence[ScalingRow], now: datetime, old: timedelta) -> html.Div:
    """Each scaling rule set: how many run, and how far it is from going up or down."""
    body = []
    for row in rows:
        bounds = "–".join(wording.count(each) for each in (row.fewest, row.most) if each is not None)
        bounds = bounds if row.fewest is not None or row.most is None else f"at most {bounds}"
        running = wording.count(round(row.running, 1)) if row.running is not None else "–"
        why = html.Span(row.missing, className="dim wrap") if row.missing else None
        up, down = trigger_words(row.up, "up"), trigger_words(row.down, "down")
        body.append(
            [row.title, running, f"{bounds} {row.unit}".strip(), why or up or "–", "" if why else down or "–",
             wording.age(row.cooldown) if row.cooldown else "–", age(row.observed_at, now, old=old)]
        )  # fmt: skip
    heads = ("Scaling", "Running", "Range", "Until it scales up", "Until it scales down", "Cooldown", "Age")
    return table_card("Scaling", heads, body, numbers=(1, 6), note="how far from its triggers", name="scaling")


def trigger_words(trigger: Trigger | None, way: str) -> Any:
    """`12 pts: 58 % of parts at ≥ 80 % use, up at 70 %`."""
    if trigger is None:
        return None
    hold = f" for {wording.age(trigger.hold)}" if trigger.hold else ""
    sign = "≥" if trigger.side == "above" else "<"
    bound = wording.percent(trigger.use_percent / 100)
    if trigger.share_percent is not None:
        rule = f"{way} when {wording.percent(trigger.share_percent / 100)} of the parts are at {sign} {bound} use{hold}"
    else:
        rule = f"{way} when use is {sign} {bound}{hold}"
    if trigger.reading is None or trigger.distance is None:
        return html.Span(f"unknown; {rule}", className="wrap")
    now = wording.percent(trigger.reading / 100)
    if trigger.distance <= 0:
        return html.Span([html.Strong("past it"), html.Span(f" now {now}; {rule}", className="dim")], className="wrap")
    points = f"{wording.count(round(trigger.distance, 1))}{wording.THIN}points"
    return html.Span([html.Strong(points), html.Span(f" now {now}; {rule}", className="dim")], className="wrap")


def tiers_block(rows: Sequence[TierRow]) -> html.Div:
    """Every cost tier, its items on opening, the current one marked."""
    body = []
    for row in rows:
        items = html.Table(
            html.Tbody(
                [html.Tr([html.Td(item.title), html.Td(usd(item.usd_per_month, 0), className="num")]) for item in row.items]
            ),
            className="items",
        )
        holds = ", ".join(
            f"{key.replace('_', ' ')} {wording.with_unit(each.amount, each.unit)}" for key, each in row.holds.items()
        )
        opened = html.Details(
            [
                html.Summary(wording.plural(len(row.items), "item")),
                items,
                html.Div(f"Holds {holds}", className="dim wrap") if holds else None,
            ]
        )
        named = html.Span([html.Strong(row.title) if row.current else row.title, " ", badge("current") if row.current else None])
        per = each_words(row.usd_per_daily_user)
        body.append([named, wording.count(row.daily_users), opened, usd(row.total_usd, 0), per, row.planned or "–"])
    heads = ("Cost tier", "Daily users", "Items", "A month", "Each daily user", "Planned")
    current = [n for n, row in enumerate(rows) if row.current]
    return table_card(
        "Cost by size", heads, body, numbers=(1, 3, 4), note="US dollars a month, from the pack", marked=current, name="tiers"
    )


def each_words(amount: Decimal) -> str:
    """Dollars for one of something, as far as four digits after the point: `$2.90`, `$0.424`, `$0.0395`."""
    text = usd(amount, 4 if amount < 1 else 2)
    head, _, tail = text.partition(".")
    return f"{head}.{tail.rstrip('0').ljust(2, '0')}"


def alternatives_block(rows: Sequence[AlternativeRow]) -> html.Div:
    """Other ways to run the platform, and where each breaks even."""
    body = []
    for row in rows:
        apart = row.saves_usd
        difference = (
            "the same" if not apart else f"{'saves' if apart > 0 else 'costs'} {usd(abs(apart), 0)}{'' if apart > 0 else ' more'}"
        )
        even = [
            html.Div(
                [html.Strong(wording.with_unit(each.value, each.unit)), html.Span(f" {each.title}", className="dim")],
                className="even",
            )
            for each in row.break_even
        ]
        body.append(
            [
                html.Span(row.title, className="wrap", title=row.source),
                usd(row.usd_per_month, 0),
                html.Span([f"{row.replaces} ", html.Span(usd(row.replaced_usd, 0), className="strong")], className="wrap"),
                difference,
                html.Div(even) if even else "no figure of the pack tells",
            ]
        )
    heads = ("Alternative", "A month", "Replaces, today", "At today's size", "Breaks even at")
    return table_card("Alternatives", heads, body, numbers=(1,), note="worked out from the pack", name="alternatives")  # fmt: skip


def risks_block(rows: Sequence[RiskRow], filters: Filters, path: str) -> html.Div:
    """Each named risk with the limits that watch it and how they stand."""
    explained = any(row.why for row in rows)
    body = []
    for row in rows:
        watched = [
            html.Span(
                [
                    glyph(state),
                    " ",
                    link(title, filters.href(path, limit=key), "limit-link"),
                    html.Span(f" {state.value}", className="dim"),
                ],
                className="watch",
            )
            for key, title, state in row.limits
        ]
        named = html.Span([glyph(row.state.value if row.state else "unknown"), f" {row.title}"], className="wrap")
        watches = html.Div(watched, className="watches") if watched else html.Span("no limit watches it", className="dim")
        body.append([named, watches, *([html.Span(row.why, className="dim wrap")] if explained else [])])
    heads = ("Risk", "Watched by", "Why") if explained else ("Risk", "Watched by")
    return table_card("Risks the design names", heads, body, name="risks")


def layer_signals(pack: Pack) -> list[Signal]:
    """The signals that tell something by layer."""
    return [signal for signal in pack.signals if signal.by == LAYER]
