"""What is known of days besides their figures, for the forecaster: holidays, price changes, launches, back-fills and campaigns, announced or past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

DAY = timedelta(days=1)
Drivers = Callable[[str, date, int], pd.DataFrame | None]
"""What is known of so many days of a platform from a first one on: one row a day, one column a driver. None: nothing."""


@dataclass(frozen=True, slots=True)
class KnownDays:
    """Drivers of a table, by platform. `by`: only what was known when that day began; None: all."""

    by_platform: dict[str, Any]
    by: date | None = None

    def __call__(self, platform: str, first: date, days: int) -> pd.DataFrame | None:
        """See `Drivers`."""
        rows = self.by_platform.get(platform)
        if rows is None:
            return None
        if self.by is not None and "known_from" in rows:
            since = rows["known_from"]
            rows = rows[since.isna() | (since <= self.by)]
        wide = rows.pivot_table(index="day", columns="name", values="value", aggfunc="max")
        found = wide.reindex([first + number * DAY for number in range(days)]).fillna(0.0)
        varying = found.loc[:, found.nunique() > 1]
        return varying if varying.shape[1] else None


def known_days(table: pa.Table | None) -> KnownDays | None:
    """Drivers from a table of (day, platform, name, value, known_from); days that it does not name are 0. None where nothing is known of any platform.

    `known_from`: the first day at whose beginning it was known; without one it always was, as a holiday is.
    """
    if table is None or not table.num_rows:
        return None
    return KnownDays({str(slug): rows for slug, rows in table.to_pandas().groupby("platform")})


def known_by(drivers: Drivers | None, day: date) -> Drivers | None:
    """The drivers as they were known when a day began."""
    return KnownDays(drivers.by_platform, day) if isinstance(drivers, KnownDays) else drivers
