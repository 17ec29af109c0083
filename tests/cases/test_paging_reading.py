"""Alerts of a platform whose history is still being read, newest day first: what half of it says must page nobody. docs/paging-cases.md tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.history import stretches
from jobs.measure import Paces, measure
from roomleft.findings import Looked, Unknown
from tests.alerts.made import Run
from tests.alerts.made import rule as made_rule
from tests.analytics.looking import HOUR, MINUTE, NOW, PACK, Watched, rule
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.writer import Batch, Cursor

DAY = 24 * HOUR
TEXT = PACK.replace(
    "limits:\n",
    "  month: {kind: gauge, unit: gb, series: stored_gb, over: 10d}\n  growth: {kind: growth, unit: percent, of: failed, over: 2m}\nlimits:\n"
    "  - {id: month, kind: capacity, title: Of ten days, amount: 50, unit: gb, meter: month, owner: o}\n",
)
ASKED = {
    "Headroom": {"headroom": "month", "state": "exhausted"},
    "Used": {"headroom": "month", "used": {"above": 50}},
    "Meter": {"meter": "month", "above": 50},
    "Query": {"sql": "stored.sql", "above": 50},
    "Present": {"headroom": "stored", "used": {"above": 50}},
    "Latest": {"meter": "stored", "above": 50},
}
RULES = {
    f"shop.{name}": rule(when, name, sql={"stored.sql": "SELECT avg(value) AS value FROM samples"})
    for name, when in ASKED.items()
}
OF_HISTORY = ("Headroom", "Used", "Meter", "Query")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path, TEXT)
    yield world
    world.close()


def read(watched: Watched, at: datetime, since: datetime, until: datetime, value: float, *, caught_up: bool) -> None:
    """What the source gave at an instant: an hourly reading of [since, until), and whether that was all."""
    times = [since + k * HOUR for k in range((until - since) // HOUR)]
    rows: list[dict[str, Any]] = [
        {"platform": "shop", "component": "database", "name": "stored_gb", "labels": {}, "observed_at": each, "value": value}
        for each in times
    ]
    samples = pa.Table.from_pylist(rows, schema=tables.SAMPLES)
    watched.write(at, Batch("shop", samples=samples, cursor=Cursor("shop", "samples", str(at), None, None, None, caught_up)))


def found(watched: Watched, at: datetime, paces: Paces) -> dict[str, Looked]:
    """The limits are measured, and the rules looked at."""
    watched.clock.at = at
    measure(watched.store, watched.packs, at, paces)
    return {name.partition(".")[2]: each for name, each in watched.look(*RULES.values(), at=at).items()}


def rolled_up(watched: Watched) -> None:
    roll_up(watched.store, watched.clock.now())
    assert not watched.store.select("SELECT * FROM dirty_buckets").num_rows


def holds(looked: Looked) -> bool | None:
    return looked.findings[0].holds if looked.findings else None


def test_paging_10e_half_a_history_pages_nobody(watched: Watched) -> None:
    evaluated: list[tuple[datetime, dict[str, Looked]]] = []
    server = Paces()

    def evaluate(at: datetime, paces: Paces = server) -> dict[str, Looked]:
        evaluated.append((at, found(watched, at, paces)))
        return evaluated[-1][1]

    # The newest day is read first. Its readings are far above those of the days before.
    read(watched, NOW, NOW - DAY + HOUR, NOW + HOUR, 68.0, caught_up=False)
    half = evaluate(NOW + MINUTE)
    for name in OF_HISTORY:
        assert (half[name].findings, half[name].unknown) == ((), Unknown.READING), name
        assert half[name].words.endswith("history is still being read"), name
    assert [holds(half[name]) for name in ("Present", "Latest")] == [True, True]
    # Now the rest of it.
    read(watched, NOW + MINUTE, NOW - 9 * DAY, NOW - DAY + HOUR, 30.0, caught_up=True)
    waits = evaluate(NOW + 2 * MINUTE)
    assert {waits[name].unknown for name in OF_HISTORY} == {Unknown.READING}, "it is not rolled up"
    rolled_up(watched)
    whole = evaluate(NOW + 3 * MINUTE)
    assert {name: holds(whole[name]) for name in OF_HISTORY} == dict.fromkeys(OF_HISTORY, False)
    # A source that lags later, or after a restart, has still been read once.
    read(watched, NOW + 4 * MINUTE, NOW + 4 * MINUTE, NOW + HOUR + 4 * MINUTE, 68.0, caught_up=False)
    for again in (server, Paces()):
        later = evaluate(evaluated[-1][0] + MINUTE, again)
        assert {name: holds(later[name]) for name in OF_HISTORY} == dict.fromkeys(OF_HISTORY, False)
    # A replay of these very evaluations finds the same.
    kept = {name: each for name, each in RULES.items() if name != "shop.Query"}  # a query without $at is not replayed
    instants = [(at, at) for at, _ in evaluated]
    replayed = {
        (stretch.rule_id.partition(".")[2], n): stretch.looked
        for stretch in stretches(watched.view(evaluated[-1][0]), kept, instants)
        for n in range(stretch.first, stretch.last + 1)
    }
    for n, (_, looks) in enumerate(evaluated):
        for name in (each for each in looks if each != "Query"):
            assert (holds(replayed[name, n]), replayed[name, n].unknown) == (holds(looks[name]), looks[name].unknown), (name, n)


def test_paging_10e_a_stream_that_has_not_begun_is_not_read_to_its_end(watched: Watched) -> None:
    """The first stream to be read to its end says nothing of one that is about to begin."""
    paces = Paces()
    read(watched, NOW, NOW - DAY + HOUR, NOW + HOUR, 68.0, caught_up=True)
    rolled_up(watched)
    assert found(watched, NOW + MINUTE / 4, paces)["Meter"].unknown is Unknown.READING
    watched.write(NOW + MINUTE / 2, Batch("shop", cursor=Cursor("shop", "usage", "u", None, None, None, False)))
    assert found(watched, NOW + 2 * MINUTE, paces)["Meter"].unknown is Unknown.READING
    watched.write(NOW + 2 * MINUTE, Batch("shop", cursor=Cursor("shop", "usage", "v", None, None, None, True)))
    rolled_up(watched)
    assert holds(found(watched, NOW + 3 * MINUTE, paces)["Meter"]) is True


def test_paging_10e_a_platform_that_sends_by_itself_has_no_history_to_read(watched: Watched) -> None:
    watched.series("stored_gb", [68.0] * 24, start=NOW - 23 * HOUR, step=HOUR)
    assert holds(found(watched, NOW + MINUTE, Paces())["Meter"]) is True


@pytest.mark.parametrize(
    ("on_no_data", "said"), [("unknown", ["unknown"]), ("alert", ["unknown"]), ("keep", []), ("ok", ["unknown"])]
)
def test_paging_10e_whatever_a_rule_does_without_data(on_no_data: str, said: list[str]) -> None:
    """It is data that is missing to Roomleft, not to the platform."""
    run = Run(made_rule(on_no_data=on_no_data))
    assert run.beat(Looked(unknown=Unknown.READING, words="history is still being read")) == said
    assert run.states == said
