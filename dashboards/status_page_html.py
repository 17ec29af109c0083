"""What a status page says, as HTML that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from analytics.health import STATUS_WORDS, ComponentHealth
from dashboards import wording
from dashboards.alert_words import AlertLine
from dashboards.door.deeds import needs
from dashboards.health_words import STATUS_STATE
from dashboards.plain_pages import NAV, glyph, plain_page
from dashboards.status_links import StatusLink
from roomleft.findings import Severity
from roomleft.rules_when import BurnIs, HeadroomIs, HealthIs, MeterIs, OwnIs, SqlIs, leaves
from warehouse.state import Scope

if TYPE_CHECKING:
    from dashboards.status_page import Day, Status

STYLE = """
.verdict{font-size:20px;line-height:26px;font-weight:600;margin:4px 0}
.part{padding:10px 0;border-top:1px solid var(--line)}.part:first-child{border-top:0}
.part-head{display:flex;justify-content:space-between;gap:10px;flex-wrap:wrap}
.days{display:grid;grid-template-columns:repeat(30,minmax(0,1fr));gap:2px;height:26px;margin:6px 0 2px}
.days i{display:block;border-radius:2px;background:var(--ok);height:100%}
.days i.tight{background:var(--tight)}.days i.exhausted{background:var(--exhausted)}
.days i.none{background:repeating-linear-gradient(135deg,var(--unknown) 0 1px,transparent 1px 5px);border:1px dashed var(--unknown);opacity:.45}
.ends{display:flex;justify-content:space-between}
form.row{display:flex;gap:8px;flex-wrap:wrap;margin:8px 0}form.row input[type=text]{flex:1;min-width:160px}
"""
GOOD, FAIR = 0.999, 0.99
"""From which share of a day on it is drawn as good, and as fair."""
MONEY = ("usd", "$", "dollars")


def status_html(
    shown: Status, *, public: bool = False, links: Sequence[StatusLink] = (), csrf: str = "", made: str = "", trouble: str = ""
) -> str:
    """The page. The public one leads nowhere, and tells of alerts only what their component is and since when."""
    health, now = shown.health, shown.now
    seen = f"Checked {wording.age(now - health.observed_at)} ago" if health.observed_at else "Never checked"
    head = (
        f'<p class="verdict">{glyph(STATUS_STATE[health.status])} {escape(shown.pack.title)}: {escape(STATUS_WORDS[health.status].lower())}</p>'
        f'<p class="dim">{escape(health.sentence)} {escape(seen)}, at {escape(wording.moment(now, now, shown.zone))} {escape(wording.zone_name(shown.zone, now))}.</p>'
    )
    parts = "".join(_part(part, shown) for part in health.components)
    body = head + _incidents(shown, public) + f'<h2>Components</h2><div class="card">{parts}</div>{_key()}'
    if public:
        return plain_page(f"{shown.pack.title} status", body, style=STYLE, end="Status", refresh_s=60)
    return plain_page(
        f"{shown.pack.title} status",
        _said(made, trouble) + body + _publishing(shown.pack.slug, links, csrf, shown),
        style=STYLE,
        nav=NAV,
        end="Status page",
    )


def _said(made: str, trouble: str) -> str:
    told = f'<p class="said bad" role="alert">{escape(trouble)}</p>' if trouble else ""
    if made:
        told += f'<div class="said" role="status"><p>Anyone with this link sees this page, until you revoke it. It is shown this once:</p><pre>{escape(made)}</pre></div>'
    return told


def _incidents(shown: Status, public: bool) -> str:
    rows = []
    for part in shown.health.components:
        if part.status in ("fail", "warn", "unknown"):
            since = f"since {wording.moment(part.since, shown.now, shown.zone)}" if part.since else ""
            rows.append(
                f'<li>{glyph(STATUS_STATE[part.status])} <span class="strong">{escape(part.title)}</span> {escape(STATUS_WORDS[part.status].lower())} <span class="dim">{escape(since)}</span></li>'
            )
    told = {part.component_id: part.title for part in shown.health.components}
    failing = {part.component_id for part in shown.health.components if part.status == "fail"}
    present = _each_once([line for line in shown.alerts if says_now(line)])
    for line in present:
        if public and line.component in failing and _is_of_health(line):
            continue
        if not public:
            rows.append(
                f'<li>{glyph(line.glyph)} <a href="{line.path}">{escape(line.title)}</a> {escape(line.group)} <span class="dim">since {escape(wording.moment(line.began_at, shown.now, shown.zone))}</span></li>'
            )
        elif line.fires and line.component in told and may_be_told(line):
            rows.append(
                f'<li>{glyph(line.glyph)} <span class="strong">{escape(told[line.component])}</span>: {escape(line.title)} <span class="dim">since {escape(wording.moment(line.began_at, shown.now, shown.zone))}</span></li>'
            )
    others = sum(line.fires and not says_now(line) for line in shown.alerts)
    more = (
        ""
        if public or not others
        else f'<p class="dim">{wording.plural(others, "more alert")} {"fires" if others == 1 else "fire"}, a warning or one on a budget, cost or room left: '
        'see <a href="/on-call">On call</a>.</p>'
    )
    if not rows:
        return f"<h2>Now</h2><p>Nothing is wrong that we know of.</p>{more}"
    return f'<h2>Now</h2><ul class="plain card">{"".join(rows)}</ul>{more}'


NOT_OF_NOW = (BurnIs, HeadroomIs, MeterIs, SqlIs, OwnIs)
"""Conditions that speak of hours past, of what may come, or of money."""


def says_now(line: AlertLine) -> bool:
    """Whether an alert tells of something wrong at present: checks that fail, or users who are hurt now, which a critical reading says. That an error
    budget burns tells of hours past."""
    parts = list(leaves(line.rule.when)) if line.rule else []
    if not parts or any(isinstance(part, NOT_OF_NOW) for part in parts):
        return False
    return _is_of_health(line) or line.alert.severity is Severity.CRITICAL


def _is_of_health(line: AlertLine) -> bool:
    return line.rule is not None and any(isinstance(part, HealthIs) for part in leaves(line.rule.when))


def _each_once(lines: Sequence[AlertLine]) -> list[AlertLine]:
    """Of alerts that would read the same the one that began first."""
    found: dict[tuple[str, str, str], AlertLine] = {}
    for line in sorted(lines, key=lambda each: each.began_at):
        found.setdefault((line.title, line.component, line.group), line)
    return list(found.values())


def may_be_told(line: AlertLine) -> bool:
    """Whether strangers may read an alert's title: not one that speaks of money."""
    title = line.title.lower()
    return not any(word in line.alert.unit for word in MONEY) and not any(
        word in title for word in ("$", "cost", "spend", "budget", "revenue")
    )


