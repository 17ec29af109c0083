"""Tiers against the plan, and scaling triggers: the figures of the designs, transcribed by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest

from analytics.forecasting.futures import Futures
from analytics.reports.capacity import content
from analytics.reports.capacity_scaling import triggers
from analytics.reports.capacity_tiers import month_after
from analytics.reports.scaling import scaling_rows
from roomleft.limits import State
from roomleft.outlook import NoDate
from tests.analytics.reports.capacity_world import NOW, futures, given, pack, row, rows, series

START = date(2026, 9, 1)


def tiers(users: Futures | None, started: date | None = START, why: NoDate | None = None) -> dict[str, Any]:
    of = pack("coach").model_copy(update={"started_on": started})
    one = series("users", "daily_users", "Daily users", "users", users, 30, why)
    found = content(of, replace(given(rows(of, {"daily_users": ("8",)}), [one]), first_data=date(2026, 8, 23)), NOW)
    told: dict[str, Any] = found["tiers"]
    return told


def test_sizes_totals_and_planned_months_are_the_design_s() -> None:
    found = tiers(futures("coach/daily_users", level=8, slope=0.05))["rows"]
    figures = [(each["daily_users"], each["total_usd"], each["planned"]) for each in found]
    assert figures == [
        ("10", "29", "months 1–3"), ("100", "75", "months 4–9"), ("1000", "424", "months 10–18"), ("10000", "2364", "months 19–30"),
        ("100000", "8700", "years 3–5"), ("1000000", "39500", "after year 5"),
    ]  # fmt: skip


def test_planned_months_become_days_and_the_later_tier_wins_where_plans_overlap() -> None:
    found = tiers(futures("coach/daily_users", level=8, slope=0.05))["rows"]
    assert [(each["planned_from"], each["planned_to"]) for each in found] == [
        ("2026-09-01", "2026-12-01"), ("2026-12-01", "2027-06-01"), ("2027-06-01", "2028-03-01"), ("2028-03-01", "2028-09-01"),
        ("2028-09-01", "2031-09-01"), ("2031-09-01", None),
    ]  # fmt: skip


def test_the_plan_counts_from_the_first_data_where_no_start_is_given_and_says_so() -> None:
    found = tiers(futures("coach/daily_users", level=8), started=None)
    assert found["started_on"] == "2026-08-23"
    assert "first day of data" in found["started_words"]
    assert "started_on" in tiers(futures("coach/daily_users", level=8))["started_words"]


def test_a_tier_within_the_forecast_has_a_range_of_dates() -> None:
    # 8 users today and 0.1 more a day: 10 after 20 days.
    found = tiers(futures("coach/daily_users", level=8, slope=0.1, spread=0.05))["rows"][0]
    assert found["outgrown_on"]["p50"] == "2026-12-10"
    assert found["outgrown_on"]["p10"] < found["outgrown_on"]["p50"] < found["outgrown_on"]["p90"]
    assert (found["no_date"], found["at_present_growth"]) == (None, None)
    assert found["compared"] == "as planned"


def test_a_tier_beyond_the_forecast_has_no_date_but_a_year_marked_as_an_extrapolation() -> None:
    found = tiers(futures("coach/daily_users", level=8, slope=0.02, spread=0.01))["rows"]
    far = found[2]
    assert (far["outgrown_on"], far["no_date"]) == (None, "beyond")
    # 8 users, 0.02 a day: (8 + 0.02 · 27) ÷ 7.94 over 30 days is 7.66 % in 30.44 days; 1 000 ÷ 7.94 takes ln 125.9 ÷ ln 1.0766 = 65.5 months.
    assert far["at_present_growth"]["year"] == 2032
    assert far["at_present_growth"]["early"] <= 2032 <= far["at_present_growth"]["late"]
    assert "no date" in far["words"]
    assert "At present growth" in far["words"]


@pytest.mark.parametrize(("slope", "words"), [(0.0, "At present growth never"), (-0.02, "At present growth never")])
def test_what_does_not_grow_never_gets_there(slope: float, words: str) -> None:
    found = tiers(futures("coach/daily_users", level=8, slope=slope, spread=0.0))["rows"][3]
    assert found["at_present_growth"] is None
    assert found["words"].endswith(words)
    assert found["compared"] == "behind the plan, at present growth"


def test_the_plan_says_what_growth_it_needs() -> None:
    found = tiers(futures("coach/daily_users", level=8, spread=0.0))["rows"][1]
    # From 8 to 100 users by 1 Jun 2027, 192 days on: 12.5^(30.4375 ÷ 192) − 1.
    assert found["needed_growth_month"] == pytest.approx(12.5 ** (30.4375 / 192) - 1, rel=1e-6)


def test_a_tier_already_outgrown_is_told_as_such() -> None:
    found = tiers(futures("coach/daily_users", level=14, spread=0.0))["rows"]
    assert (found[0]["outgrown"], found[0]["words"], found[0]["compared"]) == (True, "outgrown already", "ahead of the plan")
    assert not found[1]["outgrown"]


def test_a_refused_forecast_gives_no_date_and_no_year() -> None:
    found = tiers(None, why=NoDate.TOO_SHORT)["rows"]
    assert {each["words"] for each in found} == {"no date: too few complete days"}
    assert all(each["at_present_growth"] is None and each["needed_growth_month"] is None for each in found)


def test_a_pack_without_tiers_has_none() -> None:
    of = pack("scribe")
    assert content(of, given(rows(of, {"cpu_use": ("66",)}), []), NOW)["tiers"] is None


@pytest.mark.parametrize(
    ("start", "months", "day"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2028, 1, 31), 1, date(2028, 2, 29)), (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 31), 0, date(2026, 1, 31)), (date(2026, 8, 31), 60, date(2031, 8, 31)),
    ],
)  # fmt: skip
def test_months_later_end_with_the_month(start: date, months: int, day: date) -> None:
    assert month_after(start, months) == day


def arena(busy: tuple[str, float | None], use: str, pool: tuple[str, float, float]) -> list[dict[str, Any]]:
    of = pack("arena")
    told = [
        row(of.limit("channels_busy"), busy[0], chance=busy[1]),
        row(of.limit("channel_use"), use, chance=0.02),
        row(of.limit("convex_pool"), pool[0], chance=pool[1], days=pool[2]),
    ]
    headrooms = {each.limit_id: each for each, _ in told}
    scaled = scaling_rows(of, [], 300, headrooms, now=NOW)
    return triggers(of, told, scaled, NOW, UTC)


def test_the_triggers_are_the_design_s() -> None:
    found = arena(("40", 0.3), "55", ("62", 0.4, 44.0))
    rules = {(each["scaling"], each["way"]): each for each in found}
    up, down, pool = rules["channels", "up"], rules["channels", "down"], rules["convex_pool", "up"]
    assert (up["share_percent"], up["use_percent"], up["cooldown_s"]) == (70, 80, 300)
    assert (down["use_percent"], down["hold_s"], down["cooldown_s"]) == (30, 600, 300)
    assert (pool["use_percent"], pool["most"]) == (80, 30)
    assert up["rule"] == "up when 70\u202f% of the parts are at 80\u202f% or more; 5\u202fmin cooldown"
    assert down["rule"] == "down when use is below 30\u202f% for 10\u202fmin; 5\u202fmin cooldown"


def test_chance_and_date_of_a_trigger_are_those_stored_of_its_limit() -> None:
    found = {(each["scaling"], each["way"]): each for each in arena(("40", 0.3), "55", ("62", 0.4, 44.0))}
    assert found["channels", "up"]["limit"]["limit_id"] == "arena.channels_busy"
    assert found["channels", "down"]["limit"]["limit_id"] == "arena.channel_use"
    pool = found["convex_pool", "up"]["limit"]
    assert (pool["limit_id"], pool["p_breach"], pool["chance"]) == ("arena.convex_pool", 0.4, "40\u202f%")
    assert pool["exhausts_at"]["p50"] == NOW + timedelta(days=44)


def test_one_rule_of_one_component_is_told_once() -> None:
    names = [(each["scaling"], each["way"]) for each in arena(("40", 0.3), "55", ("62", 0.4, 44.0))]
    assert names == [("channels", "up"), ("channels", "down"), ("convex_pool", "up")]


def test_a_trigger_without_a_reading_is_unknown_not_quiet() -> None:
    found = arena(("40", 0.3), "55", ("62", 0.4, 44.0))[0]
    assert found["holds"] is None
    assert found["now_words"].startswith("unknown")
    assert State.UNKNOWN.value == "unknown"
