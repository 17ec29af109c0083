"""One platform's families of series, watched from one look to the next. What is remembered is small, and worked out anew from the warehouse each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from analytics.anomalies.detector import Detector
from analytics.anomalies.marks import Mark, Marking
from analytics.anomalies.series import DAY, Family, Watched, edges_of, read, slots_of
from roomleft.packs import Pack
from warehouse.store import Store


@dataclass(slots=True)
class Kept:
    """What a family of a platform was watched with until an instant."""

    began_on: date
    series: Sequence[Watched]
    detector: Detector
    marking: Marking
    until: datetime


@dataclass(slots=True)
class Looking:
    """The state of every family of every platform."""

    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)

    def forget(self, slug: str) -> None:
        """Work a platform out anew at its next look: what came of the last one was not kept."""
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] != slug}

    def look(self, store: Store, pack: Pack, family: Family, until: datetime) -> list[tuple[Watched, Mark]]:
        """The events that began, went on or ended in what came since the last look; of a first look, and of each day's first, those of all the past.

        `until`: readings are complete up to here. Raises StoreError.
        """
        zone = ZoneInfo(pack.zone)
        known = self.kept.get((pack.slug, family.name))
        if known is None or known.began_on != until.date() or until < known.until:
            edges = edges_of(family, zone, until - family.past, until)
            readings = read(store, pack, family, edges)
            per_day = max(DAY / family.step, 1.0)
            detector = Detector(np.full(len(readings.series), per_day))
            parts = max(len(readings.series) - 1, 1)
            looks = np.array([1.0 if each.where is None else float(parts) for each in readings.series])
            known = Kept(until.date(), readings.series, detector, Marking(family.step, looks), edges[0] if edges else until)
            self.kept[pack.slug, family.name] = known
        else:
            edges = edges_of(family, zone, known.until, until)
            readings = read(store, pack, family, edges, known.series)
        if len(edges) < 2 or not known.series:
            return []
        day, week = slots_of(edges[:-1], family.step, zone)
        seen = known.detector.observe(readings.values, day, week)
        known.until = edges[-1]
        marks = known.marking.take(list(edges), readings.values, seen)
        return [(known.series[mark.series], mark) for mark in marks]
