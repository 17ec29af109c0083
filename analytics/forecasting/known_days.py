"""What is known of days besides their figures, for the forecaster: holidays, price changes, launches, back-fills and campaigns, announced or past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

DAY = timedelta(days=1)
Drivers = Callable[[str, date, int], pd.DataFrame | None]
"""What is known of so many days of a platform from a first one on: one row a day, one column a driver. None: nothing."""


def known_days(table: pa.Table | None) -> Drivers | None:
    """Drivers from a table of (day, platform, name, value); days that it does not name are 0. None where nothing is known of any platform."""
    if table is None or not table.num_rows:
        return None
    by_platform = {str(slug): rows for slug, rows in table.to_pandas().groupby("platform")}

    def of(platform: str, first: date, days: int) -> pd.DataFrame | None:
        rows = by_platform.get(platform)
        if rows is None:
            return None
        wide = rows.pivot_table(index="day", columns="name", values="value", aggfunc="max")
        found = wide.reindex([first + number * DAY for number in range(days)]).fillna(0.0)
        varying = found.loc[:, found.nunique() > 1]
        return varying if varying.shape[1] else None

    return of
