"""The Capacity and Reports pages driven without a browser: what they say of a limit in every state, of forecasts, of the record, of reports."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.forecasting.track_record import Bin, TrackRecord
from analytics.reports.capacity_ahead import Ahead
from analytics.room_cost import room_cost
from dashboards import capacity_words, forecast_words
from dashboards.fan_rows import limit_fan
from dashboards.filters import parse
from dashboards.forecast_rows import ForecastRow, kept_ahead, title_of
from dashboards.limit_rows import LimitRow, headroom_of, limit_rows
from dashboards.record_rows import bin_of
from dashboards.shell import bottom_links, nav_links
from roomleft.limits import State
from roomleft.outlook import Made
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.forecast_world import AHEAD, Known, World, days, forecast_world, with_future
from tests.dashboards.sample_rows import BERLIN, NOW, SAMPLES

ROOM, FORECASTS, RECORD, REPORTS = "/capacity", "/capacity/forecasts", "/capacity/track-record", "/reports"
UTC_ZONE = parse("/", "").zone
THIN = "\u202f"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = forecast_world(Path(tmp_path_factory.mktemp("capacity")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shown(world: World) -> Driven:
    return Driven(world.parts)


def rows(world: World) -> dict[str, LimitRow]:
    stored = world.parts.store.rows("headroom_now")
    known = [limit for pack in world.parts.packs.values() for limit in pack.limit_list()]
    return {row.key: row for row in limit_rows(stored, known, NOW)}


def plain(component: Any) -> str:
    """Its words with ordinary spaces."""
    return texts(component).replace(THIN, " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("path", "marker"),
    [(ROOM, "room-list"), (FORECASTS, "forecasts-list"), (RECORD, "record-body"), (REPORTS, "reports-archive")],
)
def test_every_page_has_its_address_and_its_place_in_the_navigation(shown: Driven, path: str, marker: str) -> None:
    assert "_dash-config" in shown.client.get(path).text
    assert marker in str(shown.call("page.children", path))
    names = [texts(each.children if isinstance(each.children, str) else each.children[0]) for each in nav_links(parse(path, ""))]
    assert names[-3:] == ["Budgets", "Capacity", "Reports"]
    assert "/reports" in str(bottom_links(parse(path, ""))[-1])


def test_links_keep_platform_and_zone_and_the_tab_forgets_the_rest(shown: Driven) -> None:
    tabs = shown.call("capacity-tabs.children", FORECASTS, "?platform=arena&tz=Europe%2FBerlin&q=x")
    hrefs = [each["props"]["href"] for each in tabs]
    assert hrefs == [
        "/capacity?platform=arena&tz=Europe%2FBerlin",
        "/capacity/forecasts?platform=arena&tz=Europe%2FBerlin&q=x",
        "/capacity/track-record?platform=arena&tz=Europe%2FBerlin",
    ]


SENTENCES = {
    "tabletop.api_share": "72 % chance of exceeding $54.7k before it refills on 1 Dec; likely $51–64k; if so about the 27th (25th–30th).",
    "arena.worlds_us": "94 % chance of exceeding 5,010 worlds within 30 days; likely 4,990–6,100 worlds; about 24 Nov (22–27 Nov).",
    "tabletop.realtime": "31 % chance of exceeding 10,000 connections within 30 days; likely 8,400–10,600 connections; about 5 Jan (from 9 Dec).",
    "scribe.cache_hits": "12 % chance of falling below 90 % within 30 days; likely 90–94 %.",
    "arena.pool_eu": "< 1 % chance of exceeding 5,010 worlds within 30 days; likely 3,500–3,950 worlds.",
    "coach.daily_users": "No date yet: 5 of 7 days needed.",
    "scribe.free_images": "No date: each user has this limit apart.",
    "scribe.pool": "Unknown: exporter silent since 11:46; last reading 31 of 80.",
}


@pytest.mark.parametrize(("limit_id", "said"), SENTENCES.items())
def test_a_limit_s_future_in_words_that_finance_understands(world: World, limit_id: str, said: str) -> None:
    sentence = capacity_words.future_sentence(rows(world)[limit_id], None, NOW, UTC_ZONE)
    assert sentence.replace(THIN, " ").replace("\u00a0", " ") == said


def test_what_has_run_out_says_since_when(world: World) -> None:
    said = capacity_words.future_sentence(rows(world)["creator.availability"], None, NOW, UTC_ZONE)
    assert said.startswith("Ran out yesterday")
    assert "error budget is spent" in said


def test_a_chance_comes_with_how_well_such_chances_kept_their_word(world: World) -> None:
    track = TrackRecord(reliability={Made.LIVE: (Bin(0.7, 0.8, 28, 0.75, 20 / 28),)})
    said = capacity_words.future_sentence(rows(world)["tabletop.api_share"], track, NOW, UTC_ZONE).replace(THIN, " ")
    assert said.endswith("When we said 70–80 %, it happened 71 % of the time (28 times).")


@pytest.mark.parametrize(("chance", "low"), [(0.7, 0.7), (0.7999, 0.7), (0.8, None), (1.0, 0.9), (0.0, 0.0), (0.3, 0.3)])
def test_a_chance_belongs_to_one_tenth(chance: float, low: float | None) -> None:
    bins = tuple(Bin(n / 10, (n + 1) / 10, 9 if n != 8 else 3, 0.5, 0.5) for n in range(10))
    hit = bin_of(TrackRecord(reliability={Made.LIVE: bins}), chance)
    assert (None if hit is None else hit.low) == low, "a tenth of three claims says nothing"


@pytest.mark.parametrize(
    ("said", "words"),
    [((38000, 46000, "usd"), "$38–46k"), ((9800, 12100, "usd"), "$9.8–12.1k"), ((950, 1200, "usd"), "$950–1,200"), ((40000, 40000, "usd"), "$40k"),
     ((-5, 10, "usd"), "−$5.00 – $10.00"), ((0, 15000, "usd"), "$0–15k"), ((4612, 5040, "worlds"), "4,612–5,040 worlds"), ((0.62, 0.71, "ratio"), "62–71 %"),
     ((46, 38, "percent"), "38–46 %"), ((8e9, 63e9, "bytes"), "8–63 GB"), ((1.2, 1.9, "usd_per_user"), "$1.20–1.90 a user"), ((7, 7, "worlds"), "7 worlds"),
     ((38_100, 38_400, "usd"), "$38.1–38.4k")],
)  # fmt: skip
def test_ranges_in_words(said: tuple[float, float, str], words: str) -> None:
    assert capacity_words.amount_range(*said).replace(THIN, " ") == words


@pytest.mark.parametrize(
    ("order_by", "words", "pressing"),
    [(days(24), "order by 14 Dec", False), (days(3), "order by 23 Nov", True), (days(-3), "was due 3 days ago", True), (days(-0.2), "was due today", True), (None, "", False)],
)  # fmt: skip
def test_the_last_day_to_order_presses_when_it_is_near_or_past(
    world: World, order_by: datetime | None, words: str, pressing: bool
) -> None:
    own = rows(world)["arena.worlds_us"]
    row = dataclasses.replace(own, headroom=dataclasses.replace(own.headroom, order_by=order_by))
    said, presses = capacity_words.order_words(row, NOW, UTC_ZONE)
    assert (said.replace("\u00a0", " "), presses) == (words, pressing)


def test_a_date_in_another_month_is_said_by_its_month(world: World) -> None:
    own = rows(world)["tabletop.api_share"]
    row = dataclasses.replace(own, headroom=dataclasses.replace(own.headroom, exhausts_p90=days(14)))
    assert capacity_words.about_date(row, NOW, BERLIN).replace("\u00a0", " ") == "if so about 27 Nov (25 Nov–4 Dec)"


def test_what_thirty_days_room_costs_adds_up_each_step_once(world: World) -> None:
    known = [(row.headroom, row.limit) for row in rows(world).values()]
    found_cost = room_cost(known)
    needed = [limit for headroom, limit in known if headroom.state is State.EXHAUSTED or (headroom.p_breach or 0) >= 0.5]
    assert {limit.limit_id for limit in needed} == {
        "creator.availability",
        "arena.worlds_us",
        "tabletop.api_share",
        "coach.month",
    }
    assert (found_cost.steps, found_cost.usd_per_month, found_cost.saves_usd_per_month) == (3, Decimal(99), Decimal(-6100))
    assert found_cost.without_step == 1
    again = room_cost([*known, *known])
    assert (again.steps, again.usd_per_month) == (3, Decimal(99))


def test_room_left_begins_with_the_sentence_of_the_overview(shown: Driven) -> None:
    room, overview = shown.call("room-top.children", ROOM), shown.call("overview-top.children", "/")
    first = found(room, className="verdict")[0]["props"]["children"][0]
    assert texts(first).split(".")[0] in texts(overview)
    words = plain(room)
    assert "+$99 a month" in words
    assert "was due 3 days ago" in words
    assert "claims scored" in words


def test_the_list_is_worst_first_and_folds_what_will_last(shown: Driven) -> None:
    block = shown.call("room-list.children", ROOM)
    names = [texts(each) for each in found(block, className="limit-link")]
    assert names[:3] == ["Availability 99.99 %, 30 d", "API ≤ 30 % of revenue", "Worlds, us-west-2"]
    assert "2 limits will probably last: show them" in texts(block)
    assert "Convex pool, eu-central-1" not in names
    every = [texts(each) for each in found(shown.call("room-list.children", ROOM, "?ok=shown"), className="limit-link")]
    assert len(every) == len(SAMPLES)


def test_a_row_has_owner_chance_range_order_by_and_next_step_with_its_lead_time(shown: Driven) -> None:
    block = shown.call("room-list.children", ROOM, "?platform=tabletop")
    (row,) = [each for each in found(block, className="room-row") if "API ≤ 30 %" in texts(each)]
    words = plain(row)
    for part in (
        "finance",
        "72 %",
        "before 1 Dec",
        "27 Nov",
        "25–30 Nov",
        "was due 3 days ago",
        "−$6.1k/mo cache + batch",
        "takes 2 d",
        "41 s",
    ):
        assert part in words, part
    assert found(row, className="strong")
    assert {texts(each) for each in found(row, className="r-order")[0:1]} == {"was due 3 days ago"}


def test_what_is_refused_says_why_and_shows_no_date(shown: Driven) -> None:
    words = plain(shown.call("room-list.children", ROOM))
    assert "No date yet 5 of 7 days needed" in words.replace("  ", " ") or "5 of 7 days needed" in words
    opened = plain(shown.call("room-open.children", ROOM, "?fan=coach.daily_users"))
    assert "No date yet: 5 of 7 days needed." in opened


def test_the_worst_six_that_have_futures_are_drawn_and_one_opens_large(shown: Driven) -> None:
    charts = shown.call("room-fans.children", ROOM)
    assert len(found(charts, className="card")) == 6
    large = shown.call("room-open.children", ROOM, "?fan=tabletop.api_share")
    words = plain(large)
    assert "72 % chance of exceeding $54.7k before it refills on 1 Dec" in words
    assert "used within the window so far" in words
    assert "futures of the last 89 days" in words
    assert shown.call("room-open.children", ROOM, "") is None
    assert "No pack has a limit no.such." in texts(shown.call("room-open.children", ROOM, "?fan=no.such"))


def test_filters_that_fit_nothing_say_so(shown: Driven) -> None:
    assert "No limit passes these filters." in texts(shown.call("room-list.children", ROOM, "?kind=ratio&state=tight"))


def test_the_sample_s_fans_reach_where_the_stored_rows_say_they_lead() -> None:
    """The pictures are looked at with this world: it must not contradict itself."""
    known = Known()
    for sample in SAMPLES:
        if AHEAD.get(sample.limit.limit_id, {}).get("p_breach") is None:
            continue
        row = LimitRow(
            sample.limit,
            headroom_of(
                dict.fromkeys(("about_to", "order_by", "ends_p10", "ends_p50", "ends_p90", "no_date", "forecast_run"))
                | with_future(sample)
            ),
        )
        fan = limit_fan(row, known.limits[sample.limit.limit_id], NOW)
        assert fan is not None
        assert fan.ahead


def test_forecasts_are_listed_with_range_growth_and_error_and_refusals_say_why(shown: Driven) -> None:
    block = shown.call("forecasts-list.children", FORECASTS)
    words = plain(block)
    for part in (
        "AI cost",
        "provisional",
        "5 of 7 days needed",
        "nothing was used yet",
        "nothing forecasts it better",
        "0.83",
        "19 Nov",
        "10 h",
    ):
        assert part in words, part
    assert "3 series are forecast" in texts(shown.call("forecasts-top.children", FORECASTS))
    none = plain(shown.call("forecasts-list.children", FORECASTS, "?q=nothing-like-it"))
    assert "No forecast is called nothing-like-it." in none
    one = shown.call("forecasts-list.children", FORECASTS, "?q=worlds")
    assert len(found(one, className="row-link")) == 1


def test_an_opened_forecast_says_what_it_rests_on(shown: Driven) -> None:
    words = plain(shown.call("forecasts-open.children", FORECASTS, "?target=scribe%2Fusage%3Acost"))
    for part in (
        "The next 30 days: $", "54 % damped trend with weekdays", "since 9 Nov: $940 → $1,350 a day", "holiday: −18 %", "launch: +7 %", "89 complete days",
        "3 outlying days clipped", "0.83 of repeating last week's error", "1 unusual reading",
    ):  # fmt: skip
        assert part in words, part
    refused = plain(shown.call("forecasts-open.children", FORECASTS, "?target=coach%2Fgpu_memory"))
    assert "No forecast: 5 of 7 days needed." in refused
    assert "Refused" in refused
    assert "Nothing is forecast under nobody/x here." in texts(
        shown.call("forecasts-open.children", FORECASTS, "?target=nobody/x")
    )


def test_what_nothing_forecasts_better_repeats_last_week_and_says_so() -> None:
    run = {
        "model": "seasonal naive",
        "no_date": "",
        "words": "forecast from 35 days",
        "platform": "arena",
        "target": "arena/api_calls",
    }
    row = ForecastRow(run, title_of(run, None), None, {"error_ratio": 1.04, "members": {"smoothing": 1.0}})
    assert row.title == "API calls"
    assert forecast_words.error_words(row) == ("1.00", False)
    assert forecast_words.members_words(row) == []
    assert "(the mix tried: 1.04 of its error)" in forecast_words.backtest_words(row)
    assert (
        forecast_words.sentence([row], NOW, UTC_ZONE)
        == "1 series is forecast, 0 better than repeating last week, 1 by repeating it."
    )


@pytest.mark.parametrize(
    ("target", "title"),
    [
        ("shop/usage:cost#model=flash-lite", "AI cost, model flash-lite"),
        ("shop/cpu_use#busiest", "CPU use"),
        ("shop/usage:requests@Asia/Tokyo", "AI requests"),
    ],
)
def test_a_target_without_a_meter_of_its_own_has_a_name_that_people_read(target: str, title: str) -> None:
    assert title_of({"target": target}, None) == title


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"ahead": {"low": 10.0, "middle": 12, "high": 15.5, "before": 11.0}}, Ahead(10, 12, 15.5, 11)),
        ({"ahead": {"low": 10.0, "middle": 12, "high": 15.5, "before": None}}, Ahead(10, 12, 15.5, None)),
        ({"ahead": {"low": 10.0}}, None),
        ({"ahead": "soon"}, None),
        ({}, None),
    ],
)
def test_a_part_of_the_cost_says_what_its_run_kept(details: dict[str, Any], told: Ahead | None) -> None:
    assert kept_ahead(details) == told


def test_what_was_odd_is_listed_with_its_cause_and_what_explains_it(shown: Driven) -> None:
    words = plain(shown.call("forecasts-list.children", FORECASTS))
    assert "86 % from model flash" in words
    assert "expected: Winter launch" in words
    assert "$1,760" in words


def test_the_record_has_its_sentence_both_ways_of_making_and_the_newest_claims(shown: Driven) -> None:
    top = plain(shown.call("record-top.children", RECORD))
    assert "180 claims said beforehand since" in top
    assert "440 claims replayed since" in top
    assert "the first until 28 Nov" in top
    charts = plain(shown.call("record-charts.children", RECORD))
    assert "Said beforehand" in charts
    assert "from the data of before that day alone" in charts
    body = plain(shown.call("record-body.children", RECORD))
    for part in ("budgets", "chance of running out", "AI cost", "total", "within", "said beforehand", "chance of passing $40k"):
        assert part in body, part


def test_the_record_s_csv_has_every_scored_claim_and_runs_no_formula(shown: Driven) -> None:
    answer = shown.client.get("/export/track-record.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(lines) == 620
    assert {line["made"] for line in lines} == {"live", "replayed"}
    only = list(csv.DictReader(io.StringIO(shown.client.get("/export/track-record.csv?platform=coach").text)))
    assert {line["platform"] for line in only} == {"coach"}
