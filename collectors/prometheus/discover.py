"""A first look at a metrics page: what is on it, and the limits, meters and signals that follow from shapes that are well known.

Only what the page really gives is proposed, so a pack never begins with limits that are unknown for ever.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from collectors.found import Found
from collectors.prometheus.discover_counters import cpu, error_shares, rates
from collectors.prometheus.discover_draft import Draft
from collectors.prometheus.discover_levels import filesystems, load, memory, pairs
from collectors.prometheus.exposition import Page
from collectors.prometheus.scrape_once import scrape_once
from collectors.prometheus.scrape_target import target_of
from roomleft.packs_sources import PrometheusSource

BIGGEST = 5
MANY_VALUES = 500
SHAPES = (filesystems, memory, cpu, load, pairs, error_shares, rates)
"""What is looked for, the plainest first: a series that one shape has taken is left alone by the next."""
NOTHING_KNOWN = "nothing on the page has a limit that is plain from its name; write a meter of kind gauge or increase into the pack for what should not run out"


def discover(entry: PrometheusSource, secret: str | None, now: datetime) -> Found:
    """Scrape the page once and say what is there. Raises CollectError when it is not there, or refused."""
    # The slug is not known yet, and nothing that is found depends on it.
    page = scrape_once(target_of("new", entry, secret))
    return found_on(page, entry)


def found_on(page: Page, entry: PrometheusSource) -> Found:
    """What a page gives to watch."""
    draft = Draft(page, entry)
    for shape in SHAPES:
        shape(draft)
    lines = [*_lines(page), *draft.lines]
    warnings = [*_warnings(page), *([] if draft.limits else [NOTHING_KNOWN])]
    return Found(tuple(lines), draft.meters, tuple(draft.limits), tuple(draft.signals), tuple(warnings))


def _lines(page: Page) -> list[str]:
    families = page.structure.families
    types = Counter(family.type for family in families)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in types.most_common())
    biggest = sorted(families, key=lambda family: (-family.samples, family.name))[:BIGGEST]
    sizes = ", ".join(f"{family.name} ({family.samples:,})" for family in biggest if family.samples)
    return [
        f"{len(page.values):,} samples in {len(families):,} families ({kinds})",
        *([f"the biggest: {sizes}"] if sizes else []),
    ]


def _warnings(page: Page) -> list[str]:
    values: dict[tuple[str, str], set[str]] = {}
    for name, labels in page.structure.series:
        for label, value in labels:
            values.setdefault((name, label), set()).add(value)
    told = [
        f"label {label!r} of {name} takes {len(given):,} values: if it names users or requests, drop it at the source"
        for (name, label), given in sorted(values.items())
        if len(given) > MANY_VALUES
    ]
    if page.structure.times_s is not None:
        told.append(
            "some samples bring their own timestamps: they get no stale marker when they vanish (honor_timestamps: false ignores them)"
        )
    return told
