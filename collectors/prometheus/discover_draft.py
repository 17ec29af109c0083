"""The parts of a pack that a metrics page suggests, while they are being collected."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.prometheus.exposition import Page
from collectors.prometheus.scrape_target import stored_labels, target_of
from roomleft.packs_sources import PrometheusSource

SERIES_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@\-]{0,99}")
MOST_LIMITS = 24
OWNER = "platform"


@dataclass(frozen=True, slots=True)
class Level:
    """One series of the page: its labels as exposed, and its value."""

    labels: Mapping[str, str]
    value: float


class Draft:
    """Meters, limits and signals in pack form. Ids begin with the source's name, so that two sources' parts fit into one pack."""

    def __init__(self, page: Page, entry: PrometheusSource) -> None:
        self.entry = entry
        self.types = {family.name: family.type for family in page.structure.families}
        self.series: dict[str, list[Level]] = {}
        for (name, labels), value in zip(page.structure.series, page.values.tolist(), strict=True):
            if SERIES_NAME.fullmatch(name):
                self.series.setdefault(name, []).append(Level(dict(labels), value))
        self.taken: set[str] = set()
        self.lines: list[str] = []
        self.meters: dict[str, dict[str, Any]] = {}
        self.limits: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self._own = target_of("new", entry).own_labels

    def value(self, name: str, labels: Mapping[str, str] | None = None) -> float | None:
        """The finite value of a series with exactly these labels; of the only one there is when none are given."""
        levels = self.series.get(name, [])
        found = [level.value for level in levels if (labels is None and len(levels) == 1) or level.labels == labels]
        return found[0] if len(found) == 1 and math.isfinite(found[0]) else None

    def filters(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that find a series again once it is stored: its own, as they are stored, and the source's name."""
        stored = dict(stored_labels(tuple(sorted(labels.items())), self._own, honor=self.entry.honor_labels))
        kept = {name: value for name, value in stored.items() if name not in self._own}
        return {**kept, "source": self.entry.name}

    def ident(self, *words: str) -> str:
        """A free id made of words."""
        text = "_".join(re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") for word in (self.entry.name, *words))
        text = re.sub(r"_+", "_", text if text[:1].isalpha() else f"s_{text}")[:52].strip("_")
        names = {*self.meters, *(limit["id"] for limit in self.limits)}
        number = 1
        while (f"{text}_{number}" if number > 1 else text) in names:
            number += 1
        return f"{text}_{number}" if number > 1 else text

    @property
    def full(self) -> bool:
        """Enough limits for a beginning: a person can still read them."""
        return len(self.limits) >= MOST_LIMITS

    def gauge(self, ident: str, series: str, unit: str, labels: Mapping[str, str]) -> str:
        """A meter that reads a level now; its id."""
        self.meters[ident] = {
            "kind": "gauge",
            "unit": unit,
            "series": series,
            "component": self.entry.component,
            "labels": self.filters(labels),
            "over_time": "last",
            "across": "max",
        }
        return ident

    def increase(self, ident: str, series: str, unit: str, labels: Mapping[str, str], over: str | None = None) -> str:
        """A meter of how far counters rose; its id."""
        self.meters[ident] = {
            "kind": "increase",
            "unit": unit,
            "series": series,
            "component": self.entry.component,
            "labels": self.filters(labels),
            **({"over": over} if over else {}),
        }
        return ident

    def share(self, ident: str, part: str, whole: str, title: str) -> str:
        """A meter of one meter in per cent of another; its id."""
        self.meters[ident] = {"kind": "ratio", "title": title, "unit": "percent", "part": part, "whole": whole, "scale": "100"}
        return ident

    def rest(self, ident: str, whole: str, free: str, unit: str) -> str:
        """A meter of what is used where a page gives the whole and what is free; its id."""
        self.meters[ident] = {"kind": "difference", "unit": unit, "part": whole, "less": free}
        return ident

    def sum(self, ident: str, parts: Sequence[str], unit: str) -> str:
        """A meter of several meters together; its id."""
        self.meters[ident] = {"kind": "total", "unit": unit, "of": list(parts)}
        return ident

    def limit(self, meter: str, title: str, amount: str, unit: str = "percent", **more: Any) -> None:
        """A limit on a meter, marked as assumed: a person should look at its amount."""
        self.limits.append(
            {
                "id": meter,
                "kind": "capacity",
                "title": title[:400],
                "component": self.entry.component,
                "amount": amount,
                "unit": unit,
                "meter": meter,
                "owner": OWNER,
                "assumed": True,
                **more,
            }
        )

    def signal(self, series: str, title: str, unit: str, **more: Any) -> None:
        """A chart of a series on the component's page."""
        base = {"component": self.entry.component, "title": title[:400], "series": series, "unit": unit}
        self.signals.append({**base, "labels": {"source": self.entry.name}, **more})

    def take(self, names: Iterable[str]) -> None:
        """These series are spoken for."""
        self.taken |= set(names)


def number(value: float) -> str:
    """A number for a person: 12, 3.4, 1.2 G."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.1f} {letter}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
