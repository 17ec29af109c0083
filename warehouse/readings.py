"""Sample series as charts ask for them: minutes, hours or days, whichever gives enough points and is still kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.store import Store

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GRAINS = (("1m", timedelta(minutes=1)), ("1h", timedelta(hours=1)), ("1d", timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class Points:
    """Readings of series in steps: `rows` has series_id, at, min_value, max_value, sum_value, count, last_value, last_at.

    min, max, sum and count are of finite values; `last_value` may be NaN or infinite. A step without a reading has no row.
    """

    step: timedelta
    rows: pa.Table


def sample_points(store: Store, series_ids: Sequence[int], since: datetime, until: datetime, *, max_points: int = 500) -> Points:
    """[since, until) of each series in at most about `max_points` steps, from a rollup that has the whole range. Raises InputError."""
    since, until = utc(since), utc(until)
    if since >= until or max_points < 1:
        raise InputError("the range is empty", "sample points", "`until` must be after `since`, and `max_points` 1 or more")
    least = (until - since) / max_points
    grain, width = _grain(store, since, least)
    step = width * max(1, -(-least // width))
    rows = store.query(
        f"samples_{grain}",
        series_ids=list(series_ids),
        origin=since - (since - EPOCH) % width,
        until=until,
        step_us=step // MICROSECOND,
    )
    return Points(step, rows)


def _grain(store: Store, since: datetime, least: timedelta) -> tuple[str, timedelta]:
    """The coarsest grain no wider than a step, or a coarser one where retention has deleted the finer."""
    fitting = [index for index, (_, width) in enumerate(GRAINS) if width <= least]
    start = fitting[-1] if fitting else 0
    for grain, width in GRAINS[start:-1]:
        kept_from = store.select("SELECT max(before) AS before FROM sealed WHERE rollup = $name", {"name": f"samples_{grain}"})[
            "before"
        ][0].as_py()
        if kept_from is None or kept_from <= since:
            return grain, width
    return GRAINS[-1]
