"""The sentence at the top of the overview: what is down, what has run out, what runs out next, each leading to what it speaks of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.health import PlatformHealth, since_text
from analytics.verdict import Verdict
from dashboards import wording
from dashboards.components import states
from dashboards.components.marks import link
from dashboards.components.term import glossed
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow
from roomleft.limits import Headroom
from roomleft.packs import Pack

DAY = re.compile(r"(?<=\d) (?=(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)")
"""The space within a day, at which no line ends."""


def down_words(packs: Mapping[str, Pack], health: Mapping[str, PlatformHealth], now: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """Which platforms are down, and what of the first is and since when. Where none is, a component that is down; else both are empty."""
    down = sorted(
        (slug for slug, each in health.items() if each.status == "fail"), key=lambda slug: (health[slug].since or now, slug)
    )
    if not down:
        return "", down_components(packs, health, now, zone)
    names = [packs[slug].title for slug in down]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    first = health[down[0]]
    failed = next(part for part in first.components if part.status == "fail" and part.critical)
    since = f" since {since_text(failed.since, now, zone)}" if failed.since else ""
    return f"{listed} {'is' if len(names) == 1 else 'are'} down", f"{names[0]}: {failed.title} is down{since}"


def down_components(packs: Mapping[str, Pack], health: Mapping[str, PlatformHealth], now: datetime, zone: ZoneInfo) -> str:
    """The component that has been down longest on platforms that still work, and how many more there are; empty when none is."""
    failed = [(slug, part) for slug, each in health.items() for part in each.components if part.status == "fail"]
    if not failed:
        return ""
    slug, part = min(failed, key=lambda found: (found[1].since or now, found[0], found[1].title))
    since = f" since {since_text(part.since, now, zone)}" if part.since else ""
    more = f", and {wording.plural(len(failed) - 1, 'more component')} down" if len(failed) > 1 else ""
    return f"{packs[slug].title}: {part.title} is down{since}{more}"


def verdict_block(
    said: Verdict,
    notes: Sequence[str] = (),
    down: tuple[str, str] = ("", ""),
    alerts: Any = None,
    hrefs: tuple[str, str] = ("", ""),
) -> html.Div:
    """The sentence, and what comes first: a platform that is down, then the worst limit, and the next to run out where that one has; then the line on
    alerts. `hrefs` lead to the two limits."""
    sentence, stop, rest = said.sentence.partition(". ")
    headline = sentence + stop.strip()
    line = _told_of("First: ", said.parts, hrefs[0])
    if down[0]:
        headline = f"{down[0]}. {headline}"
    if down[1]:
        then: list[Any] = [". Then: ", *line[1:]] if line else ["."]
        line = ["First: ", html.Strong(down[1]), *then]
    if rest:
        line += [". " if line else "", rest]
    return html.Div(
        [
            html.H1(glossed(DAY.sub("\u00a0", headline))),
            html.P(glossed(line)) if line else None,
            html.P(glossed(_told_of("Next to run out: ", said.next_parts, hrefs[1]))) if said.next_parts else None,
            alerts,
            *[states.note(note) for note in notes],
        ],
        className="verdict",
    )


def _told_of(begins: str, parts: Sequence[str], href: str) -> list[Any]:
    if not parts:
        return []
    title = html.Strong(parts[0])
    return [begins, link(title, href) if href else title, *(f" · {part}" for part in parts[1:])]


def href_of(about: Headroom | None, rows: Sequence[LimitRow], filters: Filters) -> str:
    """The drawer of the limit that a measurement is of; empty for none."""
    return next((filters.href(limit=row.key) for row in rows if row.headroom is about), "")
