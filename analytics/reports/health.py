"""The health report of a platform: everything its home shows, as one document. Pure; pages show the same rows.

`content` makes it from what was read. Each part is made by the function its page block uses, so a page and a report cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.health import ComponentHealth, PlatformHealth, check_text, platform_health
from analytics.reports import golden, hops, scaling, tiers
from analytics.reports.golden import AiCalls, Tile
from analytics.scores import Scored
from analytics.targets import Met, target_rows
from roomleft.limits import Headroom
from roomleft.packs import Pack

Row = Mapping[str, Any]
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Given:
    """What was read for one platform: its newest checks and since when they are so, the limits' headroom as believed and their rows for
    programs, readings of the last day in steps of `step_s` and of the last hour by minute, AI calls, scores, and the day's deploys."""

    checks: Sequence[Row]
    begun: Mapping[tuple[str, str], datetime]
    headrooms: Mapping[str, Headroom]
    limits: Sequence[Row]
    recent: Sequence[Row]
    step_s: int
    hour: Sequence[Row]
    calls: AiCalls
    scores: Sequence[Scored]
    deploys: Sequence[Row]


def content(pack: Pack, given: Given, now: datetime) -> dict[str, Any]:
    """The report as a document of plain values: money and decimals as Decimal, instants as datetime, None where nothing is known."""
    health = platform_health(pack, given.checks, now, begun=given.begun)
    tiles = [*golden.api_tiles(pack, given.recent, given.step_s), *golden.ai_tiles(given.calls)]
    targets = target_rows(pack, given.headrooms)
    return {
        "report": "health",
        "platform": pack.slug,
        "title": pack.title,
        "summary": pack.summary,
        "as_of": now,
        "since": now - DAY,
        **_health(health),
        "golden": [{**tile.as_dict(), "lines": _lines(tile)} for tile in tiles],
        "paths": [path.as_dict() for path in hops.path_rows(pack, given.hour)],
        "scores": [_score(row) for row in given.scores],
        "scaling": [row.as_dict() for row in scaling.scaling_rows(pack, given.recent, given.step_s, given.headrooms, now=now)],
        "limits": [dict(row) for row in given.limits],
        "targets": [row.as_dict() for row in targets],
        "targets_met": sum(row.met is Met.MET for row in targets),
        "targets_not_met": sum(row.met is Met.NOT_MET for row in targets),
        "risks": [row.as_dict() for row in tiers.risk_rows(pack, given.headrooms)],
        "cost_tiers": [row.as_dict() for row in tiers.tier_rows(pack)],
        "alternatives": [row.as_dict() for row in tiers.alternative_rows(pack)],
        "deploys": [dict(row) for row in given.deploys],
    }


def _health(health: PlatformHealth) -> dict[str, Any]:
    return {
        "status": health.status,
        "down_since": health.since,
        "score": health.score,
        "sentence": health.sentence,
        "rule": health.rule,
        "score_words": health.score_words,
        "checked_at": health.observed_at,
        "components": [_component(part) for part in health.components],
    }


def _component(part: ComponentHealth) -> dict[str, Any]:
    names = ("check_name", "status", "value", "unit", "observed_at")
    return {
        "component": part.component_id,
        "title": part.title,
        "critical": part.critical,
        "status": part.status,
        "since": part.since,
        "score": part.score,
        "reason": part.reason,
        "checked_at": part.observed_at,
        "checks": [{**{name: check[name] for name in names}, "words": check_text(check)} for check in part.checks],
    }


def _score(row: Scored) -> dict[str, Any]:
    return {
        "score": row.score_id,
        "title": row.title,
        "subject": row.subject,
        "value": row.value,
        "reason": row.reason,
        "observed_at": row.observed_at,
    }


def _lines(tile: Tile) -> dict[str, list[list[Any]]]:
    """The lines behind a tile: instants in seconds since 1970 and values."""
    return {name: [[round(at.timestamp()), value] for at, value in points] for name, points in tile.lines.items()}
