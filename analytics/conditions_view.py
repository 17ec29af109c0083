"""What conditions are looked at with: the warehouse as of an arrival, the packs, and what is remembered from one look to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.conditions_tape import Instants, instant_of, span_us
from roomleft.packs import Pack
from warehouse.store import Store

LOOK_BACK = timedelta(minutes=5)
"""How old a series' newest reading may be, exclusive, before it says nothing: Prometheus' own. Longer where readings are rarer."""
INTERVALS = 3
REMEMBERED = timedelta(days=1)
"""How long a label set whose readings stopped is still expected."""
CATALOGUE_NAMES = ("up",)


class OwnFigures(Protocol):
    """Roomleft's own metrics over the last while: `analytics.conditions_own.OwnMetrics`."""

    def rows(self, name: str, at: datetime, over: timedelta | None) -> Sequence[tuple[Mapping[str, str], float]]: ...


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series: its id and names."""

    series_id: int
    platform: str
    component: str
    name: str
    labels: Mapping[str, str]


@dataclass
class Remembered:
    """What stays the same from look to look: which series there are, and which of them each condition reads. One for a server, for as long as it runs."""

    names: frozenset[str] = frozenset()
    rows: int = -1
    series: Sequence[SeriesRow] = ()
    ids: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    by_name: Mapping[str, Sequence[int]] = field(default_factory=dict)
    plans: dict[int, tuple[object, Any]] = field(default_factory=dict)
    silent: dict[int, datetime] = field(default_factory=dict)
    """Series that gave nothing in the day before an instant."""
    answers: dict[str, tuple[datetime, Any]] = field(default_factory=dict)
    """What query files answered, and when they were asked."""


@dataclass(frozen=True)
class View:
    """What a look may see. `read_to`: nothing that arrived later. `slack`: how much older than usual data may be, on a clock that runs faster than
    the work can. `offline`: sources that cannot be read now, with words. `own`: Roomleft's own metrics. `slos` are those in force."""

    store: Store
    packs: Mapping[str, Pack]
    read_to: datetime
    slos: Any = None
    own: OwnFigures | None = None
    offline: Mapping[str, str] = field(default_factory=dict)
    slack: timedelta = timedelta(0)
    remembered: Remembered = field(default_factory=Remembered)


@dataclass
class Scene:
    """One look at one or many instants: the view, the instants, and what has been read for it so far."""

    view: View
    instants: Instants
    query: Callable[..., pa.Table]
    keep: Collection[tuple[str, str]] | None = None

    @property
    def slack_us(self) -> int:
        return span_us(self.view.slack)

    def at(self, i: int) -> datetime:
        """The instant of a column."""
        return instant_of(int(self.instants.at[i]))

    def look_back(self, platform: str, source: str = "") -> int:
        """How old the newest reading of a platform's series may be, in microseconds; by the source that gives it, if that is known."""
        pack = self.view.packs.get(platform)
        interval = pack.interval if pack is not None else timedelta(0)
        if pack is not None and source:
            own = [getattr(entry, "interval", None) for entry in pack.sources if entry.name == source]
            interval = next((each for each in own if each is not None), interval)
        return span_us(max(LOOK_BACK, INTERVALS * interval)) + self.slack_us

    def catalogue(self, names: Collection[str]) -> Remembered:
        """Every series of these names (and more, if they were asked for before)."""
        known = self.view.remembered
        wanted = known.names | frozenset(names) | frozenset(CATALOGUE_NAMES)
        rows = int(self.query("alert_series_count")["series_rows"][0].as_py())
        if wanted == known.names and rows == known.rows:
            return known
        found = self.query("alert_series", names=sorted(wanted)).to_pylist(maps_as_pydicts="strict")
        known.names, known.rows = wanted, rows
        known.series = [
            SeriesRow(row["series_id"], row["platform"], row["component"], row["name"], row["labels"] or {}) for row in found
        ]
        known.ids = np.array([row.series_id for row in known.series], dtype=np.uint64)
        by_name: dict[str, list[int]] = {}
        for place, row in enumerate(known.series):
            by_name.setdefault(row.name, []).append(place)
        known.by_name = by_name
        known.plans.clear()
        return known
