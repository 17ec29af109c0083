"""Anomalies and announced events as the screens and the API tell them, and what people do about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from analytics.anomalies.finding import Anomaly, headline, without_users
from analytics.anomalies.marks import Form, one_in
from analytics.anomalies.series import wholes
from analytics.anomalies.storing import anomalies, mark_as_known
from analytics.forecasting.targets import plan_of
from collectors.records.fields import nearest
from dashboards.door.asking import may_see_users
from dashboards.parts import Parts
from roomleft.errors import InputError, RoomleftError
from roomleft.packs import Pack
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant, parse_span
from warehouse.state import StateDb
from warehouse.state.expected_events import LONGEST, ExpectedEvent, ExpectedEvents

SHOWN_FOR = timedelta(days=7)
MOST_DAYS = 400
STAYS_EXPECTED = timedelta(days=1)
"""What is marked as expected stays so for this much longer than it has lasted, if no end is given."""
FORMS = ("page", "screen")


def recent(
    parts: Parts, since: datetime, until: datetime, *, platform: str | None = None, form: str | None = "screen", most: int = 200
) -> list[Anomaly]:
    """The anomalies about [since, until), newest first. Raises StoreError."""
    found = anomalies(parts.store, since, until, platform=platform, form=form, most=most)
    return [as_asked(each) for each in found]


def as_asked(found: Anomaly) -> Anomaly:
    """The same as far as who asks may see it."""
    return found if may_see_users() else replace(found, causes=without_users(found.causes))


def document(found: Anomaly) -> dict[str, Any]:
    """One of them as JSON, as far as who asks may see it."""
    found = as_asked(found)
    step = timedelta(seconds=found.step_s)
    return {
        "anomaly_id": found.anomaly_id,
        "platform": found.platform,
        "target": found.target,
        "metric": found.metric,
        "form": found.form,
        "unit": found.unit,
        "step_s": found.step_s,
        "about_at": found.about_at,
        "about_to": found.about_to,
        "value": found.value,
        "expected": found.expected,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "one_false_in": one_in_of(found.form, step),
        "headline": headline(found),
        "words": found.causes.get("words", ""),
        "known_as": found.known_as,
        "causes": found.causes,
        "found_at": found.found_at,
    }


def one_in_of(form: str, step: timedelta) -> int:
    """One false mark is accepted in so many readings."""
    return one_in(Form(form), step)


def event_document(event: ExpectedEvent, now: datetime) -> dict[str, Any]:
    """An announced event as JSON."""
    state = "over" if event.until <= now else "active" if event.starts_at <= now else "coming"
    return {
        "id": event.id,
        "kind": event.kind,
        "platform": event.platform,
        "target": event.target,
        "from": event.starts_at,
        "until": event.until,
        "note": event.note,
        "state": state,
        "words": event.words,
        "made_by": event.made_by,
        "made_at": event.made_at,
        "ended_by": event.ended_by,
    }


def announceable(pack: Pack) -> set[str]:
    """What an event of a platform can be about, parts aside: what is watched for anomalies and what is forecast."""
    return wholes(pack) | {name.partition("#")[0] for name in plan_of(pack).targets}


def announce(state: StateDb, packs: Mapping[str, Pack] | None, body: Mapping[str, Any], who: str, now: datetime) -> ExpectedEvent:
    """Announce what a body says: kind, platform, target, from (now), until or for, note. `packs`: those in use; None: not known here.
    Raises InputError."""
    unknown = sorted(set(body) - {"kind", "platform", "target", "from", "until", "for", "note"})
    if unknown:
        raise InputError(f"{unknown[0][:60]!r} is not understood", "the body", "kind, platform, target, from, until, for, note")
    for name in body:
        if body[name] is not None and not isinstance(body[name], str):
            raise InputError(f"{name} is not a text", name, "write it in quotes")
    platform, target = body.get("platform") or "", body.get("target") or ""
    if target and not platform:
        platform, slash, _ = target.partition("/")
        if not slash:
            raise InputError(f"{target[:80]!r} names no platform", "target", "write PLATFORM/SERIES, for example shop/ai_cost")
    if platform and packs is not None:
        known_platform(platform, packs, "platform")
    since = _instant(body, "from") or now
    until = _instant(body, "until")
    if until is not None and body.get("for"):
        raise InputError("it has two ends", "until", "give until, or for so long: not both")
    if until is None and not body.get("for"):
        raise InputError("it needs an end", "until", "give until, or for so long: 2d")
    if target.startswith(f"{platform}/") and packs is not None:
        # A misspelt one would silence nothing, and nobody would know before the page.
        known = announceable(packs[platform])
        if target.partition("#")[0] not in known:
            raise InputError(
                f"nothing is watched or forecast as {target[:80]!r}{nearest(target, known)}",
                "target",
                "`forecast` lists what is forecast",
            )
    if until is None:
        until = since + _span(str(body["for"]))
    events = ExpectedEvents(state)
    return events.add(
        body.get("kind") or "other", since, until, who=who, now=now, platform=platform, target=target, note=body.get("note") or ""
    )


def mark_expected(parts: Parts, anomaly_id: str, body: Mapping[str, Any], who: str) -> tuple[Anomaly, ExpectedEvent]:
    """Remember that an anomaly was expected: its series is, from its beginning on. Raises InputError, StoreError."""
    now = parts.clock.now()
    found = next(
        (each for each in anomalies(parts.store, now - timedelta(days=MOST_DAYS), now + SHOWN_FOR, most=100_000) if each.anomaly_id == anomaly_id),
        None,
    )  # fmt: skip
    if found is None:
        raise InputError(f"there is no anomaly {anomaly_id[:60]!r}", "anomalies", "GET /api/v1/anomalies lists them")
    given = {"kind": "other", "until": (max(found.about_to, now) + STAYS_EXPECTED).isoformat()} | {
        name: value for name, value in body.items() if value not in (None, "")
    }
    if "for" in given:
        del given["until"]
    # The whole is expected: what its parts do then is no news either, and a part alone says which part is.
    target = {"platform": found.platform, "target": found.target, "from": found.about_at.isoformat()}
    event = announce(parts.state, None, {**given, **target}, who, now)
    same = [
        each
        for each in anomalies(parts.store, event.starts_at, event.until, platform=found.platform, most=1000)
        if not each.known_as and event.covers(each.platform, each.target, each.about_at, each.about_to)
    ]
    for each in same:
        mark_as_known(parts.store, each, event.words, now)
    return mark_as_known(parts.store, found, event.words, now), event


def _instant(body: Mapping[str, Any], name: str) -> datetime | None:
    if body.get(name) in (None, ""):
        return None
    try:
        return parse_instant(str(body[name]))
    except (RoomleftError, OverflowError) as error:
        hint = error.hint if isinstance(error, RoomleftError) else "years 1 to 9999"
        raise InputError(f"{str(body[name])[:60]!r} is not an instant", name, hint) from error


def _span(text: str) -> timedelta:
    try:
        span = parse_span(text)
    except OverflowError as error:
        raise InputError(f"{text[:40]!r} is too long", "for", f"{LONGEST.days} d at most") from error
    except InputError as error:
        raise InputError(error.what, "for", error.hint) from error
    if span > LONGEST:
        raise InputError(f"{text[:40]!r} is too long", "for", f"{LONGEST.days} d at most")
    return span
