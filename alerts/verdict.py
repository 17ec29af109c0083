"""What a replay says of a rule: how often it would have paged, how soon it saw known incidents, how much it missed, how often it came back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from alerts.alert import Event, Happened
from alerts.episodes import ENDS
from roomleft.rules import Rule
from roomleft.wording import span_text

GATHERED = timedelta(minutes=5)
"""News of a told group are gathered for so long, as routes do unless told otherwise: what fires within it is one page."""
FLAP = timedelta(hours=1)
WEEK = timedelta(days=7)
NOISY_PER_WEEK = 7.0
"""More than a page a day from one rule is more than people read."""
SLOW = timedelta(minutes=15)
AFTERGLOW = timedelta(minutes=5)
"""A rule that fires so soon after an incident's end has still seen it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which a component was known to be broken, [started, ended), and how that is known."""

    platform: str
    component: str
    started: datetime
    ended: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pages`: firings gathered as a group would be. `detection_s`: the middle of the times from the start of an incident of the rule's component to
    its firing, over those it saw; None if it saw none or there were none. `minutes_missed`: of those incidents, the time in which it did not fire.
    `flaps`: firings of a label set within an hour of its last end. `unknown_s`: for how long nobody knew of the rule or a label set of it."""

    rule: str
    fired: int
    pages: int
    pages_per_week: float
    detection_s: float | None
    minutes_missed: float
    flaps: int
    unknown_s: float
    firing_s: float
    incidents: int
    seen: int
    verdict: str
    why: str


def verdict_of(rule: Rule, events: Sequence[Event], since: datetime, until: datetime, incidents: Iterable[Incident]) -> Verdict:
    """The verdict on a rule over [since, until), by what happened in it, and shortly before it: what fired then may still fire."""
    events = [event for event in events if event.at < until]
    fires = _spans(events, Happened.FIRING, ENDS, since, until)
    fired = sum(event.what is Happened.FIRING and event.at >= since for event in events)
    pages, flaps = _pages(events, since), _flaps(events, since)
    weeks = max((until - since) / WEEK, 1e-9)
    mine = [each for each in incidents if rule.component and (each.platform, each.component) == (rule.platform, rule.component)]
    delays, missed = [], timedelta(0)
    for each in mine:
        hits = [(start, end) for start, end in fires if start < each.ended + AFTERGLOW and end > each.started]
        covered = sum((max(min(end, each.ended) - max(start, each.started), timedelta(0)) for start, end in hits), timedelta(0))
        missed += each.ended - each.started - covered
        if hits:
            delays.append(max(min(start for start, _ in hits) - each.started, timedelta(0)))
    detection = timedelta(seconds=median(each.total_seconds() for each in delays)) if delays else None
    unknown = sum(
        (end - start for start, end in _spans(events, Happened.UNKNOWN, (Happened.KNOWN, *ENDS), since, until)), timedelta(0)
    )
    word, why = _judged(rule, fired, pages / weeks, flaps, detection, len(mine), len(delays), unknown, until - since)
    return Verdict(
        rule.rule_id, fired, pages, round(pages / weeks, 2), None if detection is None else detection.total_seconds(),
        round(missed / timedelta(minutes=1), 1), flaps, unknown.total_seconds(),
        sum((end - start for start, end in fires), timedelta(0)).total_seconds(), len(mine), len(delays), word, why,
    )  # fmt: skip


def not_replayed(rule: Rule, why: str) -> Verdict:
    """The verdict on a rule that cannot be replayed."""
    return Verdict(rule.rule_id, 0, 0, 0.0, None, 0.0, 0, 0.0, 0.0, 0, 0, "not replayed", why)


def _judged(
    rule: Rule,
    fired: int,
    per_week: float,
    flaps: int,
    detection: timedelta | None,
    incidents: int,
    seen: int,
    unknown: timedelta,
    span: timedelta,
) -> tuple[str, str]:
    aside = f"; unknown {unknown / span:.0%} of the time" if unknown > span / 10 else ""
    if not fired:
        return "never fired", (f"{_incidents(incidents)} of its component passed" if incidents else "nothing to see") + aside
    if per_week > NOISY_PER_WEEK:
        return "too noisy", f"{per_week:.1f} pages a week{aside}"
    if flaps >= 2 and flaps * 4 > fired:
        return (
            "too noisy",
            f"{flaps} of {fired} firings came back within an hour: a `clear` line or `keep_firing_for` helps{aside}",
        )
    if detection is not None and detection > max(SLOW, 2 * rule.hold + GATHERED):
        return "too slow", f"{span_text(detection)} into the incidents it saw{aside}"
    told = f"saw {seen} of {_incidents(incidents)} of its component" if seen else f"{per_week:.1f} pages a week"
    told += f", none in the {_incidents(incidents)} of its component" if incidents and not seen else ""
    return "keep", told + aside


def _spans(
    events: Sequence[Event], begins: Happened, ends: Sequence[Happened], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """The times of [since, until) in which any label set was so, joined, in order."""
    open_: dict[str, datetime] = {}
    found: list[tuple[datetime, datetime]] = []
    for event in events:
        if event.what is begins:
            open_.setdefault(event.fingerprint, event.at)
        elif event.what in ends and event.fingerprint in open_:
            found.append((open_.pop(event.fingerprint), event.at))
    found += [(start, until) for start in open_.values()]
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted((max(start, since), end) for start, end in found if end > since):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _pages(events: Sequence[Event], since: datetime) -> int:
    count = 0
    firing: set[str] = set()
    told: datetime | None = None
    for event in events:
        if event.what is Happened.FIRING:
            if not firing or told is None or event.at - told >= GATHERED:
                count, told = count + (event.at >= since), event.at
            firing.add(event.fingerprint)
        elif event.what in ENDS:
            firing.discard(event.fingerprint)
    return count


def _flaps(events: Sequence[Event], since: datetime) -> int:
    ended: dict[str, datetime] = {}
    count = 0
    for event in events:
        if event.what is Happened.RESOLVED:
            ended[event.fingerprint] = event.at
        elif event.what is Happened.FIRING and event.fingerprint in ended and event.at >= since:
            count += event.at - ended[event.fingerprint] <= FLAP
    return count


def _incidents(count: int) -> str:
    return f"{count} incident{'s' if count != 1 else ''}"
