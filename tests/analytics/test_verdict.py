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
        ([YOUNG, OK], "Nothing needs you before 20 Dec."),
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
    assert verdict([(likely, BUDGET)], NOW).sentence == "One limit probably will before it refills."
    unlikely = replace(WILL[0], p_breach=0.2)
    assert "probably" not in verdict([(unlikely, BUDGET)], NOW).sentence


def test_what_comes_first_has_date_range_step_price_and_order_by() -> None:
    said = verdict([OK, DISK], NOW)
    assert said.parts == ("Disk", "10 Dec", "6–15 Dec", "Buy disks", "$500 a month", "order by 3 Dec")
    assert said.first.startswith("First: Disk · 10 Dec")


@pytest.mark.parametrize("others", [[OK], [DISK], [WILL, DISK]])
def test_what_has_run_out_comes_before_what_will(others: list[Row]) -> None:
    assert verdict([*others, OUT], NOW).parts[:2] == ("AI budget", "$1,100.00 used of $1,000.00")


def test_dates_are_in_the_readers_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    fresh = (replace(OK[0], exhausts_p10=late + timedelta(days=5)), BUDGET)
    assert verdict([fresh], late).sentence == "Nothing needs you before 25 Nov."
    assert verdict([fresh], late, ZoneInfo("Asia/Tokyo")).sentence == "Nothing needs you before 26 Nov."


@pytest.mark.parametrize(("chance", "text"), [(0.0, "< 1 %"), (0.384, "38 %"), (1.0, "> 99 %")])
def test_a_chance_is_never_none_or_certain(chance: float, text: str) -> None:
    assert chance_text(chance).replace("\u202f", " ") == text
