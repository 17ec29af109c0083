"""A budget that was out when it was first measured says since when, by what was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.headroom import headroom
from dashboards import ran_out
from dashboards.limit_rows import LimitRow
from roomleft.clock import FixedClock
from roomleft.limits import Pace, Reading
from tests.analytics.budget_shop import opened, shop, used

NOW = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
METERS = "  ai: {kind: cost, unit: usd}"
BUDGET = "- {id: all, kind: budget, title: AI, amount: 72, window: month, unit: usd, meter: ai, owner: o}"


def test_what_was_used_tells_since_when_and_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(NOW)
    pack = shop(tmp_path, METERS, f"  {BUDGET}")
    store = opened(clock, pack)
    used(store, clock, [{"at": NOW - n * timedelta(hours=1), "images": 1} for n in range(40 * 24)])
    (limit,) = pack.limit_list()
    row = LimitRow(limit, headroom(limit, Reading(Decimal(468), NOW, timedelta(hours=1)), Pace.none("no pace"), NOW), NOW, True)
    (told,) = ran_out.with_ran_out(store, {"shop": pack}, [row], NOW)
    assert (told.since, told.began_before) == (datetime(2026, 11, 4, 0, 15, tzinfo=UTC), False)
    monkeypatch.setattr(ran_out, "ran_out_at", lambda *_: pytest.fail("it is known"))
    assert ran_out.with_ran_out(store, {"shop": pack}, [row], NOW + timedelta(hours=1)) == [told]
    other = LimitRow(limit, row.headroom, NOW, False)
    assert ran_out.with_ran_out(store, {"shop": pack}, [other], NOW) == [other]
    store.close()
