"""Whether a source's clock can be believed: what it says the time is, held against ours around the request."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from warehouse import tables

ALLOWED = timedelta(minutes=1)
"""Clocks that are kept right differ by less, and an answer that was made a moment before it was asked for is no older."""


def clock_check(
    platform: str, component: str, source: str, told_at: datetime, asked_at: datetime, answered_at: datetime
) -> pa.Table:
    """The check `clock of <source>` (schema tables.HEALTH): a warning with words if `told_at` is not within [asked_at, answered_at]."""
    ahead, behind = told_at - answered_at, asked_at - told_at
    status, words = "pass", "its clock agrees with ours"
    if max(ahead, behind) > ALLOWED:
        way = "ahead of ours: what it dates more than 10 min ahead is refused" if ahead > behind else "behind ours"
        status, words = "warn", f"its clock is {_span(max(ahead, behind))} {way}"
    row = {"platform": platform, "component": component, "check_name": f"clock of {source}", "observed_at": answered_at}
    return pa.Table.from_pylist([{**row, "status": status, "words": words}], schema=tables.HEALTH)


def _span(span: timedelta) -> str:
    minutes = round(span / timedelta(minutes=1))
    for unit, name in ((24 * 60, "days"), (60, "h")):
        if minutes >= 2 * unit:
            return f"{minutes / unit:.1f} {name}"
    return f"{minutes} min"
