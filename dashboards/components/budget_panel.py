"""What is known of one budget or credit: where it stands, the periods that are over, and every decision with who, when and from when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from analytics.budget_periods import PastPeriod
from analytics.credits import Drawn
from dashboards import limit_words, meter_words, wording
from dashboards.budget_amounts import one_of
from dashboards.budget_rows import BudgetRow
from dashboards.components.budget_forms import credit_button, edit_button, end_button, plain, take_back_button
from dashboards.components.budget_list import decision_words, exact, period_words, reset_words
from dashboards.components.headroom_bar import headroom_bar
from dashboards.components.marks import age, badge, glyph, link
from dashboards.door.asking import may_see_users
from dashboards.filters import Filters
from dashboards.limit_rows import ONE_USER
from roomleft.packs import Pack
from warehouse.state.terms import Term

AT_LEAST = "≥\u202f"
EVER = timedelta(days=36_500)
ROLLS = (
    "what the last period left of its own amount is added to this one's; what it had been given lapses, overspend is not carried"
)


def budget_panel(each: BudgetRow, past: Sequence[PastPeriod], pack: Pack, filters: Filters, now: datetime) -> html.Section:
    """The open budget."""
    limit, headroom = each.row.limit, each.row.headroom
    unit = wording.unit_word(limit.unit)
    own = f"{exact(limit.amount, limit.unit)} {unit}".strip()
    if limit.amount_per is not None:
        made_of = limit_words.amount_made_of(each.row)
        told = f"{made_of} = {exact(headroom.amount, limit.unit)}"
        own = told if made_of else f"{own} for each {one_of(limit.amount_per)}"
    own += " for each user" if limit.per_user else ""
    facts: list[tuple[str, Any]] = [
        ("Amount", own + (f" + {exact(each.rolled_over, limit.unit)} carried over" if each.rolled_over else "")),
        ("Period", f"{period_words(limit.window)}; {reset_words(limit.window, headroom.window_end, now)}".rstrip("; ")),
        ("Rollover", ROLLS if limit.rollover else "no"),
        ("Counts", meter_words.said(pack, limit.meter_id) + _where(pack, limit.meter_id)),
        ("Tight", f"when at most {wording.percent(limit.tight_below, 0)} is left, or it runs out before it begins again"),
        ("Owner", limit.owner or "nobody named"),
        ("Recipients", ", ".join(limit.recipients) or "nobody"),
        ("Note", limit.note or "–"),
        ("Why", headroom.reason or "–"),
    ]
    acts = [edit_button(each, pack), *([end_button(each)] if each.own else [])]
    acts += [link("History", filters.href(limit=each.row.key), "button"), link("Close", filters.href(budget=None), "button")]
    return html.Section(
        [
            html.Div(
                [
                    html.H2([glyph(each.row.state), " ", limit.title, html.Span(f" {limit.platform}", className="dim")]),
                    html.Div(acts, className="budget-acts"),
                ],
                className="budget-panel-head",
            ),
            headroom_bar(each.row, now, filters.zone),
            html.Div(
                [
                    html.Dl(
                        [piece for name, value in facts for piece in (html.Dt(name), html.Dd(value))], className="facts-list"
                    ),
                    html.Div(
                        [*_past(past, limit.unit, limit.rollover, each), *_decisions(each.decisions, limit.unit, filters, now)]
                    ),
                ],
                className="budget-panel-body",
            ),
        ],
        className="card budget-panel",
        **{"aria-label": limit.title, "data-key": each.row.key},
    )


def _where(pack: Pack, meter_id: str) -> str:
    where = getattr(pack.meters.get(meter_id), "where", None)
    given = where.given() if where is not None else {}
    given |= {} if may_see_users() or "user" not in given else {"user": [ONE_USER]}
    return "".join(f"; {name.replace('_', ' ')} {' or '.join(values)}" for name, values in given.items())


def _past(past: Sequence[PastPeriod], unit: str, rollover: bool, each: BudgetRow) -> list[Any]:
    if not past:
        return []
    window = each.row.limit.window
    assert window is not None, "only a calendar window has periods"
    rows = []
    for one in past:
        first, last = one.start.astimezone(window.zone), (one.end - timedelta(microseconds=1)).astimezone(window.zone)
        days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        used = "no data" if one.used is None else (AT_LEAST if one.lower_bound else "") + exact(one.used, unit)
        over = one.used is not None and one.used > one.amount
        rows.append(
            html.Tr(
                [
                    html.Td(days),
                    html.Td(exact(one.own_amount, unit), className="num"),
                    *([html.Td(exact(one.rolled_over, unit), className="num")] if rollover else []),
                    html.Td([used, " ", badge("over", "warn") if over else None], className="num"),
                    html.Td("" if one.whole or one.used is None else "data begins within", className="dim"),
                ]
            )
        )
    heads = ["Period", "Amount", *(["Carried over"] if rollover else []), "Used", ""]
    head = html.Tr([html.Th(name, scope="col", className="num" if name not in ("Period", "") else None) for name in heads])
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table")
    return [html.H3("Periods that are over"), html.Div(table, className="table-scroll")]


def _decisions(decisions: Sequence[Term], unit: str, filters: Filters, now: datetime) -> list[Any]:
    if not decisions:
        return [html.H3("Changes"), html.Div("Nothing was decided here: it is as the pack says.", className="dim")]
    rows = []
    held = [term for term in decisions if term.holds_at(now)]
    standing = max(held, key=lambda term: (term.valid_from, term.id), default=None)
    for term in reversed(decisions):
        if term.withdrawn_at is not None:
            state, act = f"taken back by {term.withdrawn_by}", None
        else:
            replaced = "replaced" if term.holds_at(now) else "over"
            state = "coming" if term.valid_from > now else "holds" if term is standing else replaced
            act = take_back_button(term.id, decision_words(term.content, unit))
        since = wording.when(term.valid_from, now, filters.zone)
        rows.append(
            html.Tr(
                [
                    html.Td(since),
                    html.Td(
                        [decision_words(term.content, unit), html.Div(term.note, className="dim") if term.note else None],
                        className="b-said",
                    ),
                    html.Td([term.made_by, html.Div(age(term.made_at, now, old=EVER), className="dim")]),
                    html.Td(state, className="dim"),
                    html.Td(act, className="num"),
                ]
            )
        )
    head = html.Tr([html.Th(name, scope="col") for name in ("Holds from", "What", "By", "", "")])
    return [
        html.H3("Changes"),
        html.Div(html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table"), className="table-scroll"),
    ]


def credit_panel(each: Drawn, filters: Filters, now: datetime) -> html.Section:
    """The open credit."""
    spec = each.credit.spec
    filled = {
        "id": each.credit.name, "platform": each.credit.platform, "title": spec.title, "provider": spec.provider, "amount_usd": plain(spec.amount_usd),
        "starts": spec.starts.isoformat(), "expires": spec.expires.isoformat() if spec.expires else "", "zone": spec.zone, "owner": spec.owner,
        "recipients": list(spec.recipients), "note": spec.note,
    }  # fmt: skip
    facts: list[tuple[str, Any]] = [
        ("Amount", exact(spec.amount_usd, "usd")),
        ("Used", exact(each.used_usd, "usd")),
        ("Left", exact(each.left_usd, "usd")),
        ("Lost", exact(each.lost_usd, "usd") if each.lost_usd else "–"),
        (
            "Pays for",
            f"{spec.provider} on {each.credit.platform or 'all platforms'}; of several credits the one that expires first",
        ),
        ("Owner", spec.owner or "nobody named"),
        ("Recipients", ", ".join(spec.recipients) or "nobody"),
        ("Note", spec.note or "–"),
        ("Noted", [f"by {each.credit.made_by}, ", age(each.credit.made_at, now, old=EVER), " ago"]),
    ]
    acts = [
        credit_button("Correct", filled),
        take_back_button(each.credit.term_id, spec.title),
        link("Close", filters.href(credit=None), "button"),
    ]
    return html.Section(
        [
            html.Div(
                [html.H2([spec.title, html.Span(f" {spec.provider}", className="dim")]), html.Div(acts, className="budget-acts")],
                className="budget-panel-head",
            ),
            html.Dl([piece for name, value in facts for piece in (html.Dt(name), html.Dd(value))], className="facts-list"),
        ],
        className="card budget-panel",
        **{"aria-label": spec.title, "data-key": each.credit.name},
    )
