"""Deliveries: every notice with each attempt, what the other end answered, what came of it; and what was withheld, and why."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboards import wording
from dashboards.addresses import rows_told
from dashboards.alert_rows import Delivery, Sent
from dashboards.alert_words import alert_path
from dashboards.components import states
from dashboards.components.marks import badge, link
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.exports import safe
from dashboards.filters import Filters
from roomleft.rules import Rule
from warehouse.state import Scope

CSV_PATH = "/export/deliveries.csv"
DAYS = 30
MOST_ROWS = 200
FOLD = 4
"""So many alerts withheld at one time for one reason are one row."""
OUTCOMES = {
    "delivered": "delivered",
    "retry": "failed, tried again",
    "refused": "refused",
    "unknown": "outcome unknown, sent once more",
    "dropped": "dropped",
    "withheld": "withheld",
}
"""What came of an attempt, by the ledger's word."""
KINDS = {"delivered": "good", "retry": "warn", "refused": "bad", "unknown": "warn", "dropped": "", "withheld": ""}
COLUMNS = (
    "at",
    "outcome",
    "receiver",
    "channel",
    "attempt",
    "status",
    "answer",
    "reason",
    "took_ms",
    "notice_id",
    "rule_id",
    "fingerprint",
    "episode",
)


def deliveries_told(rows: Sequence[Delivery]) -> list[Delivery]:
    """The rows for who asks. Mail servers answer with people's addresses: for those who respond to alerts, and hidden from everybody else."""
    return rows_told(rows, Scope.RESPOND, "answer", "reason")


def shown(rows: Sequence[Delivery], filters: Filters) -> list[Delivery]:
    """The rows that pass the address's filters."""
    outcome, receiver, words, platform = (
        filters.get("outcome"),
        filters.get("receiver"),
        filters.get("q").lower(),
        filters.platform,
    )
    return [
        each
        for each in rows
        if outcome in ("", each.outcome)
        and receiver in ("", each.receiver)
        and (platform is None or not each.rule_id or each.rule_id.startswith(f"{platform}."))
        and (not words or words in f"{each.rule_id} {each.answer} {each.reason} {each.notice_id}".lower())
    ]


def body(rows: Sequence[Delivery], sent: Sequence[Sent], rules: Mapping[str, Rule], filters: Filters, now: datetime) -> list[Any]:
    """Chips, the notices that wait, the ledger."""
    kept = shown(rows, filters)
    notices = {each.notice_id: each for each in sent}
    waiting = [each for each in sent if each.state in ("waiting", "sending", "unknown")]
    blocks: list[Any] = [html.P(glossed(sentence(rows, waiting)), className="page-sub"), _chips(rows, filters)]
    if waiting:
        blocks.append(_waiting(waiting, now, filters))
    if not rows:
        return [
            *blocks,
            states.empty(
                f"Nobody was told anything in the last {DAYS} days, and nothing was withheld.",
                then="To see that a receiver gets what it should: bin/roomleft alerts test RECEIVER.",
            ),
        ]
    if not kept:
        everything = link("Show all deliveries", filters.href(outcome=None, receiver=None, q=None, platform=None), "button")
        return [*blocks, states.empty("No delivery passes these filters.", [everything])]
    listed = kept[:MOST_ROWS]
    table = table_card(
        "Attempts, newest first",
        ("At", "What", "Platform", "To", "Try", "Outcome", "Answer, or why not"),
        [
            _row(own[0], notices.get(own[0].notice_id), rules, filters, now)
            if len(own) < FOLD
            else _folded(own, rules, filters, now)
            for own in alike(listed)
        ],
        numbers={4},
        note=f"the last {DAYS} days" + (f", the newest {MOST_ROWS} of {len(kept):,}" if len(kept) > MOST_ROWS else ""),
        name="deliveries",
        cards=True,
    )
    return [*blocks, table]


def sentence(rows: Sequence[Delivery], waiting: Sequence[Sent]) -> str:
    """The ledger in one sentence."""
    counts = Counter(each.outcome for each in rows)
    said = [f"{counts['delivered']} delivered", f"{counts['withheld']} withheld"]
    said += [
        f"{counts[each]} {words}" for each, words in OUTCOMES.items() if counts[each] and each not in ("delivered", "withheld")
    ]
    tail = f" {wording.plural(len(waiting), 'notice')} {'waits' if len(waiting) == 1 else 'wait'}." if waiting else ""
    return f"In the last {DAYS} days: {', '.join(said)}.{tail}"


def _chips(rows: Sequence[Delivery], filters: Filters) -> html.Div:
    outcome, receiver = filters.get("outcome"), filters.get("receiver")
    counts = Counter(each.outcome for each in rows)
    receivers = sorted({each.receiver for each in rows if each.receiver})
    first = [link(f"All {len(rows)}", filters.href(outcome=None, receiver=None), "chip", current=not outcome and not receiver)]
    first += [
        link(f"{counts[each]} {each}", filters.href(outcome=None if outcome == each else each), "chip", current=outcome == each)
        for each in OUTCOMES
        if counts[each] or outcome == each
    ]
    second = [
        link(each, filters.href(receiver=None if receiver == each else each), "chip", current=receiver == each)
        for each in receivers
    ]
    second.append(
        html.A("CSV", href=filters.on(CSV_PATH).href(**{**filters.page, "tz": None}), className="chip", download="deliveries.csv")
    )
    groups = [html.Div(first, className="chip-group"), html.Div(second, className="chip-group")]
    return html.Div(groups, className="chips", role="group", **{"aria-label": "Filter deliveries"})


