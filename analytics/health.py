"""How a platform and its components are, from their newest health checks: a status, a score and reasons in words. Pure.

A component is as its worst check; of one whose checks are alternatives (`redundant`) some may fail: it is degraded while some
pass, and down when none does. The platform is down when a critical component is, degraded when another is not healthy.
A component's score is the mean of its checks (pass 1, warn ½, fail 0), the platform's the mean of its components', each
weighing the same. What has been silent is unknown and weighs nothing: it is neither healthy nor counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from analytics.wording import date_text
from roomleft.packs import Pack
from roomleft.packs_parts import Component

SILENT_INTERVALS = 3
RANK = {"fail": 0, "unknown": 1, "warn": 2, "pass": 3}
STATUS_WORDS = {"pass": "Healthy", "warn": "Degraded", "fail": "Down", "unknown": "Unknown"}
POINTS = {"pass": 1.0, "warn": 0.5, "fail": 0.0}
TROUBLE = ("fail", "warn")
NAMED = 3


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """A component: its status, the checks behind it worst first, and the newest one's time.

    `since` is when its present trouble began, None when it is healthy or nobody knows; `because` names the failed components it
    depends on.
    """

    component_id: str
    title: str
    summary: str
    critical: bool
    status: str
    score: float | None
    checks: Sequence[Mapping[str, Any]]
    observed_at: datetime | None
    since: datetime | None = None
    because: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """`fails because Database fails`; empty when no dependency explains it."""
        if not self.because:
            return ""
        verb = "fails" if self.status == "fail" else "is degraded"
        return f"{verb} because {_listed(self.because)} fail{'s' if len(self.because) == 1 else ''}"


@dataclass(frozen=True, slots=True)
class PlatformHealth:
    """A platform: its status, score and sentence; `rule` and `score_words` say how the first two come about."""

    status: str
    score: float | None
    sentence: str
    components: Sequence[ComponentHealth]
    observed_at: datetime | None
    since: datetime | None = None
    rule: str = ""
    score_words: str = ""


def silent_after(pack: Pack) -> timedelta:
    """How old a check may be before it says nothing."""
    return max(timedelta(minutes=3), SILENT_INTERVALS * pack.interval)


def platform_health(
    pack: Pack,
    checks: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    begun: Mapping[tuple[str, str], datetime] | None = None,
    zone: tzinfo = UTC,
) -> PlatformHealth:
    """The health of `pack`'s platform from its newest checks (rows of `page_health`: component, check_name, status, value, unit,
    words, observed_at). `begun` is since when each (component, check) has had its present status. Silence is unknown, never
    healthy.
    """
    oldest = now - silent_after(pack)
    found = [
        _component(part, [row for row in checks if row["component"] == part.id], oldest, begun or {}) for part in pack.components
    ]
    components = _with_causes(pack.components, found)
    known = [part for part in components if part.status != "unknown"]
    if not known:
        status = "unknown"
    elif any(part.status == "fail" and part.critical for part in components):
        status = "fail"
    elif all(part.status == "pass" for part in components):
        status = "pass"
    else:
        status = "warn" if any(part.status in TROUBLE for part in components) else "unknown"
    scores = [part.score for part in known if part.score is not None]
    score = sum(scores) / len(scores) if scores else None
    newest = max((part.observed_at for part in components if part.observed_at), default=None)
    # What is down without being critical degrades the platform, so it dates that too.
    to_blame = [
        part for part in components if (part.critical and part.status == "fail" if status == "fail" else part.status in TROUBLE)
    ]
    blamed = [part.since for part in to_blame if part.since]
    return PlatformHealth(
        status,
        score,
        _sentence(components, now, zone),
        components,
        newest,
        min(blamed, default=None) if status in TROUBLE else None,
        _rule(pack.components),
        _score_words(components),
    )


def check_text(check: Mapping[str, Any]) -> str:
    """A check by its words, else its name."""
    return str(check["words"] or str(check["check_name"]).replace("_", " "))


def _component(
    part: Component, rows: Sequence[Mapping[str, Any]], oldest: datetime, begun: Mapping[tuple[str, str], datetime]
) -> ComponentHealth:
    fresh = [row for row in rows if row["observed_at"] >= oldest]
    newest = max((row["observed_at"] for row in rows), default=None)
    ordered = sorted(fresh or rows, key=lambda row: (RANK.get(row["status"], 1), row["check_name"]))
    status = _status([row["status"] for row in fresh], redundant=part.redundant)
    points = [POINTS[row["status"]] for row in fresh if row["status"] in POINTS]
    score = sum(points) / len(points) if points else None
    since = None
    if status in TROUBLE:
        troubled = [row for row in fresh if row["status"] == status] or [row for row in fresh if row["status"] in TROUBLE]
        since = min((begun[key] for row in troubled if (key := (part.id, row["check_name"])) in begun), default=None)
    return ComponentHealth(part.id, part.title, part.summary, part.critical, status, score, ordered, newest, since)


def _status(each: Sequence[str], *, redundant: bool) -> str:
    if not each:
        return "unknown"
    worst = min(each, key=lambda status: RANK.get(status, 1))
    if redundant and worst == "fail" and "pass" in each:
        return "warn"
    return worst if worst in RANK else "unknown"


def _with_causes(parts: Sequence[Component], found: Sequence[ComponentHealth]) -> list[ComponentHealth]:
    """Each component in trouble with the failed ones it depends on, directly or through others."""
    needs = {part.id: part.depends_on for part in parts}
    failed = {part.component_id: part.title for part in found if part.status == "fail"}

    def causes(start: str) -> tuple[str, ...]:
        seen, waiting, hit = {start}, list(needs.get(start, ())), []
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            deeper = needs.get(name, ())
            # The root is named, not every hop on the way to it.
            if name in failed and not any(each in failed for each in deeper):
                hit.append(failed[name])
            waiting += deeper
        return tuple(hit)

    return [replace(part, because=causes(part.component_id)) if part.status in TROUBLE else part for part in found]


def _sentence(components: Sequence[ComponentHealth], now: datetime, zone: tzinfo) -> str:
    total = len(components)
    healthy = sum(part.status == "pass" for part in components)
    if all(part.status == "unknown" for part in components):
        return "No health check has answered lately."
    if healthy == total:
        return "Its one component is healthy." if total == 1 else f"All {total} components are healthy."
    worse = sorted(
        (part for part in components if part.status != "pass"), key=lambda part: (RANK[part.status], bool(part.because))
    )
    named = "; ".join(_said(part, now, zone) for part in worse[:NAMED])
    rest = f"; {len(worse) - NAMED} more" if len(worse) > NAMED else ""
    return f"{named}{rest}. {healthy} of {total} components {'is' if healthy == 1 else 'are'} healthy."


def _said(part: ComponentHealth, now: datetime, zone: tzinfo) -> str:
    if part.status == "unknown":
        return f"{part.title} has not answered lately"
    since = f" since {since_text(part.since, now, zone)}" if part.since else ""
    why = f" because {_listed(part.because)} {'is' if len(part.because) == 1 else 'are'} down" if part.because else ""
    return f"{part.title} is {STATUS_WORDS[part.status].lower()}{since}{why}"


def since_text(at: datetime, now: datetime, zone: tzinfo) -> str:
    """`14:02` today, `yesterday 14:02`, `12 Nov 14:02`."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    days = (today.date() - local.date()).days
    if days in (0, 1):
        return f"{'yesterday ' if days else ''}{local:%H:%M}"
    return f"{date_text(at, now, zone)} {local:%H:%M}"


def _rule(parts: Iterable[Component]) -> str:
    critical = [part.title for part in parts if part.critical]
    if not critical:
        return "No component is critical: the platform is degraded when one is not healthy, never down."
    return f"Down when {_listed(critical, 'or')} is down; degraded when another component is not healthy."


def _score_words(components: Sequence[ComponentHealth]) -> str:
    known = [part for part in components if part.score is not None and part.status != "unknown"]
    if not known:
        return "No score: no component has answered lately."
    parts = ", ".join(f"{part.title} {(part.score or 0) * 100:.0f}" for part in known)
    silent = len(components) - len(known)
    left_out = f"; {silent} silent left out" if silent else ""
    weight = "its score is the one component's" if len(known) == 1 else f"each weighs 1/{len(known)}"
    return f"Mean of {parts} ({weight}{left_out}). A component's score is the mean of its checks: pass 100, warn 50, fail 0."


def _listed(names: Sequence[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
