"""Every chart that can be taken away as a table: its id in addresses, the page whose filters it understands, and what makes its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dashboards.charts import money, readings, room
from dashboards.charts.frame import Frame
from dashboards.filters import Filters, parse
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.packs_yaml import nearest


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind the charts of one kind. `page`: the page whose default range holds."""

    page: str
    make: Callable[[Parts, Filters, datetime], Frame]


CHARTS: Mapping[str, Behind] = {
    "cost": Behind("/cost", money.cost),
    "economics": Behind("/cost/economics", money.economics),
    "signal": Behind("/platforms", readings.signal),
    "calls": Behind("/platforms", readings.calls),
    "way": Behind("/platforms", readings.way),
    "fan": Behind("/capacity", room.fan),
    "forecast": Behind("/capacity/forecasts", room.forecast),
    "room": Behind("/", room.room),
    "slo": Behind("/slos", room.slo),
    "chances": Behind("/capacity/track-record", room.chances),
}


def behind(parts: Parts, query: str, now: datetime) -> tuple[str, Frame]:
    """The chart that an address names, and its table. Raises InputError, UsersHidden, StoreError."""
    name = parse("/", query).get("chart")
    entry = CHARTS.get(name)
    if entry is None:
        raise InputError(f"there is no chart {name[:60]!r}", "chart", nearest(name, CHARTS, "one of"))
    filters = parse(entry.page, query)
    if filters.problems:
        # A page says so above its figures; a file could not.
        raise InputError(filters.problems[0].partition("; ")[0], f"chart={name}", "see docs/charts.md")
    if filters.ahead(now):
        raise InputError("the range lies in the future", f"range={filters.range}", "ask for days up to today")
    own = {key: value for key, value in filters.page.items() if key != "chart"}
    return name, entry.make(parts, replace(filters, page=own), now)
