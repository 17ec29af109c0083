"""What the weekly report says: its subject, its decisions and their order, words that finance reads, and what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.forecasting.track_record import Total, TrackRecord
from analytics.reports import weekly_words as say
from analytics.reports.decisions import decisions, when
from analytics.reports.weekly import LONGEST_SUBJECT, MOST_DECISIONS, NO_RECORD, Given, content, subject
from analytics.urgency import ORDER_WITHIN, needs_decision
from analytics.verdict import verdict
from dashboards.reports.weekly_text import cause_words, weekly_text
from roomleft.limits import Freshness, Headroom, Kind, Limit, NextStep, State
from roomleft.outlook import Made, NoDate
from roomleft.timespan import Period, Window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = Window(Period.MONTH)
TITLES = {"shop": "Shop"}


def limit(
    name: str = "worlds", kind: Kind = Kind.CAPACITY, title: str = "Worlds of the pool", unit: str = "worlds", **more: Any
) -> Limit:
    # Each its own step: limits of one step are one decision.
    step = NextStep("Add a deployment" if name == "worlds" else f"Add a deployment for {name}", Decimal(99), timedelta(days=1))
    given: dict[str, Any] = {"next_step": step, "owner": "platform", **more}
    return Limit(f"shop.{name}", "shop", kind, title, Decimal(5000), unit, name, **given)


def row(own: Limit, state: State = State.OK, used: str | None = "4000", **more: Any) -> tuple[Headroom, Limit]:
    spent = Decimal(used) if used is not None else None
    bounds = own.window.bounds(NOW) if own.window else (None, None)
    values: dict[str, Any] = {
        "limit_id": own.limit_id, "platform": own.platform, "kind": own.kind, "unit": own.unit, "amount": own.amount, "used": spent,
        "remaining": None if spent is None else own.amount - spent, "fraction_left": None, "state": state, "reason": "", "burn_rate": None,
        "exhausts_p10": None, "exhausts_p50": None, "exhausts_p90": None, "p_breach": None if state is State.UNKNOWN else 0.02, "window_start": bounds[0],
        "window_end": bounds[1], "subject": "", "basis": "", "lower_bound": False, "freshness": Freshness.PROVISIONAL,
        "observed_at": NOW - timedelta(minutes=2), "as_of": NOW, "about_to": bounds[1] or NOW + timedelta(days=30),
    }  # fmt: skip
    return Headroom(**{**values, **more}), own


def in_days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def soon(own: Limit | None = None, chance: float = 0.8, days: float = 25, **more: Any) -> tuple[Headroom, Limit]:
    """A limit that probably runs out."""
    own = own or limit()
    dates = {"exhausts_p10": in_days(days - 4), "exhausts_p50": in_days(days), "exhausts_p90": in_days(days + 6)}
    lead = own.next_step.lead_time if own.next_step else None
    return row(own, State.TIGHT, **{**dates, "p_breach": chance, "order_by": in_days(days) - lead if lead else None, **more})


def week(*rows: tuple[Headroom, Limit], **more: Any) -> dict[str, Any]:
    return content(Given(TITLES, rows, **more), NOW, UTC)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "Nothing to report yet: there are no limits"),
        ([row(limit())], "Nothing needs you"),
        ([row(limit(), p_breach=None)], "Nothing needs you now; there are no forecasts yet"),
        ([row(limit()), row(limit("b"), State.UNKNOWN, None)], "Nothing known needs you; 1 limit without data"),
        ([row(limit(), State.UNKNOWN), row(limit("b"), State.UNKNOWN, None)], "Nothing can be said: no data"),
        ([soon()], "1 decision: Shop worlds of the pool by 14 Dec, +$99/month"),
        ([soon(), soon(limit("b", Kind.RATIO))], "2 decisions: Shop worlds of the pool by 14 Dec, +$99/month"),
        ([row(limit(), State.EXHAUSTED, "5001")], "1 decision: Shop worlds of the pool has run out, +$99/month"),
        ([soon(days=0.5)], "1 decision: Shop worlds of the pool, order now, +$99/month"),
        ([soon(limit(next_step=None))], "1 decision: Shop worlds of the pool about 15 Dec"),
        ([soon(limit(next_step=None), exhausts_p50=None)], "1 decision: Shop worlds of the pool, 80\u202f% chance"),
        ([row(limit(next_step=None), State.TIGHT, p_breach=None)], "1 decision: Shop worlds of the pool is tight"),
        ([soon(limit(next_step=NextStep("Cache", Decimal(-700), timedelta(days=1))))], "1 decision: Shop worlds of the pool by 14 Dec, −$700/month"),
        ([soon(limit(next_step=NextStep("Move worlds", Decimal(0), timedelta(days=1))))], "1 decision: Shop worlds of the pool by 14 Dec"),
    ],
)  # fmt: skip
def test_the_subject_is_the_verdict(rows: list[tuple[Headroom, Limit]], expected: str) -> None:
    assert week(*rows)["subject"] == expected


@pytest.mark.parametrize(
    "title", ["n" * 300, "Worlds " * 60, "🎲" * 200, "שלום " * 60, "x\r\nBcc: eve@example.org " * 9, "\u202eevil\u202c " * 40]
)
def test_any_title_leaves_a_subject_of_one_short_line(title: str) -> None:
    told = week(soon(limit(title=title)))["subject"]
    assert len(told) <= LONGEST_SUBJECT
    assert told.endswith(" by 14 Dec, +$99/month")
    assert not set(told) & set("\r\n\u202e\u202c")


def test_a_name_with_a_comma_stands_in_quotes_so_that_the_subject_parses() -> None:
    told = week(row(limit(title="API budget, 30 % of revenue"), State.EXHAUSTED, "5100"))
    assert told["subject"] == "1 decision: “Shop API budget, 30 % of revenue” has run out, +$99/month"


def test_an_open_range_has_its_middle_date_beside_it_and_a_chance_its_days() -> None:
    told = week(row(limit(), p_breach=0.48, exhausts_p10=in_days(4), exhausts_p50=in_days(43), order_by=in_days(40)))
    assert told["capacity"][0]["runs_out"] == "about 2 Jan 2027, from 24 Nov on"
    assert told["capacity"][0]["chance_of"] == "within 30 days"
    text = " ".join(weekly_text(told).replace("\u202f", " ").split())
    assert "48 % within 30 days · runs out about 2 Jan 2027, from 24 Nov on" in text
    windowed = week(soon(limit(window=MONTH), days=5))["capacity"][0]
    assert windowed["chance_of"] == "before it refills"


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        ({}, "too few have come due to say whether they do."),
        ({Made.LIVE: Total(ranges=19, coverage=0.9)}, "too few have come due to say whether they do."),
        ({Made.LIVE: Total(ranges=20, coverage=0.74), Made.REPLAYED: Total(ranges=900, coverage=0.8)}, "so far they held 74 %."),
        ({Made.REPLAYED: Total(ranges=900, coverage=0.81)}, "replayed over earlier days they held 81 %."),
    ],
)
def test_what_ranges_are_worth_is_what_the_record_says(totals: dict[Made, Total], words: str) -> None:
    record = TrackRecord(totals=totals)
    assert record.ranges_words == f"Ranges are meant to hold four times in five; {words}"
    told = week(soon(), ranges=record.ranges_words)
    assert record.ranges_words in " ".join(weekly_text(told).split())


def test_what_was_made_afterwards_is_marked_line_by_line() -> None:
    outcome = {
        "platform": "shop", "name": "AI cost", "unit": "usd", "low": Decimal(1), "middle": Decimal(2), "high": Decimal(3), "outcome": Decimal(2),
        "said_at": in_days(-8), "about_to": in_days(-1), "horizon_days": 7,
    }  # fmt: skip
    told = week(outcomes=[{**outcome, "made": "live"}, {**outcome, "name": "Users", "made": "replayed"}])
    text = " ".join(weekly_text(told).split())
    assert "Shop AI cost up to" in text
    assert "Shop users* up to" in text
    assert "Those marked * were made afterwards" in text
    assert "*" not in weekly_text(week(outcomes=[{**outcome, "made": "live"}]))


def test_old_price_lists_are_said_where_the_reader_begins() -> None:
    words = "1 price list was last compared with the provider's own long ago (on 15 Jan 2026): prices of gemini may have changed."
    assert words in " ".join(weekly_text(week(soon(), stale_prices=words)).split())


def test_a_cause_does_not_repeat_the_change_that_stands_beside_it() -> None:
    assert cause_words({"cause": "Costs fell $23: model flash −$20; fewer calls"}) == "Model flash −$20; fewer calls"
    assert cause_words({"cause": "No single cause stands out"}) == "No single cause stands out"


def test_decisions_are_in_the_verdict_s_order() -> None:
    ratio = row(limit("hits", Kind.RATIO), State.EXHAUSTED, "5100")
    maybe = soon(limit("pool"), chance=0.55)
    sure = soon(limit("disk"), chance=0.95)
    promise = row(limit("up", Kind.SLO, window=MONTH), State.EXHAUSTED, "5100")
    little = soon(limit("small", Kind.BUDGET, unit="usd", window=MONTH), chance=0.8, ends_p50=Decimal(5100))
    much = soon(limit("big", Kind.BUDGET, unit="usd", window=MONTH), chance=0.9, ends_p50=Decimal(9000))
    early = soon(limit("early"), chance=0.55, days=20)
    found = decisions([ratio, maybe, sure, promise, little, much, early], TITLES, NOW, UTC)
    assert [each["limit_id"].partition(".")[2] for each in found] == ["up", "hits", "early", "big", "disk", "pool", "small"]
    assert verdict([ratio, maybe, sure, promise, little, much, early], NOW).parts[0] == found[0]["title"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (row(limit()), False),
        (row(limit(), State.EXHAUSTED), True),
        (row(limit(), State.UNKNOWN, None), False),
        (row(limit(), State.TIGHT, p_breach=0.3), False),
        (row(limit(), State.TIGHT, p_breach=None), True),
        (row(limit(), State.OK, p_breach=None), False),
        (row(limit(), p_breach=0.5), True),
        (row(limit(), p_breach=0.49), False),
        (row(limit(), p_breach=0.1, order_by=NOW + ORDER_WITHIN), True),
        (row(limit(), p_breach=0.1, order_by=NOW + ORDER_WITHIN + timedelta(seconds=1)), False),
    ],
)
def test_what_needs_a_decision(given: tuple[Headroom, Limit], wanted: bool) -> None:
    assert needs_decision(given[0], NOW) is wanted


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (soon(limit("b", Kind.BUDGET, unit="usd", window=MONTH), 0.72, 4, used="3000", ends_p10=Decimal(38000), ends_p90=Decimal(46000)),
         "72 % chance of exceeding $5,000 by 30 Nov, now $3,000; likely $38–46k; if so about 24 Nov (20–30 Nov)."),
        (soon(), "80 % chance of passing 5,000 worlds within 30 days, now 4,000 worlds; about 15 Dec (11–21 Dec)."),
        (soon(limit("s", Kind.SLO, unit="requests", window=MONTH), 0.6, 6, used="4000"),
         "60 % chance that the promise is broken by 30 Nov; 80 % of what may go wrong has gone wrong; if so about 26 Nov (22 Nov – 2 Dec)."),
        (row(limit("s", Kind.SLO, unit="requests", window=MONTH), State.EXHAUSTED, "5400"), "The promise is broken: what went wrong is 108 % of what may."),
        (row(limit(), State.EXHAUSTED, "5022"), "Over by 22 worlds: 5,022 of 5,000 worlds in use."),
        (row(limit("r", Kind.RATIO, unit="percent"), State.EXHAUSTED, "336", amount=Decimal(30)), "It stands at 336 %, over its limit of 30 %."),
        (row(limit(), State.TIGHT, p_breach=None, no_date=NoDate.TOO_SHORT.value),
         "4,000 worlds against 5,000 worlds is tight, and nobody can say when it runs out: too few complete days."),
    ],
)  # fmt: skip
def test_why_is_one_sentence(given: tuple[Headroom, Limit], why: str) -> None:
    (found,) = decisions([given], TITLES, NOW, UTC)
    assert found["why"].replace("\u202f", " ") == why


def test_figures_are_those_stored_and_words_say_them() -> None:
    given = soon(
        limit("b", Kind.BUDGET, title="Budget", unit="usd", window=MONTH),
        0.72,
        4,
        used="3000.129999999",
        ends_p10=Decimal(4100),
        ends_p50=Decimal(5600),
        ends_p90=Decimal(6100),
    )
    told = week(given)
    (budget,), stored = told["month_end"], given[0]
    for name in ("limit_id", "used", "amount", "p_breach", "ends_p10", "ends_p50", "ends_p90", "remaining"):
        assert budget[name] == getattr(stored, name)
    assert (budget["spent"], budget["budget"], budget["likely"], budget["ends_words"]) == (
        "$3,000",
        "$5,000",
        "$4,100–6,100",
        "30 Nov",
    )
    (decision,) = told["decisions"]
    assert decision["exhausts_at"] == {"p10": stored.exhausts_p10, "p50": stored.exhausts_p50, "p90": stored.exhausts_p90}
    assert decision["order_by"] == stored.order_by


def test_capacity_says_when_it_runs_out_against_how_long_more_takes() -> None:
    far = row(limit("far"), exhausts_p50=in_days(200), p_breach=0.004)
    undated = row(limit("new"), p_breach=None, no_date=NoDate.TOO_SHORT.value)
    quota = row(limit("quota", Kind.QUOTA, window=MONTH), p_breach=0.01)
    dark = row(limit("dark"), State.UNKNOWN, None)
    found = {each["limit_id"].partition(".")[2]: each for each in week(dark, soon(), far, undated, quota)["capacity"]}
    assert list(found) == ["worlds", "far", "new", "quota", "dark"]
    worlds = found["worlds"]
    assert (worlds["left"].replace("\u202f", " "), worlds["runs_out"], worlds["lead"], worlds["by"]) == (
        "1,000 of 5,000 worlds left",
        "11–21 Dec",
        "1 day",
        "14 Dec",
    )
    assert (found["far"]["runs_out"], found["far"]["chance"].replace("\u202f", " ")) == ("not within 90 days", "< 1 %")
    assert found["new"]["runs_out"] == "no date: too few complete days"
    assert found["quota"]["runs_out"] == "not before it refills on 1 Dec"
    assert (found["dark"]["left"], found["dark"]["runs_out"]) == ("", "unknown")


def test_a_history_that_is_half_read_is_said_on_top() -> None:
    told = week(row(limit(), p_breach=None, no_date=NoDate.HALF_READ.value), row(limit("other"), p_breach=None))
    assert told["half_read"] == [TITLES["shop"]]
    assert week(soon())["half_read"] == []


def test_what_is_over_has_no_chance_of_going_over() -> None:
    own = limit("b", Kind.BUDGET, unit="usd", window=MONTH)
    out, open_ = week(row(own, State.EXHAUSTED, "6000", p_breach=1.0)), week(soon(own, 0.72, 4))
    assert [(each["chance"], each["chance_of"]) for each in out["month_end"]] == [("", "over by $1,000")]
    assert [(each["chance"], each["chance_of"]) for each in open_["month_end"]] == [("72\u202f%", "chance of going over")]


def test_at_most_five_decisions_and_the_others_are_named() -> None:
    told = week(*(soon(limit(f"w{n}", title=f"World {n}")) for n in range(8)))
    assert len(told["decisions"]) == MOST_DECISIONS
    assert told["subject"].startswith("8 decisions: ")
    assert told["more_decisions"] == [
        "Shop world 5: Add a deployment for w5, by 14 Dec",
        "Shop world 6: Add a deployment for w6, by 14 Dec",
        "Shop world 7: Add a deployment for w7, by 14 Dec",
    ]


def test_the_first_week_says_that_there_is_no_record_yet() -> None:
    told = week(row(limit()))
    assert told["record"] == NO_RECORD
    assert told["outcomes"] == []


def test_everything_exhausted_and_no_platforms_are_told() -> None:
    told = week(*(row(limit(f"w{n}", title=f"World {n}"), State.EXHAUSTED, "5001") for n in range(3)))
    assert told["subject"] == "3 decisions: Shop world 0 has run out, +$99/month"
    assert told["verdict"].startswith("Three limits have run out")
    nothing = content(Given({}, ()), NOW, UTC)
    assert (nothing["platforms"], nothing["freshness"], nothing["capacity"]) == ([], [], [])


def test_freshness_names_what_is_stale_and_what_is_missing() -> None:
    sources = [
        {"platform": "shop", "source": "shop", "state": "ok", "words": "", "newest": NOW - timedelta(hours=3)},
        {"platform": "shop", "source": "shop.db", "state": "failing", "words": "refused", "newest": None},
    ]
    dark = row(limit("dark"), State.UNKNOWN, None, observed_at=None, reason="no samples for 12 h")
    told = week(dark, sources=sources)
    (fresh,) = told["freshness"]
    assert fresh["newest_at"] == NOW - timedelta(hours=3)
    assert fresh["words"].replace("\u202f", " ") == "newest data 3 h old; 1 limit without data; shop.db is failing (refused)"
    assert told["unknown"] == [{"limit_id": "shop.dark", "name": "Shop worlds of the pool", "reason": "no samples for 12 h"}]
    assert content(Given(TITLES, ()), NOW, UTC)["freshness"][0]["words"] == "no data yet"


def test_a_mover_has_its_change_and_its_cause() -> None:
    movers = [{"platform": "shop", "name": "Shop", "before_usd": Decimal("100.10"), "after_usd": Decimal("140.35"), "cause": ""}]
    (told,) = week(movers=movers)["movers"]
    assert (told["change_usd"], told["change"], told["cause"]) == (Decimal("40.25"), "+$40.25", "No single cause stands out")


@pytest.mark.parametrize(
    ("low", "high", "unit", "words"),
    [
        ("38000", "46000", "usd", "$38–46k"), ("812", "940", "usd", "$812–940"), ("5100", "5600", "usd", "$5,100–5,600"), ("5100", "5140", "usd", "$5,100–5,140"),
        ("38100", "38400", "usd", "$38.1–38.4k"), ("1200000", "1400000", "usd", "$1.2–1.4M"), ("990", "1300", "usd", "$990–1,300"),
        ("41", "41", "usd", "$41.00"), ("7848.48", "7849.03", "usd", "$7,848–7,849"), ("27405", "27888", "usd", "$27.4–27.9k"), ("98.1", "100.2", "percent", "98.1–100 %"), ("84.8", "101.5", "percent", "85–102 %"), ("98.2", "99.4", "percent", "98.2–99.4 %"),
        ("99.955", "99.984", "percent", "99.96–99.98 %"), ("86.2", "99.9999", "percent", "86–99.9 %"), ("41.2", "42.6", "jobs", "41–43 jobs"), ("0.2", "0.4", "ratio", "20–40 %"), ("1.44", "1.834", "usd_per_user", "$1.44–1.83 a user"),
        ("4810", "5200", "worlds", "4,810–5,200 worlds"), ("900000000", "96000000000", "bytes", "900 MB – 96 GB"), ("-5", "5", "usd", "−$5.00 – $5.00"),
    ],
)  # fmt: skip
def test_ranges_say_their_unit_once(low: str, high: str, unit: str, words: str) -> None:
    assert say.amount_range(Decimal(low), Decimal(high), unit).replace("\u202f", " ") == words


@pytest.mark.parametrize(
    ("left", "whole", "unit", "words"),
    [
        ("398", "5010", "worlds", "398 of 5,010 worlds left"), ("30.3", "80", "percent", "30.3 points below 80 %"), ("0.05", "0.2", "ratio", "5 points below 20 %"),
        ("-3", "80", "percent", "3 points above 80 %"), ("63300000000", "96000000000", "bytes", "63.3 of 96 GB left"), ("12.5", "29", "usd", "$12.50 of $29.00 left"),
    ],
)  # fmt: skip
def test_what_is_left_reads_one_way_only(left: str, whole: str, unit: str, words: str) -> None:
    assert say.left_of(Decimal(left), Decimal(whole), unit).replace("\u202f", " ") == words


def test_days_are_the_readers_own_but_for_the_last_to_order_which_is_the_platform_s() -> None:
    late = datetime(2026, 12, 13, 23, 30, tzinfo=UTC)
    kathmandu = ZoneInfo("Asia/Kathmandu")
    for zone in (UTC, kathmandu):
        for own, day in ((limit(), "13 Dec"), (limit(zone=kathmandu), "14 Dec")):
            given = soon(own, order_by=late, exhausts_p10=late, exhausts_p50=late, exhausts_p90=late)
            told = content(Given(TITLES, [given]), NOW, zone)["decisions"][0]
            assert (told["by"], told["when"]) == (day, "13 Dec" if zone is UTC else "14 Dec")
            assert verdict([given], NOW, zone).parts[-1] == f"order by {day}"


def test_one_step_for_two_limits_is_one_decision() -> None:
    step = NextStep("Sell voice by the minute", Decimal(120), timedelta(days=1))
    first, later = (
        limit("share", next_step=step, title="API share"),
        limit("rate", next_step=step, title="Voice rate", owner="finance"),
    )
    told = week(soon(later, days=25), soon(first, days=24, order_by=in_days(23)), soon(limit(), days=28))
    decision, other = told["decisions"]
    assert (decision["title"], [each["title"] for each in decision["also"]]) == ("API share", ["Voice rate"])
    assert (decision["by"], decision["order_by"], decision["cost"]) == ("13 Dec", in_days(23), "+$120/month")
    assert decision["owner"] == "platform and finance"
    assert (other["title"], other["also"]) == ("Worlds of the pool", [])
    assert told["subject"] == "2 decisions: Shop API share by 13 Dec, +$120/month"
    # The later one may be the one to be ordered for first.
    told = week(soon(later, days=25, order_by=in_days(9)), soon(first, days=24, order_by=in_days(23)))
    assert (told["decisions"][0]["title"], told["decisions"][0]["by"]) == ("Voice rate", "29 Nov")
    assert told["verdict"] == "Two limits probably will run out within 30 days."
    assert verdict([soon(later, days=25), soon(first, days=24)], NOW).parts[4] == "Sell voice by the minute (also for Voice rate)"


def test_the_subject_of_nothing_is_short() -> None:
    assert len(subject([], [replace_state(n) for n in range(40)], NOW, UTC)) <= LONGEST_SUBJECT


def replace_state(number: int) -> tuple[Headroom, Limit]:
    made, own = row(limit(f"w{number}"))
    return replace(made, state=State.UNKNOWN if number else State.OK), own


@pytest.mark.parametrize(
    ("window", "said"),
    [(None, "90 days"), (Window(Period.ROLLING, span=timedelta(days=7)), "30 days")],
    ids=["a stock", "what rolls is asked of thirty days alone"],
)
def test_no_more_days_are_promised_than_were_asked_of(window: Window | None, said: str) -> None:
    for chance, words in ((0.002, f"not within {said}"), (0.05, f"unlikely within {said}")):
        found, own = row(limit(window=window), p_breach=chance)
        assert when(found, own, NOW, UTC) == words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"no_date": "not_yet", "basis": "not forecast yet"}, "not forecast yet"),
        ({"basis": "recent rate, 14 days; no chance: not forecast yet"}, "not forecast yet"),
        ({"no_date": "half_read", "basis": "no pace: history is still being read"}, "its history is still being read"),
    ],
)
def test_a_forecast_that_is_not_there_yet_is_missing(given: dict[str, Any], said: str) -> None:
    waiting = row(limit("b"), p_breach=None, **given)
    told = week(row(limit()), waiting)
    assert told["missing"] == [f"the forecasts of Shop ({said})"]
    assert told["subject"] == "Nothing needs you now; 1 limit is not forecast yet"
    assert told["verdict"] == "Nothing needs you now, but one limit is not forecast yet."
    assert "before" not in week(waiting, soon())["verdict"]
    assert week(row(limit()))["missing"] == []
