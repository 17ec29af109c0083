"""The rows of the Budgets page: a bar, what was used of how much, when it begins again, and what was or will be changed. On a phone they are cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.ahead import LIKELY
from analytics.credits import Drawn
from dashboards import capacity_words, limit_words, wording
from dashboards.budget_amounts import amount_said, one_of
from dashboards.budget_rows import BudgetRow
from dashboards.components.headroom_bar import headroom_bar
from dashboards.components.limit_sort import sort_values
from dashboards.components.marks import age, badge, glyph, link
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow
from roomleft.limits import Direction, Freshness, Headroom, Kind, Limit, State
from roomleft.timespan import Period, Window

HEADS = ("", "Budget", "Room left", "Used", "Left", "Period", "Runs out", "Chance", "Owner", "Age")
CLASSES = ("c-state", "c-limit", "c-bar", "b-used", "b-left", "b-period", "b-out", "b-pace", "b-owner", "c-age")
OF_LIST = {"c-left": "b-left", "c-out": "b-out", "c-pace": "b-pace"}
"""The columns that the list of limits has too, under another name."""
FEW = Decimal("0.1")
PERIOD_WORDS = {
    Period.DAY: "a day",
    Period.WEEK: "a week",
    Period.MONTH: "a month",
    Period.QUARTER: "a quarter",
    Period.YEAR: "a year",
}


def budget_list(rows: Sequence[BudgetRow], filters: Filters, now: datetime) -> html.Div:
    """Budgets and quotas as they come, a darker rule where the state changes."""
    body, previous = [], None
    for each in rows:
        rule = " rule" if previous not in (None, each.row.state) else ""
        previous = each.row.state
        body.append(_budget(each, filters, now, rule))
    return _table([*body], "Budgets and quotas")


def credit_list(drawn: Sequence[Drawn], filters: Filters, now: datetime) -> html.Div:
    """Prepaid credits, those that can be used first."""
    order = sorted(drawn, key=lambda each: (each.credit.until is not None and each.credit.until <= now, each.credit.since))
    return _table([_credit(each, filters, now) for each in order], "Prepaid credits")


def _table(body: list[html.Div], label: str) -> html.Div:
    heads = zip(HEADS, CLASSES, strict=True)
    head = html.Div(
        [html.Div(name or html.Span("State", className="sr"), className=kind, role="columnheader") for name, kind in heads],
        className="budget-row head",
        role="row",
    )
    return html.Div(
        html.Div([head, *body], role="table", className="budget-table", **{"aria-label": label}), className="card flush"
    )


def _budget(each: BudgetRow, filters: Filters, now: datetime, rule: str) -> html.Div:
    row, zone = each.row, filters.zone
    limit, headroom = row.limit, row.headroom
    unit = wording.unit_word(limit.unit)
    out = limit_words.runs_out(row, now, zone)
    used = "no reading" if headroom.used is None else exact(headroom.used, limit.unit)
    bound = "≥\u202f" if headroom.lower_bound else ""
    return _row(
        state=row.state,
        said=limit_words.state_since(row, now, zone),
        name=[
            html.Span(limit.platform, className="dim platform"),
            link(limit.title, filters.href(budget=row.key), "limit-link", title=limit.title),
        ],
        marks=_marks(each, now, zone),
        bar=[headroom_bar(row, now, zone), html.Div(_likely(row, now, zone), className="b-likely dim")],
        used=[
            html.Span(f"{bound}{used}", className="strong"),
            html.Span(f"of {exact(headroom.amount, limit.unit)} {unit}".strip(), className="dim"),
        ],
        left=_left(row),
        period=[
            html.Span(period_words(limit.window)),
            html.Span(reset_words(limit.window, headroom.window_end, now), className="dim"),
        ],
        out=[html.Span(out.strong, className="dim" if row.is_remote else ""), html.Span(out.dim, className="dim")],
        pace=_chance(row),
        owner=limit.owner,
        observed=age(headroom.observed_at, now),
        rule=rule,
        by={**sort_values(row), "b-used": "" if headroom.used is None else f"{headroom.used:f}"},
        key=row.key,
    )


def _row(
    *, state: State, said: str, name: Any, marks: list[Any], bar: Any, used: Any, left: Any, period: Any, out: Any, pace: Any, owner: str,
    observed: Any, rule: str = "", by: Mapping[str, str] | None = None, key: str = "",
) -> html.Div:  # fmt: skip
    cells = (
        glyph(state, said=said),
        [html.Div(name), html.Div(marks, className="b-marks")],
        bar,
        used,
        left,
        period,
        out,
        pace,
        owner or "–",
        observed,
    )
    dim = {"b-owner", "c-age"}
    labels = dict(zip(CLASSES, HEADS, strict=True))
    sorts = {OF_LIST.get(name, name): {"data-sort": value} for name, value in (by or {}).items()}
    return html.Div(
        [
            html.Div(
                cell,
                className=f"{kind} dim" if kind in dim else kind,
                role="cell",
                **{"data-label": labels[kind], **sorts.get(kind, {})},
            )
            for kind, cell in zip(CLASSES, cells, strict=True)
        ],
        className=f"budget-row {state.value}{rule}",
        role="row",
        **({"data-key": key} if key else {}),
    )


def _likely(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """`likely $38–46k by 30 Nov`, the last day that counts; empty without a forecast."""
    likely, window, end = capacity_words.likely_end(row), row.limit.window, row.headroom.about_to or row.headroom.window_end
    by = "within 30 days"
    if window is not None and window.span is None and end is not None:
        by = f"by {wording.day(end - timedelta(seconds=1), now, window.zone)}"
    return f"{likely} {by}" if likely else ""


def _chance(row: LimitRow) -> list[Any]:
    """The chance that it runs out, and under it the pace against an even use of the period."""
    pace = limit_words.pace(row)
    likely = (row.headroom.p_breach or 0.0) >= LIKELY and row.state is not State.EXHAUSTED
    return [
        html.Span(limit_words.chance(row), className="strong" if likely else ""),
        html.Span("" if pace == limit_words.DASH else f"pace {pace}", className="dim"),
    ]


def _left(row: LimitRow) -> list[Any]:
    remaining, unit = row.headroom.remaining, row.limit.unit
    if remaining is None:
        return [html.Span("unknown", className="dim")]
    share = row.headroom.fraction_left
    bound = "≤\u202f" if row.headroom.lower_bound else ""
    return [
        html.Span(f"{bound}{exact(remaining, unit)}", className="strong"),
        html.Span(wording.percent(share, 0) if share is not None else "", className="dim"),
    ]


def _marks(each: BudgetRow, now: datetime, zone: ZoneInfo) -> list[Any]:
    limit, headroom = each.row.limit, each.row.headroom
    found: list[Any] = [badge(limit.kind.value)]
    if limit.per_user:
        found.append(badge("worst user", title=f"Holds for each user; {headroom.subject or 'nobody'} used most"))
    if limit.assumed:
        found.append(badge("assumed", title="Nobody confirmed the amount"))
    if each.rolled_over:
        words = f"{exact(each.rolled_over, limit.unit)} {wording.unit_word(limit.unit)}".strip()
        found.append(badge(f"{words} carried over", title="What the last period left of its own amount"))
    elif limit.rollover:
        found.append(badge("rolls over", title="Nothing was left of the last period, or not all of it is known"))
    if each.own:
        found.append(badge("made here", title="No pack has it"))
    elif each.standing(now) is not None:
        found.append(badge("edited", title="What was decided here stands in place of the pack's"))
    for term in each.coming(now):
        found.append(badge(f"changes {wording.day(term.valid_from, now, zone)}", "warn", coming_words(each, term.content)))
    if made_of := limit_words.amount_made_of(each.row):
        found.append(html.Span(f"{made_of} = {amount_said(headroom.amount, limit.unit)}", className="dim"))
    found.append(html.Span(freshness_words(headroom), className="dim"))
    order, due = capacity_words.order_words(each.row, now, zone)
    if limit.next_step is not None and (order or each.row.state is not State.OK):
        step = limit_words.next_step(limit.next_step)
        words = f"next step {step.strong}: {step.dim}" if step.strong else f"next step: {step.dim}"
        found += [html.Span(words, className="dim"), html.Span(order, className="strong" if due else "dim") if order else None]
    if headroom.reason and each.row.state is not State.OK:
        found.append(html.Span(headroom.reason, className="dim"))
    return found


def coming_words(each: BudgetRow, content: dict[str, Any]) -> str:
    """What a decision changes, in words."""
    return decision_words(content, each.row.limit.unit)


def decision_words(content: dict[str, Any], unit: str) -> str:
    """A decision's content in words: `amount 5,000; owner finance`."""
    if content.get("ended"):
        return "ended"
    own, edit = content.get("own"), content.get("edit") or {}
    said = (own or {}).get("limit") or edit
    parts = []
    for key, value in said.items():
        if key in ("id", "meter", "kind", "unit", "title") or (own and value in (None, "", [], False)):
            continue
        if key == "amount_per":
            parts.append(f"for each {one_of(value)}" if value else "as a fixed sum of the period")
            continue
        if key == "amount":
            value = exact(Decimal(str(value)), unit)
        elif key == "window":
            value = _window_said(value)
        elif isinstance(value, list):
            value = ", ".join(str(one) for one in value) or "nobody"
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        parts.append(f"{key.replace('_', ' ')} {value}")
    if own and own.get("meter", {}).get("where"):
        where = own["meter"]["where"].items()
        parts.append(
            "only " + ", ".join(f"{key} {' or '.join(value) if isinstance(value, list) else value}" for key, value in where)
        )
    return "; ".join(parts) or "nothing"


