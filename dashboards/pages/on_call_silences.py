"""Silences: what tells nobody now and what will, what each hides, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from alerts.silences import ENDS_SOON, Silence
from alerts.windows import window_words
from dashboards import wording
from dashboards.alert_lines import SilenceNow
from dashboards.alert_words import AlertLine
from dashboards.components import states
from dashboards.components.alert_list import alert_href
from dashboards.components.marks import badge
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.filters import Filters

GROUPS = {
    "active": "Active",
    "coming": "Coming",
    "recurring": "Recurring, between two times",
    "ended": "Ended in the last week",
}
HOUR = timedelta(hours=1)


def group_of(silence: Silence, now: datetime) -> str:
    """One of GROUPS."""
    state = silence.state_at(now)
    if state == "pending":
        return "coming" if silence.recurring is None else "recurring"
    return "ended" if state == "expired" else "active"


def body(found: Sequence[SilenceNow], lines: Sequence[AlertLine], filters: Filters, now: datetime) -> list[Any]:
    """The sentence, the form, the groups."""
    groups = {key: [each for each in found if group_of(each.silence, now) == key] for key in GROUPS}
    hidden = {line.alert.key for each in groups["active"] for line in each.hides}
    matchers = [f'platform="{filters.platform}"'] if filters.platform else []
    told = {"matchers": matchers, "title": "", "recurring": True, "zone": filters.zone.key}
    add = html.Button("New silence", className="button primary", **{"data-act": "silence", "data-told": json.dumps(told)})
    head = html.Div(
        [html.P(glossed(sentence(groups["active"], len(hidden))), className="page-sub"), html.Div(add, className="budget-acts")],
        className="budget-top",
    )
    if not found:
        return [
            head,
            states.empty(
                "Nothing is silenced, and no maintenance window is planned.",
                then="New silence above makes one; an alert's own Silence fills it in.",
            ),
        ]
    return [head, *[_table(GROUPS[key], own, filters, now) for key, own in groups.items() if own]]


def sentence(active: Sequence[SilenceNow], hidden: int) -> str:
    """The tab in one sentence."""
    if not active:
        return "Nothing is silenced now."
    what = wording.plural(len(active), "silence") + (" holds" if len(active) == 1 else " hold")
    return f"{what} now, hiding {wording.plural(hidden, 'alert') if hidden else 'no alert'}."


def _table(title: str, own: Sequence[SilenceNow], filters: Filters, now: datetime) -> html.Div:
    heads = ("What it matches", "When", "Ends", "Hides now", "By", "")
    return html.Div(
        table_card(title, heads, [_row(each, filters, now) for each in own], name="silences", cards=True),
        className="section-title",
    )


def _row(each: SilenceNow, filters: Filters, now: datetime) -> list[Any]:
    silence, zone = each.silence, filters.zone
    matchers = html.Div(
        [
            html.Span(" and ".join(str(one) for one in silence.matchers), className="mono wrap"),
            html.Div(silence.note, className="dim") if silence.note else None,
            badge("maintenance") if silence.kind == "maintenance" else None,
            badge("matched nothing for a week", "warn") if each.holding.idle else None,
        ],
        className="said",
    )
    return [
        matchers,
        _when(silence, filters, now),
        _ends(silence, filters, now),
        _hides(each, filters),
        _by(silence, now, zone),
        _acts(silence, now),
    ]


def _when(silence: Silence, filters: Filters, now: datetime) -> Any:
    zone = filters.zone
    if silence.recurring is None:
        return html.Span(wording.moment(silence.starts_at, now, zone) if silence.starts_at else "always", className="nowrap")
    coming = silence.next_stretch(now)
    following = f"next {wording.when(coming, now, zone)} {wording.zone_name(zone, now)}" if coming else ""
    return html.Span(
        [html.Div(window_words(silence.recurring)), html.Div(following, className="dim") if following else None], className="wrap"
    )


def _ends(silence: Silence, filters: Filters, now: datetime) -> Any:
    zone = filters.zone
    if silence.is_over(now):
        at = silence.ended_at or silence.ends_at
        by = f" by {silence.ended_by}" if silence.ended_by not in (None, "roomleft") else ""
        return f"ended {wording.moment(at, now, zone)}{by}" if at else "ended"
    stretch = silence.stretch(now)
    end = stretch[1] if stretch else silence.ends_at
    if end is None:
        return "never: it stands in alerting.yaml"
    left = end - now
    soon = "strong" if stretch and left <= ENDS_SOON else ""
    final = f", for good {wording.day(silence.ends_at, now, zone)}" if silence.recurring is not None and silence.ends_at else ""
    if not stretch:
        return wording.moment(end, now, zone)
    return html.Span(
        [
            html.Span(f"in {wording.age(left)}", className=soon),
            html.Span(f" {wording.when(end, now, zone)}{final}", className="dim"),
        ]
    )


def _hides(each: SilenceNow, filters: Filters) -> Any:
    if not each.hides:
        return html.Span("nothing", className="dim")
    return html.Div([html.A(line.title, href=alert_href(line, filters)) for line in each.hides[:5]], className="said")


def _by(silence: Silence, now: datetime, zone: Any) -> Any:
    made = f", {wording.moment(silence.made_at, now, zone)}" if silence.made_at else ""
    return html.Span([silence.made_by, html.Span(made, className="dim")], className="wrap")


def _acts(silence: Silence, now: datetime) -> Any:
    if not silence.id or silence.is_over(now):
        return ""
    told = json.dumps({"id": silence.id, "words": " and ".join(str(each) for each in silence.matchers)})
    buttons = [html.Button("End", className="button", **{"data-act": "end-silence", "data-told": told})]
    if silence.recurring is None and silence.ends_at is not None:
        until = (max(silence.ends_at, now) + HOUR).isoformat()
        longer = json.dumps({"id": silence.id, "ends_at": until})
        buttons.insert(
            0,
            html.Button(
                "+1\u00a0h",
                className="button",
                title="Let it last an hour longer",
                **{"data-act": "prolong-silence", "data-told": longer},
            ),
        )
    return html.Div(buttons, className="a-acts")
