"""Targets beside their readings, from shipped packs and made-up headroom."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.targets import Met, target_rows
from roomleft.limits import Freshness, Headroom, State
from roomleft.packs import load_pack

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PACKS = Path(__file__).parents[2] / "packs"
SCRIBE, ARENA = load_pack(PACKS / "scribe.yaml"), load_pack(PACKS / "arena.yaml")


def headroom(pack: str, name: str, amount: str, used: str | None, state: State = State.OK, reason: str = "") -> Headroom:
    own = {"scribe": SCRIBE, "arena": ARENA}[pack].limit(name)
    value = Decimal(used) if used is not None else None
    return Headroom(
        own.limit_id, pack, own.kind, own.unit, Decimal(amount), value, None, None, state, reason, None, None, None, None, None, None, None,
        "", "", False, Freshness.PROVISIONAL, NOW, NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "amount", "used", "state", "aim", "reading", "met"),
    [
        ("page_load", "2000", "1640", State.OK, ("2000", "ms", False), "1640", Met.MET),
        ("page_load", "2000", "2400", State.EXHAUSTED, ("2000", "ms", False), "2400", Met.NOT_MET),
        ("page_load", "2000", "1999", State.TIGHT, ("2000", "ms", False), "1999", Met.MET),
        ("page_load", "2000", "31", State.UNKNOWN, ("2000", "ms", False), None, Met.UNKNOWN),
        ("cache_hits", "90", "93.4", State.OK, ("90", "percent", True), "93.4", Met.MET),
        ("availability", "43.2", "21.6", State.OK, ("99.9", "percent", True), "99.95", Met.MET),
        ("availability", "43.2", "86.4", State.EXHAUSTED, ("99.9", "percent", True), "99.8", Met.NOT_MET),
        ("api_latency", "5000", "1000", State.OK, ("95", "percent", True), "99", Met.MET),
    ],
)
def test_a_limit_is_a_target_with_a_reading(
    name: str, amount: str, used: str | None, state: State, aim: tuple[str, str, bool], reading: str | None, met: Met
) -> None:
    own = headroom("scribe", name, amount, used, state)
    row = next(each for each in target_rows(SCRIBE, {own.limit_id: own}) if each.target_id == name)
    assert (str(row.value), row.unit, row.at_least) == aim
    assert row.reading == (None if reading is None else Decimal(reading))
    assert row.met is met
    assert row.design, "the design's own words stand beside it"


def test_every_limit_and_target_has_one_row_and_what_needs_somebody_comes_first() -> None:
    own = headroom("scribe", "page_load", "2000", "2400", State.EXHAUSTED)
    rows = target_rows(SCRIBE, {own.limit_id: own})
    assert len(rows) == len(SCRIBE.limits) + len(SCRIBE.targets)
    assert len({row.target_id for row in rows}) == len(rows)
    assert rows[0].target_id == "page_load"
    assert rows[-1].met is Met.DECLARED
    unmeasured = next(row for row in rows if row.target_id == "frame_rate")
    assert (unmeasured.met, unmeasured.why) == (Met.UNKNOWN, "not measured yet")


def test_declared_targets_are_never_computed_and_others_say_why_not() -> None:
    rows = {row.target_id: row for row in target_rows(SCRIBE, {})}
    assert rows["durability"].met is Met.DECLARED
    assert rows["durability"].value == Decimal("99.999999999")
    assert rows["restore_time"].met is Met.NO_SOURCE
    assert "drills" in rows["restore_time"].why


@pytest.mark.parametrize(
    ("used_ms", "reading", "met"), [("4700", "4.7", Met.NOT_MET), ("1900", "1.9", Met.MET), ("2000", "2", Met.MET)]
)
def test_a_goal_is_judged_by_the_reading_of_its_limit_in_its_own_unit(used_ms: str, reading: str, met: Met) -> None:
    own = headroom("arena", "world_join", "5000", used_ms)
    row = next(each for each in target_rows(ARENA, {own.limit_id: own}) if each.target_id == "world_join_goal")
    assert (row.reading, row.met, row.unit) == (Decimal(reading), met, "seconds")


def test_an_error_budget_tells_a_goal_of_good_events() -> None:
    own = headroom("arena", "availability", "432", "86.4")
    row = next(each for each in target_rows(ARENA, {own.limit_id: own}) if each.target_id == "uptime_goal")
    assert (row.reading, row.at_least, row.met) == (Decimal("99.8"), True, Met.NOT_MET)
