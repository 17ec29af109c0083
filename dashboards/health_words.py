"""How a platform and its components are, from the newest health checks: a status, a score and reasons in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboards import wording
from roomleft.packs import Pack

SILENT_INTERVALS = 3
RANK = {"fail": 0, "unknown": 1, "warn": 2, "pass": 3}
STATUS_WORDS = {"pass": "Healthy", "warn": "Degraded", "fail": "Down", "unknown": "Unknown"}
STATUS_STATE = {"pass": "ok", "warn": "tight", "fail": "exhausted", "unknown": "unknown"}
POINTS = {"pass": 1.0, "warn": 0.5, "fail": 0.0}


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """A component: its status, the checks behind it worst first, and the newest one's time. `score` is the mean of pass 1, warn ½, fail 0."""

    component_id: str
    title: str
    summary: str
    critical: bool
    status: str
    score: float | None
    checks: Sequence[Mapping[str, Any]]
    observed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlatformHealth:
    """A platform: its status, the mean of its components' scores, and both in a sentence."""

    status: str
    score: float | None
    sentence: str
    components: Sequence[ComponentHealth]
    observed_at: datetime | None


def silent_after(pack: Pack) -> timedelta:
    """How old a check may be before it says nothing."""
    return max(timedelta(minutes=3), SILENT_INTERVALS * pack.interval)


def platform_health(pack: Pack, checks: Sequence[Mapping[str, Any]], now: datetime) -> PlatformHealth:
    """The health of `pack`'s platform from its newest checks (rows of `page_health`). Silence is unknown, never healthy."""
    oldest = now - silent_after(pack)
    components = [_component(part, [row for row in checks if row["component"] == part.id], oldest) for part in pack.components]
    known = [part for part in components if part.status != "unknown"]
    if not known:
        status = "unknown"
    elif any(part.status == "fail" and part.critical for part in components):
        status = "fail"
    elif all(part.status == "pass" for part in components):
        status = "pass"
    else:
        status = "warn" if any(part.status in ("fail", "warn") for part in components) else "unknown"
    scores = [part.score for part in known if part.score is not None]
    score = sum(scores) / len(scores) if scores else None
    newest = max((part.observed_at for part in components if part.observed_at), default=None)
    return PlatformHealth(status, score, _sentence(components), components, newest)


def _component(part: Any, rows: Sequence[Mapping[str, Any]], oldest: datetime) -> ComponentHealth:
    fresh = [row for row in rows if row["observed_at"] >= oldest]
    newest = max((row["observed_at"] for row in rows), default=None)
    ordered = sorted(fresh or rows, key=lambda row: (RANK.get(row["status"], 1), row["check_name"]))
    status = min((row["status"] for row in fresh), key=lambda each: RANK.get(each, 1)) if fresh else "unknown"
    score = sum(POINTS.get(row["status"], 0.0) for row in fresh) / len(fresh) if fresh else None
    return ComponentHealth(part.id, part.title, part.summary, part.critical, status, score, ordered, newest)


def _sentence(components: Sequence[ComponentHealth]) -> str:
    total = len(components)
    healthy = sum(part.status == "pass" for part in components)
    if all(part.status == "unknown" for part in components):
        return "No health check has answered lately."
    if healthy == total:
        return "Its one component is healthy." if total == 1 else f"All {total} components are healthy."
    worse = [
        f"{part.title} is {STATUS_WORDS[part.status].lower()}"
        for part in sorted(components, key=lambda p: RANK[p.status])
        if part.status != "pass"
    ]
    named = "; ".join(worse[:3]) + (f"; {len(worse) - 3} more" if len(worse) > 3 else "")
    return f"{healthy} of {total} components {'is' if healthy == 1 else 'are'} healthy. {named[0].upper()}{named[1:]}."


def reason(check: Mapping[str, Any]) -> str:
    """A check in words: what it said, else its name and value."""
    if check["words"]:
        return str(check["words"])
    name = str(check["check_name"]).replace("_", " ")
    if check["value"] is None:
        return name
    return f"{name} {reading(check['value'], check['unit'])}"


def reading(value: float, unit: str | None) -> str:
    """A check's value with its unit."""
    unit = unit or ""
    if unit.startswith("1/"):
        return f"{wording.count(value)}{wording.THIN}{unit[1:]}"
    worded = wording.amount(value, unit)
    noun = wording.unit_word(unit)
    return f"{worded} {noun}".strip()
