"""The sentence at the top, by cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.headroom import headroom
from analytics.verdict import Row, chance_text, verdict
from roomleft.limits import Kind, Limit, NextStep, Pace, Reading
from roomleft.timespan import Period, Window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BUDGET = Limit("p.budget", "p", Kind.BUDGET, "AI budget", Decimal(1000), "usd", "m", window=Window(Period.MONTH, ZoneInfo("UTC")))
STOCK = Limit(
    "p.disk",
    "p",
    Kind.CAPACITY,
    "Disk",
    Decimal(100),
    "gb",
    "m",
    next_step=NextStep("Buy disks", Decimal(500), timedelta(days=7)),
)


def row(limit: Limit, used: str | None, rate: float = 0.0) -> Row:
    pace = Pace(rate * 0.8, rate, rate * 1.25, "test")
    reading = Reading(None if used is None else Decimal(used), NOW, timedelta(minutes=5), reason="silent")
    return headroom(limit, reading, pace, NOW), limit


OK, OUT, FULL = row(BUDGET, "10"), row(BUDGET, "1100"), row(BUDGET, "950")
WILL, DISK = row(BUDGET, "800", 50), row(STOCK, "80", 1)
UNKNOWN = row(BUDGET, None)
YOUNG = (replace(OK[0], basis="no pace: history is still being read"), BUDGET)

NOT_YET = (replace(OK[0], basis="not forecast yet", no_date="not_yet"), BUDGET)
PACED = (replace(OK[0], basis="recent rate, 14 days; no chance: not forecast yet"), BUDGET)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "There are no limits yet."),
        ([OK], "Nothing needs you before 20 Dec."),
        ([OUT, WILL, WILL], "One limit has run out; two more will run out before they refill at the present pace."),
        ([OUT, OUT, OK], "Two limits have run out; nothing else needs you before 20 Dec."),
        ([WILL, OK], "One limit will run out before it refills at the present pace."),
        ([DISK], "One limit will run out within 30 days at the present pace."),
        (
            [OUT, WILL, DISK],
            "One limit has run out; two more will run out before they refill or within 30 days, at the present pace.",
        ),
        ([FULL, OK], "One limit is tight; none should run out before 20 Dec."),
        ([OK, UNKNOWN], "One limit cannot be told: its data is missing or old. Nothing else needs you before 20 Dec."),
        ([UNKNOWN] * 3, "Nothing can be said: all three limits are unknown."),
        ([YOUNG, YOUNG], "Nothing needs you now; there are no dates yet: too little history."),
        ([YOUNG, OK], "Nothing needs you now, but one limit is not forecast yet."),
        ([NOT_YET, NOT_YET, OK], "Nothing needs you now, but two limits are not forecast yet."),
        ([NOT_YET], "Nothing needs you now; there are no dates yet: nothing is forecast yet."),
        ([PACED, OUT], "One limit has run out; nothing else needs you now, but one limit is not forecast yet."),
        ([PACED, FULL], "One limit is tight; one limit is not forecast yet."),
        ([OUT, YOUNG], "One limit has run out; there are no dates yet: too little history."),
        (
            [UNKNOWN, YOUNG],
            "One limit cannot be told: its data is missing or old. Nothing else needs you now; there are no dates yet: too little history.",
        ),
        ([OUT] * 12, "12 limits have run out; nothing else needs you before 20 Dec."),
    ],
)
def test_the_sentence(rows: list[Row], sentence: str) -> None:
    assert verdict(rows, NOW).sentence == sentence


def test_probably_is_said_of_a_chance() -> None:
    likely = replace(WILL[0], p_breach=0.8)
    assert verdict([(likely, BUDGET)], NOW).sentence == "One limit probably will run out before it refills."
    unlikely = replace(WILL[0], p_breach=0.2)
    assert "probably" not in verdict([(unlikely, BUDGET)], NOW).sentence


def seen(limit: Limit, chance: float, *days: float, orders: float | None = None, used: str = "10") -> Row:
    """A row with a forecast: its chance, and its dates in days from now."""
    dates = [NOW + timedelta(days=each) for each in days] or [None, None, None]
    order = None if orders is None else NOW + timedelta(days=orders)
    given = dict(zip(("exhausts_p10", "exhausts_p50", "exhausts_p90"), dates, strict=True))
    return replace(row(limit, used)[0], p_breach=chance, order_by=order, basis="trend", **given), limit


HARDLY, PERHAPS = seen(BUDGET, 0.04, 2, 4, 6), seen(BUDGET, 0.2, 2, 4, 6)
LIKELY, DISK_LIKELY = seen(BUDGET, 0.7, 2, 4, 6), seen(STOCK, 0.6, 9, 20, 40, orders=13)
LATER = seen(STOCK, 0.1, 30, 50, 80, orders=43)
ORDER, OVERDUE = seen(STOCK, 0.2, 12, 35, 80, orders=5), seen(STOCK, 0.2, 12, 35, 80, orders=-1)
BEYOND = (replace(OK[0], p_breach=0.01, no_date="beyond", basis="further away"), STOCK)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([LIKELY], "One limit probably will run out before it refills."),
        ([OUT, LIKELY, LIKELY], "One limit has run out; two more probably will before they refill."),
        ([OUT, LIKELY, DISK_LIKELY], "One limit has run out; two more probably will before they refill or within 30 days."),
        ([DISK_LIKELY, OK], "One limit probably will run out within 30 days."),
        ([LIKELY, WILL], "Two limits probably will run out, or would at the present pace, before they refill."),
        # A date that holds only if so, and that hardly will, is no date to wait for.
        ([HARDLY, OK], "Nothing needs you before 20 Dec."),
        # One in five that it runs out at all: half way through the futures in which it does, the chance has reached a tenth.
        ([PERHAPS, OK], "Nothing needs you before 24 Nov."),
        ([LATER, OK], "Nothing needs you before 20 Dec."),
        ([ORDER, OK], "One limit needs its next step ordered by 25 Nov; nothing else needs you before 20 Dec."),
        ([ORDER, ORDER, OVERDUE], "Three limits need their next steps ordered now; nothing else needs you before 20 Dec."),
        ([OUT, OVERDUE], "One limit has run out; one more needs its next step ordered now; nothing else needs you before 20 Dec."),
        ([LIKELY, ORDER], "One limit probably will run out before it refills. One more needs its next step ordered by 25 Nov."),
        ([BEYOND], "Nothing needs you before 20 Dec."),
        (
            [ORDER, UNKNOWN],
            "One limit needs its next step ordered by 25 Nov; nothing else needs you before 20 Dec. One limit cannot be told: its data is missing or old.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_of_chances(rows: list[Row], sentence: str) -> None:
    assert verdict(rows, NOW).sentence == sentence


def test_what_probably_comes_first_says_how_likely() -> None:
    assert verdict([OK, DISK_LIKELY], NOW).parts == (
        "Disk", "10 Dec", "29 Nov – 30 Dec", "60\u202f% likely", "Buy disks", "$500 a month", "order by 3 Dec",
    )  # fmt: skip
    assert verdict([OVERDUE], NOW).parts[-1] == "order now"
    # Of what has run out a chance says nothing more.
    out = (replace(OUT[0], p_breach=1.0), BUDGET)
    assert not any("likely" in part for part in verdict([out], NOW).parts)


def test_what_comes_first_has_date_range_step_price_and_order_by() -> None:
    said = verdict([OK, DISK], NOW)
    assert said.parts == ("Disk", "10 Dec", "6–15 Dec", "Buy disks", "$500 a month", "order by 3 Dec")
    assert said.first.startswith("First: Disk · 10 Dec")


@pytest.mark.parametrize("others", [[OK], [DISK], [WILL, DISK]])
def test_what_has_run_out_comes_before_what_will(others: list[Row]) -> None:
    assert verdict([*others, OUT], NOW).parts[:2] == ("AI budget", "$1,100.00 used of $1,000.00")


def test_what_runs_out_next_is_told_beside_what_is_out() -> None:
    """The earliest of those that probably will; nothing where nothing is out, for then it is what comes first."""
    said = verdict([DISK, OK, OUT, WILL], NOW)
    assert (said.parts[0], said.of) == ("AI budget", OUT[0])
    assert said.next_parts[:2] == ("AI budget", "24 Nov")
    assert said.next_of == WILL[0]
    calm = verdict([DISK, OK, WILL], NOW)
    assert (calm.of, calm.next_parts, calm.next_of) == (WILL[0], (), None)


def test_dates_are_in_the_readers_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    fresh = (replace(OK[0], exhausts_p10=late + timedelta(days=5)), BUDGET)
    assert verdict([fresh], late).sentence == "Nothing needs you before 25 Nov."
    assert verdict([fresh], late, ZoneInfo("Asia/Tokyo")).sentence == "Nothing needs you before 26 Nov."


@pytest.mark.parametrize(("chance", "text"), [(0.0, "< 1 %"), (0.384, "38 %"), (1.0, "> 99 %")])
def test_a_chance_is_never_none_or_certain(chance: float, text: str) -> None:
    assert chance_text(chance).replace("\u202f", " ") == text
