"""What an alert's page says, as HTML. Above the fold of a phone: what is wrong, since when, how far, when it runs out, what changed, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from dashboards import alert_page_chart, alert_words, wording
from dashboards.alert_rows import Delivery
from dashboards.alert_words import AlertLine
from dashboards.door.asking import asking
from dashboards.door.deeds import needs
from dashboards.pages.on_call_deliveries import OUTCOMES
from dashboards.plain_pages import NAV, glyph, plain_page
from dashboards.runbook_pages import runbook_href
from roomleft.findings import AlertState
from roomleft.packs_write import span_text
from roomleft.rules import Rule
from roomleft.rules_when import LEADING, All, Any_, Leaf
from roomleft.wording import said_once
from warehouse.state import Scope

if TYPE_CHECKING:
    from dashboards.alert_page import AlertPage

STYLE = (
    alert_page_chart.STYLE
    + """
.state{display:flex;flex-wrap:wrap;gap:2px 8px;align-items:center;font-size:13px}
.acts{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:8px;margin:8px 0 0}
.acts .button,.acts button{padding:0 6px;white-space:nowrap}
.rule pre{margin:6px 0}
.time{white-space:nowrap}
"""
)
WHAT = {
    "pending": "The condition began to hold",
    "firing": "It fires",
    "resolved": "It is over",
    "lapsed": "The condition held no longer; it had not fired",
    "unknown": "Nobody knows any more",
    "known": "It is known again",
    "withdrawn": "Its rule is gone",
}


def alert_html(page: AlertPage) -> str:
    """The whole page."""
    line = page.line
    title = f"{line.title} · {page.platform_title}"
    parts = [
        _said(page),
        _head(page),
        _facts(page),
        _changed(page),
        _acts(page),
        _chart(page),
        _related(page),
        _timeline(page),
        _told(page),
        _rule(line.rule),
    ]
    end = wording.zone_name(page.zone, page.now)
    return plain_page(title, "".join(parts), style=STYLE, nav=NAV, end=f"Times in {end}")


def _said(page: AlertPage) -> str:
    told = f'<p class="said" role="status">{escape(page.said)}</p>' if page.said else ""
    return told + (f'<p class="said bad" role="alert">{escape(page.trouble)}</p>' if page.trouble else "")


def _head(page: AlertPage) -> str:
    line, alert = page.line, page.line.alert
    words = {"firing": "Firing", "unknown": "Unknown", "pending": "Pending", "resolved": "Over"}.get(line.group, line.group)
    bits = [f'<span class="strong">{glyph(line.glyph)} {words}</span>', escape(alert.severity), escape(page.platform_title)]
    bits += [escape(each) for each in (line.component, line.subject) if each]
    summary = alert.annotations.get("summary") or alert.annotations.get("description") or alert.reason
    unknown = alert_words.unknown_words(alert, page.now, page.zone)
    told = f"<p>{escape(said_once(summary))}</p>" if summary else ""
    told += f'<p class="strong">{escape(unknown)}</p>' if unknown else ""
    if impact := alert.annotations.get("impact"):
        told += f"<p>{escape(impact)}</p>"
    state = '<span class="dim">·</span>'.join(f"<span>{bit}</span>" for bit in bits)
    return f'<div class="state">{state}</div><h1>{escape(line.title)}</h1>{told}'


def _facts(page: AlertPage) -> str:
    line, alert, now, zone = page.line, page.line.alert, page.now, page.zone
    value, against = alert_words.compared(alert)
    facts: list[tuple[str, str]] = [
        ("Since", f"{_when(line.began_at, page)}, {wording.age(now - line.began_at)}{alert_words.fired_words(alert, zone)}")
    ]
    if alert.state is AlertState.RESOLVED and alert.resolved_at:
        lasted = (
            f", after {wording.seconds(line.lasted.total_seconds())}" if line.lasted is not None else ", without having fired"
        )
        facts = [("Fired", _when(alert.fired_at or line.began_at, page)), ("Over", _when(alert.resolved_at, page) + lasted)]
    label = "At recovery" if alert.state is AlertState.RESOLVED else "Value"
    window = alert.facts.get("window", "")
    if value or against:
        facts.append((label, f"{value or 'unknown'}{f', {against}' if against else ''}{f', over {window}' if window else ''}"))
    worst = alert_words.reading(alert, alert.worst)
    if worst and worst != value:
        facts.append(("Worst", worst))
    if out := alert_words.runs_out(alert, now, zone):
        within = alert.facts.get("exhausts_range", "")
        facts.append(("Runs out", f"{out}{f' ({within})' if within and within != out else ''}"))
    if line.owner:
        facts.append(("Owner", line.owner))
    if line.taken:
        facts.append(("Taken", alert_words.taken_words(line.taken, now, zone)))
    if line.quiet:
        facts.append(("Told", f"nobody: {line.quiet}"))
    seen = (
        f"{wording.when(alert.observed_at, now, zone)}, {wording.age(now - alert.observed_at)} ago"
        if alert.observed_at
        else "no reading"
    )
    facts.append(("Data until", seen))
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(words)}</dd>' for name, words in facts)}</dl>"


def _changed(page: AlertPage) -> str:
    if not page.changed:
        return '<p class="small dim">Nothing was deployed in the two hours before.</p>'
    newest = page.changed[0]
    rest = f" and {len(page.changed) - 1} more" if len(page.changed) > 1 else ""
    before = page.line.began_at - newest["deployed_at"]
    name = " ".join(str(newest[key]) for key in ("kind", "component", "version") if newest.get(key))
    title = f", {newest['title']}" if newest.get("title") else ""
    return f'<p><span class="strong">Changed {wording.age(before)} before:</span> {escape(name + title + rest)}</p>'


def _acts(page: AlertPage) -> str:
    line, alert = page.line, page.line.alert
    book = runbook_href(line.rule.runbook) if line.rule else ""
    runbook = (
        f'<a class="button" href="{escape(book, quote=True)}">Runbook</a>'
        if book
        else '<span class="button dim">No runbook</span>'
    )
    if alert.state is AlertState.RESOLVED or not alert.episode:
        return f'<div class="acts" id="act">{runbook}</div>'
    if lacking := needs(Scope.RESPOND):
        return f'<div class="acts" id="act"><span class="dim">{lacking}: to acknowledge or silence</span>{runbook}</div>'
    base = f"/alerts/{quote(alert.episode, safe='')}"
    words = "Acknowledge" if line.taken is None else "Take over"
    first = f'<button class="first" formaction="{base}/acknowledge">{words}</button>' if line.fires else ""
    if line.taken is not None and line.taken.who == asking().name:
        first = '<span class="dim">You have it</span>'
    silence = f'<button formaction="{base}/silence">Silence 1 h</button>'
    return (
        f'<form id="act" method="post" action="{base}/acknowledge"><input type="hidden" name="_csrf_token" value="{escape(page.csrf, quote=True)}">'
        f'<input type="text" name="note" maxlength="500" placeholder="A word on it, if you like" aria-label="A word on it" autocomplete="off">'
        f'<div class="acts">{first}{silence}{runbook}</div></form>'
    )


def _chart(page: AlertPage) -> str:
    line, alert = page.line, page.line.alert
    fired = (alert.fired_at, alert.resolved_at or page.now) if alert.fired_at else None
    drawn = alert_page_chart.chart(
        page.points, page.span, fired, page.deploys, page.zone, words=partial(alert_words.reading, alert), title=line.title
    )
    about = "What the rule compares; shaded while it fired" + (", dotted where something was deployed" if page.deploys else "")
    if not any(each.value is not None for each in page.points):
        if not any(each.holds is not None for each in page.points):
            why = "Nobody knew in this time whether its condition held: there is nothing to draw." if page.points else ""
            return f"<h2>The reading behind it</h2>{f'<p class=dim>{why}</p>' if why else drawn}"
        words = "There is no reading behind it. Solid where the condition held, a thin line where it did not or nobody knew; shaded while it fired."
        return f'<h2>When it held</h2><div class="card">{drawn}<div class="small dim">{words}</div></div>'
    return f'<h2>The reading behind it</h2><div class="card">{drawn}<div class="small dim">{escape(about)}.</div></div>'


def _related(page: AlertPage) -> str:
    found: list[tuple[str, Sequence[AlertLine]]] = []
    if page.held_by is not None:
        found.append(("Told nobody because this explains it", [page.held_by]))
    if page.holds:
        found.append(("Explains these, which tell nobody", page.holds))
    if page.beside:
        found.append((f"Also firing on {page.platform_title}", page.beside[:8]))
    return "".join(
        f'<h2>{escape(title)}</h2><ul class="plain card">{"".join(_link(each, page) for each in lines)}</ul>'
        for title, lines in found
    )


def _link(line: AlertLine, page: AlertPage) -> str:
    subject = f' <span class="dim">{escape(line.subject)}</span>' if line.subject else ""
    return f'<li>{glyph(line.glyph)} <a href="{line.path}">{escape(line.title)}</a>{subject} <span class="dim small">since {escape(wording.when(line.began_at, page.now, page.zone))}</span></li>'


def _timeline(page: AlertPage) -> str:
    rows: list[tuple[datetime, str]] = []
    for event in page.events:
        value = alert_words.reading(page.line.alert, event.value)
        words = WHAT.get(event.what, str(event.what)) + (f" at {value}" if value else "")
        rows.append((event.at, words + (f": {event.words}" if event.words else "")))
    if page.line.taken:
        rows.append((page.line.taken.at, alert_words.taken_words(page.line.taken, page.now, page.zone)))
    if not rows:
        return ""
    items = "".join(
        f'<li><span class="dim time">{escape(_exact(at, page))}</span> {escape(words)}</li>'
        for at, words in sorted(rows, reverse=True)
    )
    return f'<h2>What happened</h2><ul class="plain card">{items}</ul>'


def _told(page: AlertPage) -> str:
    if not page.told:
        return '<h2>Who was told</h2><p class="dim">Nobody yet. <a href="/on-call/deliveries">Deliveries</a> says what was withheld, and why.</p>'
    rows = "".join(_told_row(each, page) for each in page.told)
    return f'<h2>Who was told</h2><ul class="plain card">{rows}</ul>'


def _told_row(each: Delivery, page: AlertPage) -> str:
    outcome = OUTCOMES.get(each.outcome, each.outcome)
    to = " by ".join(part for part in (each.receiver, each.channel) if part)
    said = " ".join(part for part in (each.status, each.answer) if part)
    why = f"{each.reason} ({said})" if each.reason and said else each.reason or said
    words = f"{to}: {outcome}" if to else f"{outcome[:1].upper()}{outcome[1:]}"
    tail = f' <span class="dim">{escape(why)}</span>' if why else ""
    return f'<li><span class="dim time">{escape(_exact(each.at, page))}</span> {escape(words)}{tail}</li>'


def _rule(rule: Rule | None) -> str:
    if rule is None:
        return '<h2>The rule</h2><p class="dim">It is not in force any more; its alert ends by itself. Rules stand beside the packs and in the folder of rules.</p>'
    return f'<details class="rule"><summary><h2 style="display:inline">The rule</h2></summary><pre>{escape(rule_text(rule))}</pre><p class="small dim">{escape(rule.where)}</p></details>'


def rule_text(rule: Rule) -> str:
    """A rule as it is written in a file of rules."""
    told: dict[str, Any] = {"alert": rule.alert, "title": rule.title, "when": plain_when(rule.when)}
    if rule.hold:
        told["for"] = span_text(rule.hold)
    if rule.keep_firing_for:
        told["keep_firing_for"] = span_text(rule.keep_firing_for)
    told |= {"on_no_data": rule.on_no_data, "severity": str(rule.severity), "runbook": rule.runbook}
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)


def plain_when(when: Leaf | All | Any_) -> Any:
    """A condition as it is written, in plain values."""
    return _plain(when.model_dump(exclude_defaults=True, by_alias=True))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        first = sorted(value, key=lambda name: name not in LEADING)
        return {str(name): _plain(value[name]) for name in first}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, timedelta):
        return span_text(value)
    return str(value) if isinstance(value, Decimal) else value


def _when(at: datetime, page: AlertPage) -> str:
    return f"{wording.when(at, page.now, page.zone)} {wording.zone_name(page.zone, at)}"


def _exact(at: datetime, page: AlertPage) -> str:
    return f"{wording.day(at, page.now, page.zone)} {at.astimezone(page.zone):%H:%M:%S}"
