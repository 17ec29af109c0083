"""What may be said of when a limit runs out, in which order limits need somebody, and how ranges read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.ranges import money_range, share_text
from analytics.reports.decisions import decision, when
from analytics.runs_out import NO_DAY, RunsOut, Said, runs_out
from analytics.urgency import by_step, by_urgency, last_date, probably_will
from analytics.verdict import verdict
from analytics.wording import and_words, chance_text
from dashboards import capacity_words, limit_words
from dashboards.limit_rows import LimitRow
from roomleft.limits import Freshness, Headroom, Kind, Limit, NextStep, State
from roomleft.outlook import NO_DATE_WORDS, NoDate
from roomleft.timespan import Period, Window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
MONTH, WEEK = Window(Period.MONTH), Window(Period.ROLLING, span=timedelta(days=7))


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def limit(window: Window | None = None, name: str = "a", kind: Kind = Kind.CAPACITY, **more: Any) -> Limit:
    step = NextStep(more.pop("what", f"Add {name}"), Decimal(10), timedelta(days=2))
    return Limit(f"shop.{name}", "shop", kind, f"Limit {name}", Decimal(100), "jobs", name, window=window, next_step=step, **more)


def row(own: Limit, state: State = State.OK, **more: Any) -> Headroom:
    end = own.window.refills_at(NOW) if own.window else None
    given: dict[str, Any] = {
        "limit_id": own.limit_id, "platform": "shop", "kind": own.kind, "unit": own.unit, "amount": own.amount, "used": Decimal(50),
        "remaining": Decimal(50), "fraction_left": 0.5, "state": state, "reason": "silent", "burn_rate": None, "exhausts_p10": None,
        "exhausts_p50": None, "exhausts_p90": None, "p_breach": None, "window_start": None, "window_end": end, "subject": "", "basis": "trend",
        "lower_bound": False, "freshness": Freshness.PROVISIONAL, "observed_at": NOW, "as_of": NOW,
    }  # fmt: skip
    return Headroom(**{**given, **more})


def dated(middle: float, chance: float | None = 0.6) -> dict[str, Any]:
    return {"p_breach": chance, "exhausts_p10": days(middle / 2), "exhausts_p50": days(middle), "exhausts_p90": days(middle * 2)}


@pytest.mark.parametrize(
    ("window", "given", "said", "page", "report"),
    [
        (None, {"state": State.UNKNOWN}, RunsOut(Said.UNKNOWN, "silent"), "no date silent", "unknown"),
        (None, {"state": State.EXHAUSTED}, RunsOut(Said.OUT), "has run out", "has run out"),
        (None, dated(20), RunsOut(Said.DATE), "10 Dec 30 Nov–30 Dec", "30 Nov – 30 Dec"),
        (None, dated(100, None), RunsOut(Said.NOT_BEFORE), "not before 9 Jan", "not before 9 Jan 2027"),
        (None, dated(300, None), RunsOut(Said.NOT_WITHIN, days=90), "not in 90 d", "not within 90 days"),
        (None, {"p_breach": 0.003}, RunsOut(Said.NOT_WITHIN, days=90), "not in 90 d", "not within 90 days"),
        (None, {"p_breach": 0.003, "no_date": "no_better"}, RunsOut(Said.NOT_WITHIN, days=30), "not in 30 d", "not within 30 days"),
        (None, {"p_breach": 0.04}, RunsOut(Said.UNLIKELY_WITHIN, days=90), "unlikely in 90 d", "unlikely within 90 days"),
        (WEEK, {"p_breach": 0.003}, RunsOut(Said.NOT_WITHIN, days=30), "not in 30 d", "not within 30 days"),
        (MONTH, {"p_breach": 0.003, **{"exhausts_p50": days(3)}}, RunsOut(Said.REFILLS), "after 30 Nov resets 1 Dec", "not before it refills on 1 Dec"),
        (None, {"p_breach": 0.74, "no_date": "too_sparse"}, RunsOut(Said.REASON, NO_DATE_WORDS[NoDate.TOO_SPARSE]),
         "no date too few days with use to name a day", "no date: too few days with use to name a day"),
        (WEEK, {"p_breach": 0.74}, RunsOut(Said.REASON, NO_DAY), f"no date {NO_DAY}", f"no date: {NO_DAY}"),
        (None, {"basis": "5 of 7 days needed", "no_date": "too_short"}, RunsOut(Said.REASON, "5 of 7 days needed"),
         "no date yet 5 of 7 days needed", "no date: 5 of 7 days needed"),
        (None, {"basis": "no pace: a query", "no_date": "by_query"}, RunsOut(Said.REASON, NO_DATE_WORDS[NoDate.BY_QUERY]),
         "no date a query works it out, so it has no history by day", "no date: a query works it out, so it has no history by day"),
        (None, {"no_date": "beyond"}, RunsOut(Said.REASON, NO_DATE_WORDS[NoDate.BEYOND]), "no date further away than the data can tell",
         "no date: further away than the data can tell"),
        (None, {}, RunsOut(Said.NOT_AT_THIS_PACE), "not at this pace", "not at the present pace"),
    ],
)  # fmt: skip
def test_pages_and_reports_say_the_same_of_when(
    window: Window | None, given: dict[str, Any], said: RunsOut, page: str, report: str
) -> None:
    own = limit(window)
    found = row(own, **given)
    assert runs_out(found, own) == said
    shown = limit_words.runs_out(LimitRow(own, found), NOW, ZONE).plain().replace("\u202f", " ").replace("\u00a0", " ")
    assert shown.removesuffix(" 2027") == page
    assert when(found, own, NOW, ZONE).replace("\u202f", " ") == report


def test_the_most_urgent_comes_first_and_one_step_counts_once() -> None:
    made = {
        name: (row(own, **given), own)
        for name, own, given in [
            ("hits", limit(name="hits", kind=Kind.RATIO), {"state": State.EXHAUSTED}),
            ("late", limit(name="late", what="Buy"), dated(25)),
            ("soon", limit(name="soon"), dated(5)),
            ("gone", limit(name="gone", what="Buy"), {"state": State.EXHAUSTED}),
            ("dark", limit(name="dark"), {"state": State.TIGHT}),
            ("order", limit(name="order"), {**dated(35, 0.3), "order_by": days(10)}),
            ("due", limit(name="due"), {**dated(28), "order_by": days(-2)}),
            ("fine", limit(name="fine"), {"p_breach": 0.2}),
            ("mute", limit(name="mute"), {"state": State.UNKNOWN, "p_breach": 0.9}),
        ]
    }
    found = by_urgency(made.values(), NOW)
    assert [own.limit_id.removeprefix("shop.") for _, own in found] == ["gone", "due", "hits", "soon", "order", "late", "dark"]
    assert [[own.limit_id.removeprefix("shop.") for _, own in group] for group in by_step(found)] == [
        ["gone", "late"], ["due"], ["hits"], ["soon"], ["order"], ["dark"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"state": State.EXHAUSTED}, "now"),
        ({**dated(10), "order_by": days(-1)}, "now"),
        ({**dated(10), "order_by": days(8.6)}, "29 Nov"),
        ({**dated(300, None), "order_by": days(298)}, ""),
        ({**dated(300, None), "order_by": days(8.6)}, "29 Nov"),
        ({**dated(300, None), "order_by": days(-1)}, "now"),
        ({}, ""),
    ],
)
def test_the_last_day_to_order_is_one_of_the_platform_s_zone(given: dict[str, Any], words: str) -> None:
    assert last_date(row(limit(), **given), limit(), NOW) == words
    if words == "29 Nov":
        tonga = limit(zone=ZoneInfo("Pacific/Tongatapu"))
        assert last_date(row(tonga, **given), tonga, NOW) == "29 Nov"
        west = limit(zone=ZoneInfo("Pacific/Honolulu"))
        assert last_date(row(west, **given), west, NOW) == "28 Nov"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ("0", "0", "$0.00"), ("0.00012", "0.00047", "$0.0001–0.0005"), ("99999", "120000", "$100–120k"), ("9999.4", "9999.6", "$9,999–10,000"),
        ("-3", "-3", "−$3.00"), ("15000000", "15000001", "$15.00–15.00M"),
    ],
)  # fmt: skip
def test_odd_ranges_of_money(low: str, high: str, words: str) -> None:
    said = money_range(Decimal(low), Decimal(high))
    if words.endswith("15.00M"):
        assert said != words, "both ends read alike"
    else:
        assert said == words


@pytest.mark.parametrize(
    ("percent", "words"), [("99.95", "99.95"), ("99.99996", "99.999"), ("100", "100"), ("335.9", "336"), ("0.042", "0.042"), ("28.44", "28.4"), ("-0.04", "−0.04")]
)  # fmt: skip
def test_shares_have_one_decimal_but_where_the_distance_to_a_whole_matters(percent: str, words: str) -> None:
    assert share_text(Decimal(percent)) == words


def test_the_half_is_not_said_of_what_is_less() -> None:
    assert [chance_text(chance).replace("\u202f", " ") for chance in (0.4949, 0.495, 0.498, 0.5)] == [
        "49 %",
        "49 %",
        "49 %",
        "50 %",
    ]


def test_a_step_that_takes_long_is_due_though_its_limit_runs_out_too_far_off_for_a_date() -> None:
    far = limit(name="far", what="Buy a rack")
    found = row(far, **dated(300, 0.2), order_by=days(10))
    said = verdict([(found, far)], NOW)
    assert said.sentence == "One limit needs its next step ordered by 30 Nov; nothing else needs you before 20 Dec."
    assert said.parts == ("Limit far", "20\u202f% likely", "Buy a rack", "$10 a month", "order by 30 Nov")
    assert capacity_words.order_words(LimitRow(far, found), NOW, ZONE) == ("order by 30 Nov".replace(" ", "\u00a0"), True)


def test_a_step_of_several_limits_is_ordered_by_the_earliest_last_day_that_can_be_said() -> None:
    far, near = limit(name="far", what="Buy"), limit(name="near", what="Buy")
    own = [(row(near, **dated(30), order_by=days(28)), near), (row(far, **dated(300, 0.2), order_by=days(20)), far)]
    found = decision(own, {"shop": "Shop"}, NOW, ZONE)
    assert (found["by"], found["order_by"]) == ("18 Dec", days(28))


def test_a_rolling_window_probably_runs_out_where_its_pace_does_within_thirty_days() -> None:
    for middle, will in ((20, True), (60, False)):
        assert probably_will(row(limit(WEEK), **dated(middle, None), window_end=NOW), NOW) is will
    assert probably_will(row(limit(MONTH), **dated(60, None)), NOW), "what refills says nothing of later dates"


def test_many_names_are_counted() -> None:
    assert and_words(["a", "b"]) == "a and b"
    assert and_words(list("abcdefg")) == "a, b, c and 4 more"
