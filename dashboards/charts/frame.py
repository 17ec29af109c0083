"""The table behind a chart: typed columns with units, one line a point, and where a line leads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

Cell = datetime | str | float | int | bool | None
"""What stands in a cell; Decimal too, where dollars do."""
Links = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in a file, which ends in its unit, and the words above it on screen."""

    name: str
    words: str


FROM, UNTIL, AT = Column("from", "From"), Column("until", "Until"), Column("at", "Time")
"""Columns of instants; in a file each is written in UTC and in the zone shown."""
SERIES = Column("series", "Series")
STATE = Column("state", "State")
TIMES = frozenset({FROM.name, UNTIL.name, AT.name})
WHOLE, FILLING = "whole", "still filling"


def value_column(what: str, unit: str) -> Column:
    """A column of values: `cost_usd`, `value_ms`; on screen `cost, usd`."""
    suffix = re.sub(r"[^A-Za-z0-9]+", "_", unit).strip("_").lower()
    return Column(f"{what}_{suffix}" if suffix else what, f"{what}, {unit.replace('_', ' ')}" if unit else what)


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything a chart stands for. `rows`: cells in the order of `columns`. `links`: for each row the page of what is behind it, if there is one.
    `note`: how fine the steps are, and what is left out."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    zone: ZoneInfo
    note: str = ""
    links: Links = ()


def long_rows(
    lines: Mapping[str, Sequence[tuple[datetime, float | None]]], filling: datetime | None = None
) -> list[list[object]]:
    """One line a point, in the order of time: at, series, value, whether its step is over (`filling`: the start of the first one that is not)."""
    found: list[list[object]] = [
        [at, name, value, FILLING if filling is not None and at >= filling else WHOLE]
        for name, points in lines.items()
        for at, value in points
    ]
    order = {name: number for number, name in enumerate(lines)}
    found.sort(key=lambda row: (row[0], order[str(row[1])]))
    return found
