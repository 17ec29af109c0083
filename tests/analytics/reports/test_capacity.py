"""The capacity report's content: recommendations, forecasts, limits, budgets, risks. Figures of the designs are transcribed by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from analytics.reports.capacity import Given, content
from analytics.reports.capacity_ahead import ahead_of, first_days, growth_behind, totals
from analytics.reports.capacity_limits import budgets, is_budget
from roomleft.limits import State
from roomleft.outlook import NoDate, Outlook, Shape
from tests.analytics.reports import capacity_world as world
from tests.analytics.reports.capacity_world import NOW, futures, given, pack, row, rows, scribe, series


def told(of: Given, slug: str = "scribe") -> dict[str, Any]:
    return content(pack(slug), of, NOW)


def advice(of: Given, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told(of)["recommendations"] if each["advice"] == name)
    return found


def test_the_recommendations_carry_the_design_s_figures() -> None:
    by_name = {each["advice"]: each for each in told(scribe())["recommendations"]}
    figures = {
        name: (
            each["threshold"],
            each["horizon_days"],
            each["cost_usd"],
            each["lead_time_s"],
            each["priority"],
            each["saving_percent"],
        )
        for name, each in by_name.items()
    }
    two_weeks, month, week = 14 * 86400, 30 * 86400, 7 * 86400
    assert figures == {
        "add_instances": ("70", 30, "500", two_weeks, "high", None),
        "archive": ("50", 90, None, month, "medium", None),
        "optimise_ai": ("80", 30, None, week, "high", "20"),
    }
    assert by_name["archive"]["saving_usd"] == "200"


@pytest.mark.parametrize(
    ("name", "of", "now", "ahead", "urgency"),
    [
        # CPU: the 95th percentile of the forecast, not its middle, against 70 %.
        ("add_instances", scribe(cpu=60, cpu_spread=0.02), False, False, "not needed"),
        ("add_instances", scribe(cpu=66, cpu_spread=0.12), False, True, "order now"),
        ("add_instances", scribe(cpu=70, cpu_spread=0.0), False, False, "not needed"),
        ("add_instances", scribe(cpu=74, cpu_spread=0.02), True, True, "order now"),
        # Storage: 0.7 TB grows by 0.0042 a day over 90 days, from a last week's mean of 0.6874: 56.8 %; by half of that it does not.
        ("archive", scribe(storage_slope=0.0042), True, True, "order now"),
        ("archive", scribe(storage_slope=0.0021), False, False, "not needed"),
        # AI cost: 30 days at $145 and rising are 90.7 % of $5 000; at $120 they are 75.7 %.
        ("optimise_ai", scribe(ai_day=145), True, True, "order now"),
        ("optimise_ai", scribe(ai_day=120), False, False, "not needed"),
        ("optimise_ai", scribe(ai_day=130), False, True, "order by 6 Dec"),
    ],
)  # fmt: skip
def test_each_recommendation_holds_or_does_not(name: str, of: Given, now: bool, ahead: bool, urgency: str) -> None:
    found = advice(of, name)
    assert (found["holds_now"], found["holds_ahead"], found["holds"], found["urgency"]) == (now, ahead, now or ahead, urgency), (
        found["words"]
    )


def test_the_last_date_to_order_is_the_first_day_it_holds_less_the_lead_time() -> None:
    found = advice(scribe(ai_day=130), "optimise_ai")
    # Any 30 days up to day n: 30 · 130 + 0.4 · (30 n − 435) = 3 726 + 12 n, above 80 % of $5 000 from n = 23 on, which is 13 Dec; less a week.
    assert found["holds_from"] == "2026-12-13"
    assert found["order_by"] == "2026-12-06T00:00:00Z"


def test_the_saving_is_a_share_of_the_forecast_cost() -> None:
    # 30 days of 145 + 0.4 a day: 30 · 145 + 0.4 · 465 = $4 536, of which 20 % are $907.20.
    found = advice(scribe(ai_day=145), "optimise_ai")
    assert Decimal(found["saving_usd"]) == Decimal("907.20")
    assert "$4,536" in found["saving_basis"]


def test_the_cpu_step_and_the_cpu_target_pull_against_each_other_with_both_figures() -> None:
    pull = advice(scribe(cpu=66), "add_instances")["pulls_against"]
    assert (pull["limit_id"], pull["amount"], pull["used"]) == ("scribe.cpu_use", "70", "66")
    assert "at least 70" in pull["words"]
    assert "66" in pull["words"]


@pytest.mark.parametrize("why", [NoDate.TOO_SHORT, NoDate.NO_DATA, NoDate.STALE, NoDate.NOT_FINITE, NoDate.FAILED])
def test_a_refused_forecast_gives_no_recommendation_and_says_why(why: NoDate) -> None:
    of = scribe(cpu=74, cpu_spread=0.12)
    refused = replace(of.by_meter["cpu_use"], futures=None, no_date=why)
    found = advice(replace(of, by_meter={**of.by_meter, "cpu_use": refused}), "add_instances")
    # 74 % now is told, and still nothing is recommended: the condition is of a forecast.
    assert (found["holds_now"], found["holds_ahead"], found["holds"]) == (True, None, False)
    assert (found["urgency"], found["order_by"]) == ("no forecast", None)
    assert found["why"]
    assert "no forecast" in found["words"]


def test_an_advice_whose_meter_nobody_forecasts_says_so() -> None:
    of = scribe()
    found = advice(replace(of, by_meter={}), "archive")
    assert (found["holds"], found["why"]) == (False, "nothing forecasts this meter yet")


def test_horizons_are_the_design_s() -> None:
    days = {each["heading"]: each["horizon_days"] for each in told(scribe())["forecasts"]}
    assert days == {"users": 30, "resources": 30, "storage": 90, "ai_requests": 30, "ai_cost": 30}
    assert told(scribe())["period"]["days"] == 90


def test_a_flow_is_forecast_as_a_total_and_a_level_where_it_ends() -> None:
    by_name = {each["meter"]: each for each in told(scribe())["forecasts"]}
    cost, users = by_name["usage:cost"], by_name["active_users"]
    assert float(cost["p50"]) == pytest.approx(30 * 145 + 0.4 * 465, rel=1e-6)
    # The last 30 days: 145 − 0.4 · (0 … 29).
    assert float(cost["before"]) == pytest.approx(30 * 145 - 0.4 * 435)
    assert float(users["p50"]) == pytest.approx(2500 + 5 * 30)
    assert float(users["before"]) == pytest.approx(2500 - 5 * 3)
    assert users["growth"] == pytest.approx(2650 / 2485 - 1)
    assert users["until"] == "2026-12-20"


def test_a_range_holds_its_middle_and_the_fan_ends_in_it() -> None:
    for each in told(scribe())["forecasts"]:
        low, middle, high = (float(each[name]) for name in ("p10", "p50", "p90"))
        assert low <= middle <= high
        assert len(each["fan"]) == each["horizon_days"]
        assert len(each["history"]) == 90
        if not each["adds_up"]:
            assert each["fan"][-1][2:5] == [each["p10"], each["p50"], each["p90"]]


def test_a_cost_s_budget_is_found_though_its_meter_has_another_name() -> None:
    by_name = {each["meter"]: each for each in told(scribe())["forecasts"]}
    assert by_name["usage:cost"]["limit"]["limit_id"] == "scribe.ai_budget"
    assert by_name["usage:cost"]["limit"]["chance"] == "18\u202f%"
    assert by_name["usage:requests"]["limit"] is None


@pytest.mark.parametrize(
    ("made", "days", "words"),
    [
        (None, 30, "No forecast: too few complete days."),
        (futures("x", level=5, ahead=20), 30, "No forecast: its forecast does not reach 30 days ahead."),
        (futures("x", level=5, no_date=NoDate.TOO_GAPPY), 30, "No forecast: panel exponential smoothing, 90 days."),
    ],
)
def test_a_forecast_that_cannot_be_made_says_why(made: Any, days: int, words: str) -> None:
    one = series("users", "active_users", "Active users", "users", made, days, NoDate.TOO_SHORT if made is None else None)
    found = told(given(rows(pack("scribe"), {"cpu_use": ("66",)}), [one]))["forecasts"][0]
    assert (found["p50"], found["words"]) == (None, words)


def test_a_past_without_a_forecast_is_still_told() -> None:
    one = series("users", "active_users", "Active users", "users", futures("x", level=5, past_days=5, no_date=NoDate.TOO_SHORT))
    found = told(given(rows(pack("scribe"), {"cpu_use": ("66",)}), [one]))["forecasts"][0]
    assert len(found["history"]) == 5
    assert found["fan"] == []


@pytest.mark.parametrize(
    ("values", "why"),
    [([np.nan], "NaN"), ([np.inf], "infinite"), ([0.0], "zero")],
)
def test_odd_futures_give_a_refusal_or_a_figure_never_a_traceback(values: list[float], why: str) -> None:
    made = futures("x", level=5)
    odd = replace(made, values=np.full_like(made.values, values[0]), past=np.full_like(made.past, values[0]))
    of = given(
        rows(pack("scribe"), {"cpu_use": ("66",)}),
        [series("storage", "content", "Content", "tb", odd, 90), series("ai_cost", "ai_cost", "AI cost", "usd", replace(odd, shape=Shape.FLOW))],
        by_meter={"cpu_use": series("", "cpu_use", "CPU", "percent", odd)},
    )  # fmt: skip
    found = told(of)
    json.dumps(found, allow_nan=False)
    assert not any(each["holds"] for each in found["recommendations"])
    assert not any(each["p50"] is not None and float(each["p50"]) < 0 for each in found["forecasts"])


def test_everything_is_plain_json_with_decimals_as_strings() -> None:
    found = told(scribe())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["budgets"][0]["spent"] == "2980.55"
    assert found["as_of"] == "2026-11-21T09:30:00Z"


def test_the_verdict_comes_first_and_names_what_to_do() -> None:
    assert list(told(scribe()))[:4] == ["report", "platform", "title", "verdict"]
    assert told(scribe(cpu_spread=0.12))["verdict"].endswith(
        "Recommended: add 2–3 instances (costs about $500), order now; two more below."
    )
    quiet = told(scribe(cpu=60, cpu_spread=0.01, storage_slope=0.001, ai_day=90))
    assert "Recommended" not in quiet["verdict"]


def test_the_limits_table_has_capacities_and_quotas_with_what_more_takes() -> None:
    found = {each["limit_id"]: each for each in told(scribe())["limits"]}
    assert set(found) == {
        "scribe.concurrent_users",
        "scribe.content",
        "scribe.cpu_use",
        "scribe.openrouter_quota",
        "scribe.gemini_quota",
    }
    assert "scribe.ai_budget" not in found, "a budget is not room"
    users = found["scribe.concurrent_users"]
    assert (users["left_words"], users["chance"], users["lead"], users["cost"]) == (
        "16,000",
        "31\u202f%",
        "14\u202fd",
        "+$500/month",
    )
    assert users["order_by"] == (NOW + timedelta(days=41 - 14)).isoformat().replace("+00:00", "Z")
    assert users["room"] == "16,000 left of 100,000\u202fusers"
    assert found["scribe.cpu_use"]["room"] == "4 points below the floor of 70\u202f%"
    assert (found["scribe.gemini_quota"]["state"], found["scribe.gemini_quota"]["left_words"]) == ("unknown", "unknown")


def test_what_has_run_out_is_said_as_such() -> None:
    of = pack("scribe")
    found = told(given([row(of.limit("memory"), "4.4", state=State.EXHAUSTED)], []))
    assert found["limits"][0]["room"] == "0.4 over the limit of 4\u202fGB"
    assert [each["limit_id"] for each in found["decisions"]] == ["scribe.memory"]


def test_a_budget_tells_this_month_as_stored_and_the_next_from_the_same_futures() -> None:
    found = told(scribe())["budgets"][0]
    assert (found["window"], found["spent_words"], found["likely"], found["chance"]) == (
        "November",
        "$2,981",
        "$4,210–4,790",
        "18\u202f%",
    )
    following = found["next"]
    # December begins ten days on: Σ 145 + 0.4 · d for d = 11 … 41.
    assert float(following["ends_p50"]) == pytest.approx(sum(145 + 0.4 * d for d in range(11, 42)), rel=1e-5)
    assert (following["window"], following["amount"]) == ("December", "5000")
    assert following["p_breach"] == pytest.approx(0.5 / 201)
    assert following["chance"] == "<\u202f1\u202f%"


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (futures("x", level=5, shape=Shape.FLOW, ahead=20), "no forecast: further away than the data can tell"),
        (Outlook.none(NoDate.ALL_ZERO), "no forecast: nothing was used yet"),
        (futures("x", level=5, shape=Shape.FLOW, no_date=NoDate.STALE), "no forecast: its data has stopped coming"),
    ],
)
def test_the_next_month_is_refused_where_no_future_reaches_it(ahead: Any, words: str) -> None:
    found = told(replace(scribe(), budgets={"scribe.ai_budget": ahead}))["budgets"][0]["next"]
    assert (found["p_breach"], found["likely"]) == (None, words)


def test_a_budget_that_equals_its_fixed_cost_is_full_not_broken() -> None:
    # 31 days of a thirty-first part each, in single precision, come to a hair more than the whole.
    fixed = futures("coach/infrastructure_cost", level=29 / 31, spread=0.0, shape=Shape.FLOW)
    of = pack("coach")
    found = told(
        given(
            [row(of.limit("infrastructure_budget"), "20.10", chance=0.002)], [], budgets={"coach.infrastructure_budget": fixed}
        ),
        "coach",
    )
    assert found["budgets"][0]["next"]["p_breach"] < 0.01
    assert found["budgets"][0]["next"]["likely"] == "$29.00"


def test_what_was_said_stands_beside_what_came() -> None:
    said = NOW - timedelta(days=35)
    due = {
        "metric": "users",
        "made": "replayed",
        "unit": "users",
        "said_at": said,
        "about_to": NOW - timedelta(days=5),
        "horizon_days": 30,
    }
    of = replace(
        scribe(),
        outcomes=[
            {**due, "subject": "scribe.concurrent_users", "low": 79000.0, "middle": 80000.0, "high": 82000.0, "outcome": 81000.0},
            {**due, "subject": "scribe/users/active_users", "low": 2400.0, "middle": 2410.0, "high": 2420.0, "outcome": 2500.0},
        ],
    )  # fmt: skip
    found = told(of)["track_record"]
    assert [(each["name"], each["held"], each["held_words"]) for each in found["lines"]] == [
        ("Concurrent users", True, "as forecast"), ("Active users", False, "above the range"),
    ]  # fmt: skip
    assert found["came"].startswith("1 of 2 forecasts")
    assert found["replayed"]


def test_a_series_that_no_pack_has_a_title_for_is_called_by_its_meter() -> None:
    gone = {
        "subject": "scribe/gone_users@Asia/Tokyo#30d", "metric": "users", "made": "live", "unit": "users", "said_at": NOW - timedelta(days=35),
        "about_to": NOW - timedelta(days=5), "horizon_days": 30, "low": 1.0, "middle": 2.0, "high": 3.0, "outcome": 2.0,
    }  # fmt: skip
    (line,) = told(replace(scribe(), outcomes=[gone]))["track_record"]["lines"]
    assert line["name"] == "Gone users"


def test_age_and_what_is_provisional_are_said() -> None:
    fresh = told(scribe())["freshness"]
    assert fresh["words"] == "Newest data 60\u202fs old; forecasts of 21 Nov 03:30."
    assert any("provisional" in note for note in fresh["notes"])
    late = told(replace(scribe(), fitted_at=NOW - timedelta(days=3)))["freshness"]
    assert any("nightly run is late" in note for note in late["notes"])
    none = told(replace(scribe(), fitted_at=None))["freshness"]
    assert "Nothing has been forecast yet." in none["notes"]


def test_a_platform_without_anything_gets_a_report() -> None:
    found = told(Given(rows=[]))
    assert found["verdict"] == "There are no limits yet."
    assert (found["forecasts"], found["limits"], found["budgets"]) == ([], [], [])
    assert found["track_record"]["words"].startswith("There is no track record yet")


def test_sums_count_days_by_their_length() -> None:
    # 25 Oct 2026 has 25 hours in Berlin.
    made = replace(
        futures("x", level=24.0, spread=0.0, shape=Shape.FLOW), zone=world.ZoneInfo("Europe/Berlin"), first_day=date(2026, 10, 24)
    )
    assert float(np.median(totals(made, 0, 3))) == pytest.approx(24 * (1 + 25 / 24 + 1))


def test_growth_behind_needs_a_history_that_reaches_back() -> None:
    assert growth_behind(futures("x", level=180, slope=1.0), 80) == pytest.approx(177 / 97 - 1, rel=1e-6)
    assert growth_behind(futures("x", level=180, slope=1.0, past_days=30), 90) is None
    assert growth_behind(futures("x", level=0), 30) is None


def test_first_days_are_quantiles_over_all_futures() -> None:
    made = futures("x", level=100, slope=1.0, spread=0.0)
    assert first_days(made, 110.0) == (date(2026, 11, 30),) * 3
    assert first_days(made, 1000.0) == (None, None, None)
    wide = futures("x", level=100, slope=1.0, spread=0.2)
    early, middle, late = first_days(wide, 140.0)
    assert early is not None
    assert middle is not None
    assert early < middle
    assert late is None or middle < late


def test_a_forecast_does_not_reach_beyond_its_days() -> None:
    assert ahead_of(futures("x", level=5, ahead=20), 30) is None
    assert datetime(2026, 11, 21, tzinfo=UTC) < NOW


def test_a_sparse_series_is_forecast_in_the_report_as_on_its_page() -> None:
    made = futures("x", level=5, slope=0, no_date=NoDate.TOO_SPARSE)
    one = series("users", "active_users", "Active users", "users", made)
    (found,) = told(given([], [one]))["forecasts"]
    assert float(found["p50"]) == pytest.approx(5)
    assert found["words"].startswith("Likely")


def test_the_next_window_of_a_budget_that_rolls_over_has_what_this_one_leaves() -> None:
    of = pack("scribe")
    (budget,) = [each for each in of.limit_list() if each.limit_id == "scribe.ai_month"] or [
        next(each for each in of.limit_list() if is_budget(each))
    ]
    each_day = futures("scribe/usage:cost", level=10, spread=0.0, shape=Shape.FLOW)
    for rollover, given_too, chance in ((False, "80", 0.5 / 201), (True, "80", 0.5 / 201), (True, "0", 200.5 / 201)):
        own = replace(budget, amount=Decimal(300), rollover=rollover, amount_per=None)
        # 21 Nov 09:30: 9.604 days of 10 are left of the month; December is 310. Left of 300 after 120 are 84: enough. After 205 nothing is.
        used = Decimal(120) if given_too == "80" else Decimal(205)
        row, _ = world.row(own, str(used), chance=0.5)
        stored = replace(row, amount=Decimal(300) + Decimal(given_too), observed_at=NOW)
        (found,) = budgets([(stored, own)], {own.limit_id: each_day}, NOW, UTC)
        following = found["next"]
        assert float(following["ends_p50"]) == pytest.approx(310)
        assert following["amount"] == (Decimal(300) if rollover else Decimal(380))
        assert following["p_breach"] == pytest.approx(chance), (rollover, given_too)
