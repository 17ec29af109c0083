"""Since when a budget has been out, from what was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.ran_out_at import ran_out_at
from roomleft.clock import FixedClock
from tests.analytics.budget_shop import opened, shop, used

NOW = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
METERS = "  ai: {kind: cost, unit: usd}\n  peak: {kind: distinct_users, unit: users, over: 30d}"
MONTHLY = "- {id: all, kind: budget, title: AI, amount: 150, window: month, unit: usd, meter: ai, owner: o}"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("limit", "amount", "first", "at"),
    [
        # A dollar each hour, at five past: the 73rd comes in the quarter hour after the third day's end.
        (MONTHLY, "72", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 4, 0, 15, tzinfo=UTC)),
        (MONTHLY, "0.5", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, 0, 15, tzinfo=UTC)),
        (MONTHLY, "5000", datetime(2026, 10, 1, tzinfo=UTC), None),
        (MONTHLY, "72", datetime(2026, 11, 5, tzinfo=UTC), None),
        (MONTHLY.replace("month", "{rolling: 30d}"), "72", datetime(2026, 10, 1, tzinfo=UTC), None),
    ],
    ids=["on the fourth day", "at once", "not out", "nobody knows what was used before", "rolling"],
)
def test_a_budget_ran_out_when_its_use_passed_it(
    tmp_path: Path, limit: str, amount: str, first: datetime, at: datetime | None
) -> None:
    clock = FixedClock(NOW)
    pack = shop(tmp_path, METERS, f"  {limit}")
    store = opened(clock, pack)
    hours = int((NOW - first) / HOUR)
    used(store, clock, [{"at": first + n * HOUR + timedelta(minutes=5), "images": 1} for n in range(hours)])
    (own,) = pack.limit_list()
    found = ran_out_at(store, pack, own, Decimal(amount), NOW)
    store.close()
    assert found == at
