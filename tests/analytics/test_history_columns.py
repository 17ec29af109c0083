"""History worked out a column at a time agrees with what the meters and `headroom` say instant by instant; and what was taken instead is noted."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analytics.conditions_board import HOLDS
from analytics.conditions_headroom import STATES, Asked
from analytics.conditions_tape import Instants, us
from analytics.conditions_view import Scene
from analytics.headroom import headroom
from analytics.history import Notes, Replaying, Stretch, stretches
from analytics.history_columns import poured
from analytics.history_headroom import Recomputed, recomputed
from analytics.history_headroom import _asked as truth_of
from analytics.history_tapes import spacing
from analytics.meters import Meters, priced_per
from analytics.pricing import new_rates, rates_table
from jobs.measure import headroom_table
from roomleft.findings import Unknown
from roomleft.limits import Pace, Reading
from roomleft.rules_when import HeadroomIs
from tests.analytics.looking import HOUR, MINUTE, NOW, PACK, SECOND, Watched, rule
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.writer import Batch

DAY = timedelta(days=1)
LIMITS = """
  - {id: calls, kind: quota, title: Calls, amount: 40, unit: requests, meter: calls, owner: o}
  - {id: failures, kind: ratio, title: Failures, amount: 10, unit: percent, meter: failures, owner: o}
  - {id: errors, kind: slo, title: Errors, objective_percent: "90", unit: requests, meter: failed_30d, amount_per: requests_30d, window: {rolling: 30d}, owner: o}
  - {id: up, kind: slo, title: Up, amount: 7, unit: minutes, meter: down, window: {rolling: 1d}, owner: o}
  - {id: p99, kind: slo, title: Latency, amount: 400, unit: ms, meter: p99, owner: o}
  - {id: held, kind: capacity, title: Held, amount: 150, unit: gb, meter: held, owner: o}
  - {id: floor, kind: ratio, title: Floor, amount: 30, unit: gb, direction: at_least, meter: stored, owner: o}
  - {id: today, kind: budget, title: Today, amount: 5, unit: usd, meter: ai_cost, window: day, owner: o}
prices:
  - provider: p
    checked_on: 2026-01-01
    source: test
    models: {m: {prices: [{from: 2026-01-01, usd_per_image: "0.25"}]}}
"""
METERS = """  failed_30d: {kind: increase, unit: requests, series: failed_total}
  requests_30d: {kind: increase, unit: requests, series: requests_total}
  down: {kind: failing_minutes, unit: minutes, components: [database]}
  freed: {kind: gauge, unit: gb, series: freed_gb, across: sum}
  held: {kind: difference, unit: gb, part: stored, less: freed}
