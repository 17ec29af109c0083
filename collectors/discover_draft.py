"""The parts of a pack that a first look at a database or an address proposes, with ids that begin with the source's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from collectors.found import Found
from roomleft.packs_sources import PostgresSource, ProbeSource, RedisSource

USUAL = timedelta(minutes=5)
"""What a gauge is read over, and how old it may be, unless the pack says otherwise."""
OWNER = "platform"
NEAR_FLOOR = "0.02"
"""When a floor of 90 % is nearly reached: at 91.8 %. The usual tenth would call 100 % near."""
MOST_ID = 60


class Draft:
    """Collects meters, limits and signals that read one source's series, and what a person should know."""

    def __init__(self, entry: PostgresSource | RedisSource | ProbeSource) -> None:
        self.name, self._component, self._interval = entry.name, entry.component, entry.interval
        self._lines: list[str] = []
        self._warnings: list[str] = []
        self._meters: dict[str, dict[str, Any]] = {}
        self._limits: list[dict[str, Any]] = []
        self._signals: list[dict[str, Any]] = []

    def ident(self, *words: str) -> str:
        """An id for a pack: the source's name and more words."""
        text = "_".join(re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") for word in (self.name, *words))
        return (text if text[:1].isalpha() else f"s_{text}")[:MOST_ID].rstrip("_")

    def line(self, text: str) -> None:
        """Something that was found, in words."""
        self._lines.append(text)

    def warning(self, text: str) -> None:
        """Something that cannot be seen, with what would show it."""
        self._warnings.append(text)

    def gauge(
        self,
        name: str,
        series: str,
        unit: str,
        *,
        every: timedelta | None = None,
        labels: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        """A meter over a series of this source; its id. `every` is how often the series is read, where that is not at each look."""
        meter: dict[str, Any] = {"kind": "gauge", "unit": unit, "series": series, "component": self._component}
        meter |= {"labels": {"source": self.name, **(labels or {})}, **more}
        reach = 3 * self._interval
        if reach > USUAL:
            meter |= {"over": _span(reach), "stale_after": _span(reach)}
        return self._meter(name, meter)

    def share(self, name: str, part: str, whole: str) -> str:
        """A meter that is one meter over another in per cent; its id."""
        meter: dict[str, Any] = {"kind": "ratio", "unit": "percent", "part": part, "whole": whole, "scale": 100}
        if 3 * self._interval > USUAL:
            meter["stale_after"] = _span(3 * self._interval)
        return self._meter(name, meter)

    def failing(self, name: str, check: str) -> str:
        """A meter of the minutes in which a check of this source failed; its id."""
        every = max(self._interval, timedelta(minutes=1))
        meter: dict[str, Any] = {
            "kind": "failing_minutes",
            "unit": "minutes",
            "components": [self._component],
            "checks": [check],
            "every": _span(every),
        }
        return self._meter(name, meter)

    def _meter(self, name: str, meter: dict[str, Any]) -> str:
        self._meters[self.ident(name)] = meter
        return self.ident(name)

    def limit(self, name: str, kind: str, title: str, meter: str, step: str, **more: Any) -> str:
        """A limit of a meter, with what gives more room; its id."""
        spec: dict[str, Any] = {"id": self.ident(name), "kind": kind, "title": title, "component": self._component}
        spec |= {"unit": self._meters[meter]["unit"], "meter": meter, "owner": OWNER, "next_step": {"what": step}, **more}
        self._limits.append(spec)
        return self.ident(name)

    def signal(self, title: str, series: str, unit: str, *, labels: Mapping[str, str] | None = None, **more: Any) -> None:
        """A chart of a series of this source."""
        spec: dict[str, Any] = {"component": self._component, "title": title, "series": series, "unit": unit}
        self._signals.append(spec | {"labels": {"source": self.name, **(labels or {})}, **more})

    def found(self) -> Found:
        """All of it."""
        return Found(tuple(self._lines), self._meters, tuple(self._limits), tuple(self._signals), tuple(self._warnings))


def _span(span: timedelta) -> str:
    """A length of time as a pack writes it."""
    seconds = round(span.total_seconds())
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
