"""Pages on error budgets that peers send wrongly or not at all: little traffic, and counts that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analytics.slo_judge import Burning, burning
from roomleft.clock import FixedClock
from roomleft.findings import Unknown
from roomleft.rules_when import BurnIs
from roomleft.slos import slos_of
from tests.analytics.slo_world import DAY, HOUR, MINUTE, counted, opened, readings, shop, view
from warehouse.store import Store

PAGE = BurnIs(burn="errors", pairs="page")


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with opened(clock) as made:
        yield made


def said(store: Store, folder: Path, at: datetime, when: BurnIs = PAGE, objective: str = "99.9") -> Burning:
    pack = shop(folder, objective)
    slos = slos_of({"shop": pack})
    return burning(view(store, pack, store.now.now(), slos), [(slos["shop.errors"], when)], at)[0]


def paged(store: Store, folder: Path, instants: Sequence[datetime]) -> list[datetime]:
    """The instants at which the page condition holds."""
    return [at for at in instants if said(store, folder, at).holds]


def lived(store: Store, clock: FixedClock, days: float, every: timedelta, failed: Sequence[int]) -> list[datetime]:
    """A request `every` so often for some days up to now, of which those numbered in `failed` (from 0) failed; when they came."""
    start = clock.now() - days * DAY
    came = [start + (number + 1) * every for number in range(int(days * DAY / every))]
    counted(store, clock, [(at, number in set(failed)) for number, at in enumerate(came)], start, clock.now(), 2 * MINUTE)
    return came


@pytest.mark.parametrize("objective", ["99.9", "99.99"])
def test_paging_23a_one_error_in_low_traffic_does_not_page(
    store: Store, clock: FixedClock, tmp_path: Path, objective: str
) -> None:
    # Ten requests an hour; the last but one failed. A tenth of the hour's requests is far above every line.
    lived(store, clock, 3, 6 * MINUTE, [718])
    told = said(store, tmp_path, clock.now(), objective=objective)
    assert told.rate > told.line
    assert told.holds is False


def test_paging_23a_the_only_request_of_the_hour_failing_does_not_page(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    readings(store, clock, "requests_total", [(clock.now() - n * MINUTE, 7.0 - (n > 3)) for n in range(90)])
    readings(store, clock, "failed_requests_total", [(clock.now() - n * MINUTE, 1.0 - (n > 3)) for n in range(90)])
    told = said(store, tmp_path, clock.now())
    assert (told.holds, told.facts["bad"], told.facts["total"]) == (False, "1", "1")


def test_paging_23a_an_outage_in_low_traffic_pages_once_chance_is_ruled_out(
    store: Store, clock: FixedClock, tmp_path: Path
) -> None:
    came = lived(store, clock, 3, 6 * MINUTE, [715, 716, 717, 718, 719])
    assert [said(store, tmp_path, came[number] + MINUTE).holds for number in (714, 715)] == [False, False]
    assert said(store, tmp_path, came[716] + 2 * MINUTE).holds is True


def test_paging_23b_a_steady_burn_in_low_traffic_pages(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    # Six requests an hour for eight days, every 37th fails: 27 times the budget of 99.9 %, and never two failures in six hours.
    failed = range(18, 1152, 37)
    came = lived(store, clock, 8, 10 * MINUTE, failed)
    told = paged(store, tmp_path, [came[number] + 2 * MINUTE for number in failed])
    assert told, "nobody was told in eight days"
    # Four failures tell it: by then a thirtieth of the month has gone.
    assert told[0] - came[0] < 30 * HOUR


def test_paging_23b_traffic_of_the_same_hours_without_a_burn_never_pages(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    came = lived(store, clock, 8, 10 * MINUTE, [500])
    assert not paged(store, tmp_path, [at + MINUTE for at in (*came[::48], *came[500:512])])


def test_paging_23b_a_burn_that_is_over_does_not_page(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    came = lived(store, clock, 3, 6 * MINUTE, range(100, 110))
    assert said(store, tmp_path, came[110] + MINUTE).holds is True
    assert said(store, tmp_path, came[110] + 12 * HOUR).holds is False


def test_paging_23_enough_events_by_ones_own_count_are_taken_as_they_are(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    lived(store, clock, 1, 6 * MINUTE, [238])
    assert said(store, tmp_path, clock.now(), BurnIs(burn="errors", pairs="page", min_events=5)).holds is True
    assert said(store, tmp_path, clock.now(), BurnIs(burn="errors", pairs="page", min_events=500)).holds is False


GOOD = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: good-ones}
spec:
  service: shop
  indicator:
    metadata: {name: i}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: roomleft, spec: {meter: failed}}}
        total: {metricSource: {type: roomleft, spec: {meter: asked}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""


@pytest.mark.parametrize(("role", "name"), [("good", "good_ones"), ("bad", "errors")])
def test_paging_24_more_good_or_bad_events_than_there_were_is_an_error(
    store: Store, clock: FixedClock, tmp_path: Path, role: str, name: str
) -> None:
    now = clock.now()
    readings(store, clock, "requests_total", [(now - n * MINUTE, 1000.0 - n) for n in range(90)])
    readings(store, clock, "failed_requests_total", [(now - n * MINUTE, 1000.0 - 1.1 * n) for n in range(90)])
    pack = shop(tmp_path)
    (tmp_path / "shop.slo.yaml").write_text(GOOD, encoding="utf-8")
    slos = slos_of({"shop": pack})
    told = burning(view(store, pack, now, slos), [(slos[f"shop.{name}"], BurnIs(burn=name, pairs="page"))], now)[0]
    assert (told.holds, told.unknown) == (None, Unknown.ERROR)
    assert f"{role} events of" in told.words
    assert "more than there were" in told.words
