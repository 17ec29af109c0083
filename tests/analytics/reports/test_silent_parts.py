"""What has gone silent is not counted among the parts that run, nor shown as it last was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analytics.reports.scaling import ScalingRow, scaling_rows
from analytics.signals import draw
from roomleft.limits import Headroom, State
from roomleft.packs import Pack
from tests.analytics.reports.test_parts import NOW, PACKS, reading
from tests.analytics.test_targets import headroom

OWN = "channel_orchestrator"
ARENA: Pack = PACKS["arena"]


def channels(rows: list[dict[str, Any]], headrooms: dict[str, Headroom] | None = None) -> ScalingRow:
    found = scaling_rows(ARENA, rows, 300, headrooms, now=NOW)
    return next(row for row in found if row.scaling_id == "channels")


def use(region: str, value: float, minute: int = 0) -> dict[str, Any]:
    return reading(OWN, "channel_utilization", value, f'{{"region": "{region}"}}', minute=minute)


def busy(value: float, minute: int = 0) -> dict[str, Any]:
    return reading(OWN, "channels_busy_ratio", value, '{"region": "r0"}', minute=minute)


def test_a_part_that_was_taken_away_is_not_counted() -> None:
    row = channels([use("r0", 0.9), use("r1", 0.1, minute=300), busy(0.5)])
    assert row.down is not None
    assert (row.down.parts, row.down.reading) == (1, pytest.approx(90.0))


def test_old_readings_tell_no_distance() -> None:
    row = channels([use("r0", 0.9, minute=300), busy(0.9, minute=300)])
    assert row.up is not None
    assert row.down is not None
    assert (row.up.reading, row.up.distance, row.down.reading, row.down.distance) == (None, None, None, None)
    assert row.missing == "no channel_utilization since 07:00 UTC"
    assert row.observed_at == NOW - timedelta(hours=5)


def test_a_limit_that_cannot_be_told_says_nothing_of_how_many_run() -> None:
    (named,) = (figure.limit for figure in ARENA.figures if figure.computed.strip() == "scaling.channels.most" and figure.limit)
    told = {state: headroom("arena", named, "20", "5", state) for state in (State.OK, State.UNKNOWN)}
    assert {state: channels([use("r0", 0.5)], {f"arena.{named}": each}).running for state, each in told.items()} == {
        State.OK: 5,
        State.UNKNOWN: None,
    }


def test_each_line_knows_its_own_age() -> None:
    signal = next(each for each in ARENA.signals if each.by == "layer")
    rows = [
        reading(signal.component, signal.series, 0.9, f'{{"layer": "{layer}"}}', minute=minute)
        for layer, minute in (("edge", 0), ("redis", 600))
    ]
    drawn = draw(signal, rows, 300)
    assert drawn.line_at == {"edge": NOW, "redis": NOW - timedelta(hours=10)}
