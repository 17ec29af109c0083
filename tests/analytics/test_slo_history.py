"""Burn rates at many instants are those that each instant by itself would have told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.slo_burns import Looking
from analytics.slo_history import tracks
from analytics.slo_judge import Burning, burning
from roomleft.clock import FixedClock
from roomleft.packs import Pack
from roomleft.rules_when import BurnIs
from roomleft.slos import slos_of
from tests.analytics.slo_world import HOUR, MINUTE, Sampled, checked, opened, readings, sampled, shop
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

CONDITIONS = [
    ("errors", BurnIs(burn="errors", pairs="page")),
    ("errors", BurnIs(burn="errors", long=30 * MINUTE, short=5 * MINUTE, budget_percent=Decimal(1), min_events=50)),
    ("uptime", BurnIs(burn="uptime", pairs="page")),
    ("uptime", BurnIs(burn="uptime", pairs="ticket")),
]


def lived(store: Store, clock: FixedClock, hours: int, seed: int) -> list[tuple[datetime, datetime]]:
    """Some hours of two targets' counters and a check, every half minute, some of it late; and when evaluations looked at it."""
    rng = random.Random(seed)
    totals = {"a": [5.0, 1.0], "b": [1000.0, 70.0]}
    looked: list[tuple[datetime, datetime]] = []
    late: list[Sampled] = []
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    for step in range(hours * 120):
        arrived: list[Sampled] = []
        clock.advance(timedelta(seconds=30))
        now = clock.now()
        ill = step % 200 > 150
        for name, counts in totals.items():
            if name == "b" and 40 < step < 60:
                continue
            if step == 90:
                counts[:] = [0.0, 0.0]
            new = rng.randrange(0, 12 if name == "a" else 3)
            counts[0] += new
            counts[1] += sum(rng.random() < (0.4 if ill else 0.01) for _ in range(new))
            rows = [("requests_total", counts[0]), ("failed_requests_total", counts[1])]
            for series, value in rows:
                if series == "failed_requests_total" and name == "b" and step < 30:
                    continue
                (late if rng.random() < 0.02 else arrived).append((series, now, value, name))
        answers = [(now, "fail" if ill and rng.random() < 0.7 else "pass")] if rng.random() < 0.95 else []
        if step % 20 == 10:
            arrived, late = arrived + late, []
        writer.write(Batch("shop", samples=sampled(arrived), health=checked(answers)))
        looked.append((now, now))
    writer.close()
    return looked


def of_each(store: Store, pack: Pack, instants: list[tuple[datetime, datetime]]) -> list[list[Burning]]:
    slos = slos_of({"shop": pack})
    conditions = [(slos[f"shop.{name}"], when) for name, when in CONDITIONS]
    return [burning(Looking(store, {"shop": pack}, slos, read_to), conditions, at) for at, read_to in instants]


@pytest.mark.parametrize("seed", [1, 2])
def test_many_instants_tell_what_each_by_itself_tells(clock: FixedClock, tmp_path: Path, seed: int) -> None:
    pack = shop(tmp_path, objective="99")
    with opened(clock) as store:
        instants = lived(store, clock, 2, seed)[::5]
        singly = of_each(store, pack, instants)
        slos = slos_of({"shop": pack})
        found = tracks(
            Looking(store, {"shop": pack}, slos, clock.now()),
            [(slos[f"shop.{name}"], when) for name, when in CONDITIONS],
            instants,
        )
        for number, track in enumerate(found):
            told = [track.at(i) for i in range(len(instants))]
            assert told == [each[number] for each in singly]
            held = [i for i, each in enumerate(told) if each.holds is not False]
            assert all(track.maybe[i] for i in held)
        assert any(each[0].holds for each in singly)
        assert any(each[2].holds for each in singly)


def test_what_raw_readings_no_longer_tell_minutes_do(clock: FixedClock, tmp_path: Path) -> None:
    pack = shop(tmp_path, objective="99")
    slos = slos_of({"shop": pack})
    with opened(clock) as store:
        start = clock.now()
        for name, each in (("requests_total", 10.0), ("failed_requests_total", 4.0)):
            readings(store, clock, name, [(start + n * MINUTE, n * each) for n in range(240)])
        clock.advance(4 * HOUR)
        roll_up(store, clock.now())
        instants = [(start + (60 + n) * MINUTE, clock.now()) for n in range(0, 180, 7)]
        conditions = [(slos["shop.errors"], CONDITIONS[0][1])]
        before = [tracks(Looking(store, {"shop": pack}, slos, clock.now()), conditions, instants)[0].at(n) for n in range(20)]
        store.run(lambda tx: tx.execute("DELETE FROM samples"))
        after = [tracks(Looking(store, {"shop": pack}, slos, clock.now()), conditions, instants)[0].at(n) for n in range(20)]
        assert after == before
        assert all(each.holds for each in after)
