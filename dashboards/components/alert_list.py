"""A list of alerts: rows on a desk, cards on a phone, with what can be done about each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from dashboards import alert_words, wording
from dashboards.alert_words import AlertLine
from dashboards.components.marks import age, badge, glyph, link
from dashboards.filters import Filters
from dashboards.runbook_pages import runbook_href

HEADS = (("c-state", ""), ("a-title", "Alert"), ("a-since", "Since"), ("a-value", "Value"), ("a-out", "Runs out"), ("a-owner", "Owner"),
         ("a-acts", ""), ("c-age", "Data age"))  # fmt: skip
UNSEEN = {"c-state": "State", "a-acts": "What can be done"}
"""Headings for those who hear the page."""
OLD = timedelta(minutes=3)


def alert_href(line: AlertLine, filters: Filters) -> str:
    """The alert's own page, its times in the reader's zone; the way back keeps what the page here asks for."""
    return filters.href(line.path)


def kept(address: str, filters: Filters) -> str:
    """An address of ours with what the page asks for, so that the way back keeps it; another server's as it is."""
    return filters.href(address) if address.startswith("/") else address


def alert_list(title: str, lines: Sequence[AlertLine], filters: Filters, now: datetime) -> html.Section:
    """A heading with a count, and the rows."""
    head = html.Div(
        [html.Div(words or html.Span(UNSEEN[name], className="sr"), className=name) for name, words in HEADS],
        className="alert-row head",
    )
    rows = [alert_row(line, filters, now) for line in lines]
    return html.Section(
        [
            html.H2([title, html.Span(f" {len(lines)}", className="dim")], className="section-title"),
            html.Div([head, *rows], className="card flush"),
        ],
        className="alert-group",
        **{"data-group": lines[0].group},
    )


def alert_row(line: AlertLine, filters: Filters, now: datetime) -> html.Div:
    """One alert."""
    alert, zone = line.alert, filters.zone
    value, against = alert_words.compared(alert)
    unknown = alert_words.unknown_words(alert, now, zone)
    under: list[Any] = [html.Span(" · ".join(each for each in (alert.platform, alert.severity, line.subject) if each))]
    if not value and alert.reason and not unknown:
        under.append(html.Span(alert.reason))
    if line.taken:
        under.append(badge("acknowledged", "good", alert_words.taken_words(line.taken, now, zone)))
        under.append(html.Span(f"{line.taken.who}{f': {line.taken.note}' if line.taken.note else ''}"))
    if line.quiet:
        under.append(badge(line.quiet))
    if unknown:
        under.append(html.Span(unknown, className="a-unknown"))
    out = alert_words.runs_out(alert, now, zone)
    said = f"{alert.severity}, {line.group}"
    return html.Div(
        [
            html.Div(glyph(line.glyph, said=said), className="c-state"),
            html.Div(
                [
                    html.A(line.title, href=alert_href(line, filters), className="limit-link"),
                    html.Div(under, className="b-marks dim"),
                ],
                className="a-title",
            ),
            html.Div(alert_words.since_words(line, now, zone), className="a-since"),
            html.Div(
                [html.Span(value or "–", className="strong"), html.Span(f" {against}", className="dim") if against else None],
                className="a-value",
            ),
            html.Div(out or "–", className="a-out" + ("" if out else " dim")),
            html.Div(line.owner or "–", className="a-owner dim"),
            html.Div(acts(line, filters), className="a-acts"),
            html.Div(age(alert.observed_at, now, old=OLD), className="c-age"),
        ],
        className=f"alert-row {line.group}" + (" needs" if line.needs_somebody else ""),
        **{"data-episode": alert.episode},
    )


def acts(line: AlertLine, filters: Filters) -> list[Any]:
    """Acknowledge, silence, runbook, as far as each makes sense."""
    book = runbook_href(line.rule.runbook) if line.rule else ""
    runbook = html.A("Runbook", href=kept(book, filters), className="button") if book else None
    if line.group == "resolved":
        return [runbook] if runbook else []
    buttons: list[Any] = []
    if line.fires and line.taken is None:
        told = {"episode": line.alert.episode, "title": line.title}
        buttons.append(
            html.Button(
                "Ack", className="button", title="Say that you have it", **{"data-act": "ack", "data-told": json.dumps(told)}
            )
        )
    if not line.quiet:
        buttons.append(
            silence_button("Silence 1\u00a0h", [str(each) for each in alert_words.matchers_of(line.alert.labels)], line.title)
        )
    return [*buttons, runbook] if runbook else buttons


def silence_button(words: str, matchers: Sequence[str], title: str, className: str = "button") -> html.Button:
    """Opens the silence form with these matchers filled in."""
    told = {"matchers": list(matchers), "title": title}
    return html.Button(words, className=className, **{"data-act": "silence", "data-told": json.dumps(told)})


def firing_line(lines: Sequence[AlertLine], filters: Filters) -> Any:
    """`3 alerts fire, 1 needs you`, with what is unknown, for other pages, leading to On call; None while there is nothing to say."""
    counts = alert_words.counted(lines)
    fire, need, unknown = counts["firing"], sum(line.needs_somebody for line in lines), sum(line.is_unknown for line in lines)
    if not fire and not unknown:
        return None
    words = []
    if fire:
        words.append(
            f"{wording.plural(fire, 'alert')} {'fires' if fire == 1 else 'fire'}"
            + (f", {need} need{'s' if need == 1 else ''} you" if need else "")
        )
    if unknown:
        words.append(f"{wording.plural(unknown, 'alert')} unknown" if not fire else f"{unknown} unknown")
    worst = next((line.glyph for line in alert_words.worst_first(lines)), "ok")
    # The ring means that all is well: where something fires that needs nobody, no sign says so.
    sign = [glyph(worst, labelled=False)] if worst != "ok" else []
    return link([*sign, " · ".join(words)], filters.href("/on-call"), "firing-line")