limits:
"""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path, PACK.replace("limits:\n", METERS) + LIMITS.lstrip("\n"))
    rates = rates_table(new_rates(world.store, world.packs, NOW).rows)
    world.store.run(lambda tx: tx.insert("rates", rates))
    yield world
    world.close()


def lived(watched: Watched, seed: int, hours: int = 30) -> None:
    """A day and more of readings each minute, calls and answers, stored at once as a back-fill would be."""
    chance = random.Random(seed)
    begin = NOW - hours * HOUR
    minutes = [begin + n * MINUTE + 17 * SECOND for n in range(hours * 60)]
    labelled = [("lag_s", {"replica": f"r{n}"}) for n in range(2)] + [("stored_gb", {"disk": d}) for d in "ab"]
    labelled += [("freed_gb", {}), ("requests_total", {}), ("failed_total", {})]
    rows = []
    for name, labels in labelled:
        total = 0.0
        for at in minutes:
            total += float(chance.randrange(20 if name == "requests_total" else 3))
            value = total if name.endswith("_total") else chance.uniform(0, 100)
            rows.append(
                {"platform": "shop", "component": "database", "name": name, "labels": labels, "observed_at": at, "value": value}
            )
    calls = [
        {
            "event_id": f"e{n}", "source": "shop", "occurred_at": begin + timedelta(seconds=chance.uniform(0, hours * 3600)),
            "requests": 1, "platform": "shop", "status": "ok", "input_uncached_tokens": 0, "cache_read_tokens": 0,
            "cache_write_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0, "images": 1, "characters": 0, "audio_seconds": Decimal(0),
            "provider": "p", "model": "m", "latency_ms": chance.uniform(10, 500),
        }
        for n in range(hours * 40)
    ]  # fmt: skip
    answers = [
        {
            "platform": "shop", "component": "database", "check_name": "answers", "observed_at": at, "value": None, "unit": None,
            "status": "fail" if chance.random() < 0.005 else "pass", "words": None,
        }
        for at in minutes
    ]  # fmt: skip
    watched.write(
        NOW,
        Batch(
            "shop",
            samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES),
            usage=pa.Table.from_pylist(calls, schema=tables.USAGE),
            health=pa.Table.from_pylist(answers, schema=tables.HEALTH),
        ),
    )
    roll_up(watched.store, NOW)


@pytest.mark.parametrize("seed", [1, 2])
def test_headroom_worked_out_anew_is_headroom_without_a_pace(watched: Watched, seed: int) -> None:
    lived(watched, seed)
    grid = [NOW - 5 * HOUR + n * 45 * MINUTE for n in range(7)]
    at = np.array([us(each) for each in grid], dtype=np.int64)
    instants = Instants(at, np.full(len(at), us(NOW), dtype=np.int64))
    view = watched.view(NOW)
    scene = Scene(view, instants, watched.store.query)
    asked = rule({"headroom": "*", "state": "tight"})
    columns = Replaying(scene, {asked.rule_id: asked}, live=False, notes={}).columns("shop", 0)
    states: set[str] = set()
    for limit in watched.pack.limit_list():
        found = recomputed(columns, limit, instants)
        for i, instant in enumerate(grid):
            meters = Meters(watched.store, watched.pack, instant)
            sized, impossible = priced_per(meters, limit)
            assert impossible is None
            wanted = headroom(sized, meters.read(limit.meter_id, sized), Pace.none(""), instant)
            if wanted.used is None:
                assert math.isnan(found.used[i]), (limit.limit_id, wanted.reason)
                continue
            assert math.isclose(found.used[i], float(wanted.used), rel_tol=1e-6, abs_tol=1e-6), (limit.limit_id, instant)
            assert math.isclose(found.amount[i], float(wanted.amount), rel_tol=1e-6), (limit.limit_id, instant)
            assert wanted.fraction_left is not None
            assert math.isclose(found.fraction_left[i], wanted.fraction_left, rel_tol=1e-6, abs_tol=1e-6)
            assert STATES[int(found.state[i])] == wanted.state
            if wanted.burn_rate is not None:
                assert math.isclose(found.burn_rate[i], wanted.burn_rate, rel_tol=1e-6)
            states.add(str(wanted.state))
    assert states >= {"ok", "exhausted"}


def looked_back(
    watched: Watched, when: dict[str, object], grid: list[int], every: timedelta = HOUR
) -> tuple[list[Stretch], list[str]]:
    """What a rule finds at instants so many steps ago, of history that nobody evaluated, and what was noted."""
    asked = rule(when)
    notes: Notes = {}
    found = stretches(watched.view(NOW), {asked.rule_id: asked}, [(NOW - n * every, NOW) for n in grid], notes)
    return list(found), notes.get(asked.rule_id, [])


def test_readings_an_hour_apart_stand_for_the_time_between(watched: Watched) -> None:
    watched.series("lag_s", [10.0] * 40 + [90.0] * 10 + [10.0] * 50, start=NOW - 100 * HOUR, step=HOUR, arrived=NOW)
    found, notes = looked_back(watched, {"series": "lag_s", "above": 30}, list(range(99 * 12, 12, -1)), 5 * MINUTE)
    told = [(stretch.looked.unknown, [finding.holds for finding in stretch.looked.findings]) for stretch in found]
    assert told == [(None, []), (None, [True]), (None, [False])] or told == [(None, [False]), (None, [True]), (None, [False])]
    assert notes == ["readings stand 60 min apart: each holds until the next"]
    high = found[1]
    # From the first high reading until the first low one, and while a mean of the two is above the line.
    assert 10 * 12 <= high.last - high.first + 1 <= 10 * 12 + 6


def test_what_was_rolled_up_is_read_from_the_rollups(watched: Watched) -> None:
    watched.series("lag_s", [10.0] * 300 + [90.0] * 60 + [10.0] * 240, start=NOW - 600 * MINUTE, arrived=NOW)
    roll_up(watched.store, NOW)
    cut = NOW - 2 * HOUR
    watched.store.run(lambda tx: tx.execute("DELETE FROM samples WHERE observed_at < $cut", {"cut": cut}))
    watched.store.run(lambda tx: tx.execute("INSERT INTO sealed VALUES ('samples', $cut, $cut)", {"cut": cut}))
    found, notes = looked_back(watched, {"series": "lag_s", "above": 30}, list(range(115, 2, -1)), 5 * MINUTE)
    assert [[finding.holds for finding in stretch.looked.findings] for stretch in found] == [[False], [True], [False]]
    assert 11 <= found[1].last - found[1].first + 1 <= 14
    assert notes == ["from rolled-up readings: 1 min steps"]


def test_what_cannot_be_told_of_the_past_is_unknown_and_noted(watched: Watched) -> None:
    lived(watched, 3)
    found, notes = looked_back(watched, {"headroom": "stored", "exhausts_within": "7d"}, [5, 4, 3])
    assert all(stretch.looked.unknown is not None or stretch.looked.findings[0].holds for stretch in found)
    assert "when it would have run out is not known where no headroom was stored" in notes
    likely, notes = looked_back(watched, {"headroom": "stored", "p_breach": {"at_least": "0.8", "clear": "0.6"}}, [5, 4, 3])
    assert all(stretch.looked.unknown is not None or stretch.looked.findings[0].holds for stretch in likely)
    assert "no chance is known where no headroom was stored" in notes
    order, notes = looked_back(watched, {"headroom": "ai_budget", "order_within": "7d"}, [5, 4, 3])
    assert all(stretch.looked.unknown is not None or stretch.looked.findings[0].holds for stretch in order)
    assert "when it would have run out is not known where no headroom was stored" in notes
    own, said = looked_back(watched, {"own": "roomleft_outbox_oldest_seconds", "above": 5}, [5, 4])
    assert own[0].looked.unknown is Unknown.NO_DATA
    assert said == ["Roomleft's own metrics keep no history"]


@pytest.mark.parametrize("when", [{"p_breach": {"at_least": "0.8"}}, {"exhausts_within": "1d"}, {"order_within": "1d"}])
def test_what_had_run_out_is_as_certain_of_the_past_as_it_is_live(watched: Watched, when: dict[str, object]) -> None:
    limit = replace(watched.pack.limit("ai_budget"), amount=Decimal(0))
    row = headroom(limit, Reading(Decimal(1), NOW, HOUR), Pace.none(""), NOW)
    none = np.array([math.nan])
    past = Recomputed(limit, none, none, none, none, none, np.array([3], dtype=np.int8), "")
    leaf = rule({"headroom": "ai_budget", **when}).when
    assert isinstance(leaf, HeadroomIs)
    asked = Asked(leaf, headroom_table([row], NOW), [limit])
    live = asked.truth(np.array([[0]]), np.array([us(NOW)]))
    assert [int(each[0, 0]) for each in live] == [int(each[0]) for each in truth_of(leaf, asked, past)] == [HOLDS, HOLDS]


def test_stored_headroom_counts_where_there_is_some(watched: Watched) -> None:
    lived(watched, 4)
    row = {
        "limit_id": "shop.stored", "platform": "shop", "kind": "capacity", "unit": "gb", "amount": Decimal(100), "used": Decimal(99),
        "remaining": Decimal(1), "fraction_left": 0.01, "state": "tight", "reason": "said so", "subject": "", "basis": "",
        "lower_bound": False, "freshness": "provisional", "as_of": NOW - 3 * HOUR - MINUTE, "stored_at": NOW,
    }  # fmt: skip
    watched.store.run(lambda tx: tx.insert("headroom", pa.Table.from_pylist([row], schema=tables.HEADROOM)))
    found, notes = looked_back(watched, {"headroom": "stored", "fraction_left": {"below": "0.05"}}, [3])
    assert (found[0].looked.findings[0].holds, found[0].looked.findings[0].value) == (True, 0.01)
    assert notes == []


def test_instants_of_both_kinds_are_one_history(watched: Watched) -> None:
    watched.series("lag_s", [31.0] * 60, start=NOW - HOUR, arrived=NOW)
    asked = rule({"series": "lag_s", "above": 30})
    back = [(NOW - HOUR + n * 5 * MINUTE, NOW) for n in range(3, 8)]
    live = [(NOW + n * 15 * SECOND, NOW + n * 15 * SECOND) for n in range(4)]
    found = list(stretches(watched.view(NOW + HOUR), {asked.rule_id: asked}, [*back, *live]))
    assert [(stretch.first, stretch.last) for stretch in found] == [(0, 4), (5, 8)]
    assert all(stretch.looked.findings[0].holds for stretch in found)


def test_how_far_readings_are_apart_is_told_by_those_about_them() -> None:
    minute = 60_000_000
    at = np.array([0, 60, 120, 180, 185, 186, 187, 188, 189, 190, 191, 251, 311, 371, 431]) * minute
    found = spacing(np.zeros(len(at), dtype=np.int64), at) // minute
    assert found[:3].tolist() == [60, 60, 60]
    assert found[7:9].tolist() == [1, 60] or found[7] == 1
    assert found[10:].tolist() == [60] * 5
    # A series of its own begins anew.
    assert spacing(np.array([0, 0, 1, 1]), np.array([0, 5, 100, 107])).tolist() == [5, 5, 7, 7]


def test_what_came_in_a_step_is_spread_evenly_over_it() -> None:
    edges, amounts = np.array([0, 10, 40]), np.array([5.0, 10.0, 1.0])
    assert poured(edges, amounts, 10, np.array([-1, 0, 5, 10, 15, 20, 30, 45, 99])).tolist() == [
        0,
        0,
        2.5,
        5,
        10,
        15,
        15,
        15.5,
        16,
    ]
