"""Deploys on a chart: dotted verticals, all of them drawn; labels on top, those that would overlap put together as `2.4.0 +2`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.figures.text import shortened

LABEL_CHARS = 14
WORDS_CHARS, MOST_TOLD = 90, 12
APART = 0.26
"""How much of a chart's width a label takes where three charts stand in a row."""


@dataclass(frozen=True, slots=True)
class DeployLabel:
    """One label: where it stands (0 to 1 of the span), its text, and the words of every deploy it speaks of, newest first; none of them escaped."""

    at: datetime
    place: float
    text: str
    told: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """`left` and `right` near the edges, where a centred label would be cut."""
        return "left" if self.place < 0.12 else "right" if self.place > 0.88 else "center"


def deploy_labels(
    deploys: Sequence[Mapping[str, Any]], span: tuple[datetime, datetime], zone: ZoneInfo, apart: float = APART
) -> list[DeployLabel]:
    """The labels of the deploys within `span`, oldest first; deploys nearer than `apart` of it share the newest one's."""
    length = (span[1] - span[0]).total_seconds() or 1.0
    inside = sorted(
        (each for each in deploys if span[0] <= each["deployed_at"] <= span[1]),
        key=lambda each: each["deployed_at"],
        reverse=True,
    )
    groups: list[list[Mapping[str, Any]]] = []
    for deploy in inside:
        if groups and (groups[-1][0]["deployed_at"] - deploy["deployed_at"]).total_seconds() / length < apart:
            groups[-1].append(deploy)
        else:
            groups.append([deploy])
    labels = []
    for group in reversed(groups):
        newest = group[0]
        name = shortened(str(newest["version"] or newest["title"]), LABEL_CHARS)
        text = name if len(group) == 1 else f"{name} +{len(group) - 1}"
        at = newest["deployed_at"]
        told = tuple(shortened(deploy_words(each, zone), WORDS_CHARS) for each in group[:MOST_TOLD])
        labels.append(DeployLabel(at, (at - span[0]).total_seconds() / length, text, told))
    return labels


def deploy_words(deploy: Mapping[str, Any], zone: ZoneInfo) -> str:
    """`20 Nov 10:30 · rollback 2.4.0 · Back to the old editor`."""
    kind = "" if deploy.get("kind", "deploy") == "deploy" else f"{deploy['kind']} "
    named = f"{kind}{deploy['version'] or ''}".strip()
    parts = [deploy["deployed_at"].astimezone(zone).strftime("%-d %b %H:%M"), named, str(deploy["title"] or "")]
    return " · ".join(part for part in parts if part)