def _part(part: ComponentHealth, shown: Status) -> str:
    share = shown.available(part)
    days = shown.days.get(part.component_id, ())
    seen = sum(1 for each in days if each.minutes)
    told = f"{wording.percent(share, 2)} over {wording.plural(seen, 'day')} seen" if share is not None else "no answer in 30 days"
    bars = "".join(f'<i class="{_kind(each)}" title="{escape(_day_words(each), quote=True)}"></i>' for each in days)
    label = escape(f"{part.title}: {told}", quote=True)
    return (
        f'<div class="part"><div class="part-head"><span class="strong">{glyph(STATUS_STATE[part.status])} {escape(part.title)}</span>'
        f"<span>{escape(STATUS_WORDS[part.status])}</span></div>"
        f'<div class="days" role="img" aria-label="{label}">{bars}</div><div class="ends small dim"><span>30 days ago</span><span>{escape(told)}</span><span>today</span></div></div>'
    )


def _kind(day: Day) -> str:
    if day.share is None:
        return "none"
    return "ok" if day.share >= GOOD else "tight" if day.share >= FAIR else "exhausted"


def _day_words(day: Day) -> str:
    name = f"{day.day:%-d %b}"
    if day.share is None:
        return f"{name}: not looked at"
    return f"{name}: {wording.percent(day.share, 2)}" + (f", down {wording.plural(day.down, 'minute')}" if day.down else "")


def _key() -> str:
    return (
        '<p class="small dim">A bar is a day: plain from 99.9 % up, then amber, red below 99 %, hatched where nobody looked. '
        "A minute counts as down when a check failed in it.</p>"
    )


def _publishing(slug: str, links: Sequence[StatusLink], csrf: str, shown: Status) -> str:
    word = f'<input type="hidden" name="_csrf_token" value="{escape(csrf, quote=True)}">'
    rows = []
    for link in links:
        name = f'<code>{escape(link.prefix)}…</code> {escape(link.note)} <span class="dim">by {escape(link.made_by)}, {escape(wording.moment(link.made_at, shown.now, shown.zone))}</span>'
        if link.revoked_at:
            rows.append(
                f'<li>{name} <span class="badge">revoked {escape(wording.moment(link.revoked_at, shown.now, shown.zone))} by {escape(link.revoked_by or "")}</span></li>'
            )
        else:
            rows.append(
                f'<li>{name}<form class="row" method="post" action="/status/{slug}/revoke">{word}<input type="hidden" name="prefix" value="{escape(link.prefix, quote=True)}"><button>Revoke</button></form></li>'
            )
    listed = f'<ul class="plain card">{"".join(rows)}</ul>' if rows else '<p class="dim">No link publishes this page.</p>'
    if lacking := needs(Scope.ADMIN):
        return f'<h2>Publish</h2><p class="dim">{lacking}.</p>'
    return (
        f'<h2>Publish</h2><p class="dim">A link shows this page, without alerts about money, to whoever has it; no sign-in is needed.</p>{listed}'
        f'<form class="row" method="post" action="/status/{slug}/publish">{word}<input type="text" name="note" maxlength="200" placeholder="For whom, for example customers" aria-label="For whom"><button class="first">Make a link</button></form>'
    )