def _window_said(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " ".join(
        str(each)
        for each in (value.get("period"), value.get("zone"), f"the last {value['rolling']}" if value.get("rolling") else "")
        if each
    )


def freshness_words(headroom: Headroom) -> str:
    """`provisional` while late data may still change it."""
    return {Freshness.PROVISIONAL: "provisional", Freshness.RECONCILED: "reconciled", Freshness.RESTATED: "restated"}[
        headroom.freshness
    ]


def period_words(window: Window | None) -> str:
    """`a month, Europe/Berlin`."""
    if window is None:
        return "at any time"
    if window.span is not None:
        return f"the last {wording.age(window.span)}"
    fiscal = "a fiscal" if window.year_starts != 1 and window.period in (Period.QUARTER, Period.YEAR) else ""
    return f"{PERIOD_WORDS[window.period].replace('a ', f'{fiscal} ', 1) if fiscal else PERIOD_WORDS[window.period]}, {window.zone.key}"


def reset_words(window: Window | None, end: datetime | None, now: datetime) -> str:
    """`resets 1 Dec 00:00 CET`, in the period's own zone."""
    if window is None or window.span is not None or end is None:
        return "as it stands now" if window is None else "rolling"
    local = end.astimezone(window.zone)
    year = f" {local.year}" if local.year != now.astimezone(window.zone).year else ""
    return f"resets {local.day} {wording.MONTHS[local.month - 1]}{year} {local:%H:%M} {local.tzname()}"


def exact(value: Decimal, unit: str) -> str:
    """Dollars to the cent, as ledgers have them; other amounts as everywhere."""
    if unit != "usd":
        return wording.amount(value, unit)
    sign = "\u2212" if value < 0 and round(value, 2) else ""
    return f"{sign}${abs(value):,.2f}"


def _credit(each: Drawn, filters: Filters, now: datetime) -> html.Div:
    credit, spec = each.credit, each.credit.spec
    row = credit_as_limit(each, now)
    over = credit.until is not None and credit.until <= now
    marks: list[Any] = [badge("credit"), badge(spec.provider)]
    if over:
        marks.append(badge(f"expired, {exact(each.lost_usd, 'usd')} lost" if each.lost_usd else "expired, all used"))
    elif credit.since > now:
        marks.append(badge(f"from {wording.day(credit.since, now, filters.zone)}", "warn"))
    elif each.wasted_usd:
        marks.append(badge(f"{exact(each.wasted_usd, 'usd')} will expire unused", "warn", "At the pace of the last two weeks"))
    ends = "does not expire"
    if spec.expires is not None:
        day = spec.expires
        ends = f"to the end of {day.day} {wording.MONTHS[day.month - 1]} {day.year}, {spec.zone}"
    out: Any = "–"
    if each.runs_out_at is not None and each.left_usd:
        out = wording.day(each.runs_out_at, now, filters.zone)
    elif each.ran_out_at is not None:
        out = f"ran out {wording.day(each.ran_out_at, now, filters.zone)}"
    starts = spec.starts
    bound, at_most = ("≥\u202f", "≤\u202f") if each.at_most else ("", "")
    return _row(
        state=row.state,
        said=row.state.value,
        name=[
            html.Span(credit.platform or "all platforms", className="dim platform"),
            link(spec.title, filters.href(credit=credit.name), "limit-link"),
        ],
        marks=marks,
        bar=headroom_bar(row, now, filters.zone),
        used=[
            html.Span(f"{bound}{exact(each.used_usd, 'usd')}", className="strong"),
            html.Span(f"of {exact(credit.amount_usd, 'usd')}", className="dim"),
        ],
        left=[
            html.Span(f"{at_most}{exact(each.left_usd, 'usd')}", className="strong"),
            html.Span("", className="dim"),
        ],
        period=[
            html.Span(f"from {starts.day} {wording.MONTHS[starts.month - 1]} {starts.year}"),
            html.Span(ends, className="dim"),
        ],
        out=[html.Span(out), html.Span("at the recent pace" if each.runs_out_at and each.left_usd else "", className="dim")],
        pace=html.Span(f"{exact(each.per_day_usd, 'usd')} a day" if each.per_day_usd is not None else "–", className="dim"),
        owner=spec.owner,
        observed=age(each.last_at, now),
    )


def credit_as_limit(each: Drawn, now: datetime) -> LimitRow:
    """A credit as a limit without a window, so that its bar is drawn like any other. Expired: nothing can be told of its room."""
    spec = each.credit.spec
    limit = Limit(
        f"credit.{each.credit.name}", each.credit.platform, Kind.BUDGET, spec.title, spec.amount_usd, "usd", "", Direction.AT_MOST
    )
    share = each.left_usd / spec.amount_usd
    over = each.credit.until is not None and each.credit.until <= now
    soon = each.runs_out_at is not None and (each.runs_out_at - now).days < 30
    state = State.OK
    if over:
        state = State.UNKNOWN
    elif not each.left_usd:
        state = State.EXHAUSTED
    elif share <= FEW or soon:
        state = State.TIGHT
    headroom = Headroom(
        limit_id=limit.limit_id, platform=limit.platform, kind=limit.kind, unit="usd", amount=spec.amount_usd, used=each.used_usd,
        remaining=each.left_usd, fraction_left=float(share), state=state, reason="", burn_rate=None, exhausts_p10=None, exhausts_p50=None,
        exhausts_p90=None, p_breach=None, window_start=None, window_end=None, subject="", basis="", lower_bound=each.at_most,
        freshness=Freshness.PROVISIONAL, observed_at=each.last_at, as_of=now,
    )  # fmt: skip
    return LimitRow(limit, headroom)