def _waiting(waiting: Sequence[Sent], now: datetime, filters: Filters) -> html.Div:
    words = {"waiting": "waits", "sending": "is being sent", "unknown": "outcome unknown, will be sent once more"}
    rows = [
        [
            str(each.content.get("title") or each.kind),
            f"{each.receiver} by {each.channel}",
            words[each.state],
            wording.plural(each.attempts, "try", "tries"),
            f"due {wording.when(each.due_at, now, filters.zone)}"
            if each.due_at > now
            else f"due {wording.age(now - each.due_at)} ago",
            each.words or each.why,
        ]
        for each in waiting[:50]
    ]
    return table_card("On their way", ("Notice", "To", "State", "Tries", "Next", "Last words"), rows, name="waiting", cards=True)


def alike(rows: Sequence[Delivery]) -> list[list[Delivery]]:
    """The rows one by one, but those withheld at one time for one reason together where they are `FOLD` or more."""
    groups: list[list[Delivery]] = []
    for row in rows:
        last = groups[-1][-1] if groups else None
        same = (
            last is not None
            and row.outcome == last.outcome == "withheld"
            and (row.at, row.reason, row.receiver) == (last.at, last.reason, last.receiver)
        )
        if same:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [part for group in groups for part in ([group] if len(group) >= FOLD else [[row] for row in group])]


def _folded(own: Sequence[Delivery], rules: Mapping[str, Rule], filters: Filters, now: datetime) -> list[Any]:
    """Many alerts that were withheld together: one row that opens."""
    first = own[0]
    names = [
        html.Div(
            [
                html.A(
                    rules[each.rule_id].title if each.rule_id in rules else each.rule_id,
                    href=filters.href(alert_path(each.episode, each.rule_id, each.fingerprint)),
                ),
                html.Span(f" {each.answer}", className="dim"),
            ]
        )
        for each in own
    ]
    return [
        html.Span(f"{wording.moment(first.at, now, filters.zone)}:{first.at.astimezone(filters.zone):%S}", className="nowrap"),
        html.Details([html.Summary(wording.plural(len(own), "alert")), html.Div(names, className="folded-rows")]),
        ", ".join(dict.fromkeys(_platform(each, None, rules) for each in own)),
        first.receiver or "–",
        "–",
        badge(OUTCOMES[first.outcome]),
        html.Span(first.reason, className="wrap"),
    ]


def _row(each: Delivery, sent: Sent | None, rules: Mapping[str, Rule], filters: Filters, now: datetime) -> list[Any]:
    rule = rules.get(each.rule_id)
    title = str(sent.content.get("title") or "") if sent else ""
    name = title or (rule.title if rule else each.rule_id) or each.notice_id[:12]
    first: Mapping[str, Any] = next(iter(sent.content.get("alerts") or []), {}) if sent else {}
    target = (
        each.episode or first.get("episode", ""),
        each.rule_id or first.get("rule_id", ""),
        each.fingerprint or first.get("fingerprint", ""),
    )
    why = f"{each.status} {each.answer}".strip() or each.reason
    if each.answer and each.reason:
        why = f"{why} ({each.reason})"
    told = [why, *([f"{each.took_ms:,}{wording.THIN}ms"] if each.took_ms else [])]
    return [
        html.Span(f"{wording.moment(each.at, now, filters.zone)}:{each.at.astimezone(filters.zone):%S}", className="nowrap"),
        html.Span(
            [
                html.A(name, href=filters.href(alert_path(*target))) if any(target) else name,
                html.Span(f" {sent.kind}, {sent.why}" if sent else "", className="dim"),
            ],
            className="wrap",
        ),
        _platform(each, sent, rules),
        f"{each.receiver} by {each.channel}" if each.channel else each.receiver or "–",
        str(each.attempt) if each.attempt else "–",
        badge(OUTCOMES.get(each.outcome, each.outcome), KINDS.get(each.outcome, "")),
        html.Span(", ".join(part for part in told if part) or "–", className="wrap"),
    ]


def _platform(each: Delivery, sent: Sent | None, rules: Mapping[str, Rule]) -> str:
    """Whose alerts it tells of."""
    told = (str(sent.content.get("platform_title") or sent.content.get("platform") or "")) if sent else ""
    titled = rules[each.rule_id].facts.get("platform_title", "") if each.rule_id in rules else ""
    return told or titled or each.rule_id.partition(".")[0] or "–"


def deliveries_csv(rows: Sequence[Delivery]) -> str:
    """One line an attempt, newest first; instants are RFC 3339."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(getattr(row, name)) for name in COLUMNS])
    return out.getvalue()
