"""What futures say of a limit: chances, dates, ends, and what is said where nothing can be."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecasting.calibration import KNOTS, Calibration
from analytics.forecasting.limit import limit as limit_by
from analytics.forecasting.limit import outlook
from analytics.forecasting.questions import persistence
from roomleft.limits import Direction, Kind, Reading
from roomleft.outlook import NoDate, Outlook, Shape
from roomleft.timespan import Period
from tests.analytics.forecasting.drawn import BERLIN, NEW_YORK, NOW, TODAY, even, futures, limit, panel, reading

# Four draws of ten, twenty, thirty and forty a day.
FOUR = np.array([[10.0], [20.0], [30.0], [40.0]]).repeat(40, axis=1)


def at(text: str) -> datetime:
    """An instant of June 2026 or another."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES: list[tuple[str, Any, Any, datetime, int, datetime, str | None]] = [
    # name, limit, used, now, how many of the four draws cross, about_to, middle date
    # Half of 11 June is left, then 19 days: 195, 390, 585 and 780 more.
    ("a month's budget", limit(1000), 500, NOW, 2, at("2026-07-01T00:00:00"), "2026-06-25T00:00:00"),
    ("just lasts is not running out", limit(1085), 500, NOW, 1, at("2026-07-01T00:00:00"), None),
    ("a week", limit(100), 0, NOW, 2, at("2026-06-15T00:00:00"), None),
    ("a day's quota", limit(112), 100, NOW, 2, at("2026-06-12T00:00:00"), None),
    ("a limit of zero, nothing used", limit(0), 0, NOW, 4, at("2026-07-01T00:00:00"), "2026-06-11T12:00:00"),
]


@pytest.mark.parametrize(
    ("name", "asked", "used", "now", "crossing", "about_to", "middle"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_calendar_window_adds_up(
    name: str, asked: Any, used: Any, now: datetime, crossing: int, about_to: datetime, middle: str | None
) -> None:
    period = {"a week": Period.WEEK, "a day's quota": Period.DAY}.get(name)
    asked = limit(asked.amount, period) if period else asked
    said = outlook(asked, reading(used, now), futures(FOUR), now)
    assert said.p_breach == pytest.approx((crossing + 0.5) / 5)
    assert said.about_to == about_to
    if middle is not None:
        assert said.p50 is not None
        assert abs(said.p50 - at(middle)) <= timedelta(hours=36 if name == "a month's budget" else 0.1)


def test_a_crossing_on_the_last_evening_is_a_day_of_the_window_not_of_the_next() -> None:
    # Ten a day: the amount is passed an hour before the month ends.
    amount = round(10 * (19.5 - 1 / 24), 6)
    said = outlook(limit(amount), reading(0), futures(FOUR[:1].repeat(4, axis=0)), NOW)
    assert said.about_to == at("2026-07-01T00:00:00")
    assert None not in (said.p10, said.p50, said.p90)
    assert max(said.p10, said.p50, said.p90).date() == date(2026, 6, 30)


def test_the_crossing_lies_inside_the_day() -> None:
    # 24 a day: half of today gives 12, so 30 more are used 18 hours into tomorrow.
    said = outlook(limit(130), reading(100), even(24), NOW)
    assert said.p50 == at("2026-06-12T18:00:00")
    # Although all draws agree on the day: nobody forecasts its hours.
    stray = timedelta(seconds=1.2816 * 5_400)
    assert said.p10 is not None
    assert said.p90 is not None
    assert abs(said.p10 - (said.p50 - stray)) < timedelta(seconds=1)
    assert abs(said.p90 - (said.p50 + stray)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("amount", "p10", "p90"),
    [(101, "2026-06-11T12:00:00", "2026-06-11T14:55:21"), (111.5, "2026-06-11T21:34:39", "2026-06-11T23:59:59")],
    ids=["an hour from now", "half an hour before the refill"],
)
def test_no_date_is_before_now_or_on_the_day_after_the_refill(amount: float, p10: str, p90: str) -> None:
    said = outlook(limit(amount, Period.DAY), reading(100), even(24), NOW)
    assert (said.p10, said.p90) == (at(p10), at(p90))


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), BERLIN, 23),
        (date(2026, 10, 25), BERLIN, 25),
        (date(2026, 3, 8), NEW_YORK, 23),
        (date(2026, 6, 11), BERLIN, 24),
    ],
)
def test_a_day_counts_by_its_length(day: date, zone: ZoneInfo, hours: int) -> None:
    now = datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
    said = outlook(limit(1000, Period.DAY, zone=zone), reading(0, now), even(24, first_day=day, zone=zone), now)
    assert said.ends_p50 == Decimal(hours)
    assert said.about_to == now + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("now", "period", "end"),
    [
        ("2024-02-29T10:00:00", Period.MONTH, "2024-03-01T00:00:00"),
        ("2026-02-28T23:59:59", Period.MONTH, "2026-03-01T00:00:00"),
        ("2026-12-31T18:00:00", Period.YEAR, "2027-01-01T00:00:00"),
        ("2026-12-31T18:00:00", Period.MONTH, "2027-01-01T00:00:00"),
        ("2026-12-30T18:00:00", Period.WEEK, "2027-01-04T00:00:00"),
        ("2026-12-05T00:00:00", Period.QUARTER, "2027-01-01T00:00:00"),
    ],
)
def test_ends_of_months_and_years(now: str, period: Period, end: str) -> None:
    instant = at(now)
    days = (at(end) - instant) / timedelta(days=1)
    said = outlook(limit(10_000, period), reading(7, instant), even(5, days=40, first_day=instant.date()), instant)
    assert said.about_to == at(end)
    assert float(said.ends_p50 or 0) == pytest.approx(7 + 5 * days)
    assert said.no_date is None


def test_futures_fitted_yesterday_are_read_from_today_on() -> None:
    values = np.tile(np.array([1000.0, 10.0] + [10.0] * 30), (4, 1))
    said = outlook(limit(10_000), reading(0), futures(values, first_day=NOW.date() - timedelta(days=1)), NOW)
    assert float(said.ends_p50 or 0) == pytest.approx(195)


def test_past_days_drop_out_of_a_rolling_window() -> None:
    past = [10.0] * 10 + [100.0] + [10.0] * 5  # the hundred lies six days before today
    used = 100 + 5 * 10 + 5 + 5  # half a day of ten a week ago, and half of today's ten
    said = outlook(limit(170, span=timedelta(days=7)), reading(used), even(10, past=past, days=31), NOW)
    assert float(said.ends_p50 or 0) == pytest.approx(70, abs=1)
    assert said.p_breach is not None
    assert said.p_breach < 0.5
    rising = outlook(limit(170, span=timedelta(days=7)), reading(used), even(40, past=past, days=31), NOW)
    assert rising.p_breach is not None
    assert rising.p_breach > 0.5
    assert float(rising.ends_p50 or 0) == pytest.approx(280, abs=1)


def test_a_rolling_window_longer_than_the_past() -> None:
    said = outlook(limit(10_000, span=timedelta(days=30)), reading(50), even(10, past=[10.0] * 4, days=31), NOW)
    assert float(said.ends_p50 or 0) == pytest.approx(300, abs=5)


def test_a_rolling_hour_takes_an_even_part_of_the_day() -> None:
    said = outlook(limit(5, span=timedelta(hours=1)), reading(1), even(240, past=[24.0] * 20, days=31), NOW)
    assert said.p_breach is not None
    assert said.p_breach > 0.5
    assert float(said.ends_p50 or 0) == pytest.approx(10, rel=0.1)


def test_a_stock_runs_from_its_reading() -> None:
    rising = np.tile(100 + np.arange(90.0), (4, 1)) + np.array([[0.0], [0.1], [0.2], [0.3]])
    past = np.arange(10.0, 100.0)
    said = outlook(limit(120, None), reading(100.2), futures(rising, shape=Shape.LEVEL, past=past), NOW)
    assert said.p_breach == pytest.approx(4.5 / 5)
    assert said.p50 is not None
    assert abs(said.p50 - (NOW + timedelta(days=20))) < timedelta(days=1)
    assert said.about_to == NOW + timedelta(days=30)
    # Ninety days are told, so a date beyond the thirty of the chance is one too.
    later = outlook(limit(150, None), reading(100.2), futures(rising, shape=Shape.LEVEL, past=past), NOW)
    assert later.p_breach == pytest.approx(0.5 / 5)
    assert later.p50 is not None
    assert later.p50 > NOW + timedelta(days=30)


def test_a_gap_of_a_drifting_stock_stays_and_of_a_jittering_reading_closes() -> None:
    made = np.random.default_rng(1)
    drifts = 100 + np.cumsum(made.normal(0, 1, (30, 90)), axis=1)
    drifting, jittering = drifts[0], 100 + made.normal(0, 1, 90)
    assert np.mean([persistence(one) for one in drifts]) > 0.85
    assert persistence(jittering) < 0.3
    moved = {}
    for name, past in (("drifting", drifting), ("jittering", jittering)):
        level = float(past[-1])
        said = limit_by(
            even(level, shape=Shape.LEVEL, past=past, days=31),
            limit(500, None),
            NOW + timedelta(days=7),
            reading=reading(level + 10),
            now=NOW,
        )
        moved[name] = float(said.ends_p50 or 0) - level
    assert moved["drifting"] > 1
    assert abs(moved["jittering"]) < 0.5


def test_a_low_reading_says_little_of_the_busiest_hour() -> None:
    rng = np.random.default_rng(2)
    peaks = 100 + rng.normal(0, 3, (400, 31))
    said = outlook(limit(104, None), reading(20), futures(peaks, shape=Shape.LEVEL, past=100 + rng.normal(0, 3, 90)), NOW)
    assert said.p_breach is not None
    assert said.p_breach > 0.9


def test_a_floor_is_a_ceiling_turned_over() -> None:
    falling = np.tile(100 - np.arange(60.0), (4, 1))
    asked = limit(80, None, direction=Direction.AT_LEAST, kind=Kind.RATIO)
    said = outlook(asked, reading(100), futures(falling, shape=Shape.LEVEL, past=np.arange(190.0, 100.0, -1)), NOW)
    assert said.p_breach == pytest.approx(4.5 / 5)
    assert said.ends_p10 is not None
    assert said.ends_p90 is not None
    assert said.ends_p10 <= said.ends_p90
    below = outlook(asked, reading(79), futures(falling, shape=Shape.LEVEL), NOW)
    assert below.p_breach == 1


def test_a_sum_that_must_reach_a_floor_is_judged_at_the_windows_end() -> None:
    asked = limit(800, direction=Direction.AT_LEAST)
    said = outlook(asked, reading(100), futures(FOUR), NOW)
    # 100 and 195, 390, 585 or 780 more: three fall short of 800.
    assert said.p_breach == pytest.approx(3.5 / 5)
    assert {said.p10, said.p50, said.p90} == {at("2026-07-01T00:00:00")}


def test_what_has_run_out_is_certain() -> None:
    over = replace(reading(1001), first_over_at=NOW - timedelta(days=1))
    said = outlook(limit(1000), over, even(1), NOW)
    assert (said.p_breach, said.p50) == (1.0, NOW - timedelta(days=1))
    assert said.no_date is None
    for drawn in (None, even(np.nan), even(1, no_date=NoDate.TOO_SHORT), even(1, days=3, first_day=date(2026, 1, 1))):
        assert outlook(limit(1000), over, drawn, NOW).p_breach == 1


def test_beyond_the_futures_only_what_they_reach_is_said() -> None:
    asked = limit(1000, Period.YEAR)
    few = outlook(asked, reading(100), even(10, days=30), NOW)
    assert (few.p_breach, few.no_date, few.p50) == (None, NoDate.BEYOND, None)
    assert "30 days" in few.basis
    many = outlook(asked, reading(100), even(50, days=30), NOW)
    assert many.p_breach is not None
    assert many.p_breach > 0.5
    assert many.p50 is not None
    assert many.no_date is None
    assert (few.ends_p50, many.ends_p50) == (None, None)


def test_thirty_days_on_may_be_told_by_futures_of_yesterday() -> None:
    level = even(10, shape=Shape.LEVEL, days=30, past=[10.0] * 30, first_day=TODAY - timedelta(days=1))
    for asked, drawn in ((limit(20, None), level), (limit(200, span=timedelta(days=7)), even(10, days=30, past=[10.0] * 30))):
        said = outlook(asked, reading(10 if asked.window is None else 70), drawn, NOW)
        assert (said.no_date, said.p_breach) == (None, pytest.approx(0.5 / 5))
    short = outlook(limit(20, None), reading(10), even(10, shape=Shape.LEVEL, days=20), NOW)
    assert (short.no_date, short.p_breach) == (NoDate.BEYOND, None)


GROUNDLESS = [
    ("no reading", None, even(1), NoDate.NO_DATA),
    ("a reading without amount", Reading(None, NOW, timedelta(hours=1)), even(1), NoDate.NO_DATA),
    ("a stale reading", reading(1, NOW - timedelta(hours=2)), even(1), NoDate.STALE),
    ("a reading that is no number", reading("NaN"), even(1), NoDate.NOT_FINITE),
    ("an endless reading", reading("1e400"), even(1), NoDate.NOT_FINITE),
    ("no futures", reading(1), None, NoDate.NO_DATA),
    ("empty futures", reading(1), futures(np.empty((0, 0))), NoDate.NO_DATA),
    ("too short a past", reading(1), even(1, no_date=NoDate.TOO_SHORT), NoDate.TOO_SHORT),
    ("futures of no numbers", reading(1), even(np.nan), NoDate.NOT_FINITE),
    ("endless futures", reading(1), even(np.inf), NoDate.NOT_FINITE),
    ("futures that are past", reading(1), even(1, days=3, first_day=date(2026, 1, 1)), NoDate.STALE),
]


@pytest.mark.parametrize(("name", "said", "drawn", "why"), GROUNDLESS, ids=[case[0] for case in GROUNDLESS])
def test_where_there_are_no_grounds_the_reason_is_said(name: str, said: Reading | None, drawn: Any, why: NoDate) -> None:
    for asked in (limit(100), limit(100, None), limit(100, span=timedelta(days=7))):
        found = outlook(asked, said, drawn, NOW)
        assert (found.no_date, found.p_breach, found.p50) == (why, None, None)
        assert found.basis


def test_a_sparse_past_gives_a_chance_and_no_date() -> None:
    found = outlook(limit(1000), reading(500), futures(FOUR, no_date=NoDate.TOO_SPARSE), NOW)
    assert found.p_breach == pytest.approx(2.5 / 5)
    assert (found.p50, found.no_date) == (None, NoDate.TOO_SPARSE)
    assert found.ends_p50 is not None


def test_each_users_limit_has_no_future() -> None:
    assert outlook(limit(10, per_user=True), reading(1), even(1), NOW).no_date is NoDate.PER_USER


def ordered(said: Outlook) -> bool:
    """Dates and ends in order, all numbers finite."""
    dates = [when for when in (said.p10, said.p50, said.p90) if when is not None]
    ends = [end for end in (said.ends_p10, said.ends_p50, said.ends_p90) if end is not None]
    return dates == sorted(dates) and ends == sorted(ends) and all(end.is_finite() for end in ends)


amounts = st.floats(-1e6, 1e6, allow_nan=False)
windows = st.sampled_from(
    [None, *[p for p in Period if p is not Period.ROLLING], timedelta(days=7), timedelta(days=30), timedelta(hours=1)]
)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC, microsecond=0))


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.lists(amounts, min_size=5, max_size=5), min_size=1, max_size=6),
    used=amounts,
    amount=amounts,
    more=st.floats(0, 1e6),
    window=windows,
    now=moments,
    direction=st.sampled_from(list(Direction)),
    shape=st.sampled_from(list(Shape)),
    zone=st.sampled_from([BERLIN, NEW_YORK]),
)
def test_nothing_raises_and_more_room_is_never_likelier_to_run_out(
    rows: list[list[float]],
    used: float,
    amount: float,
    more: float,
    window: Any,
    now: datetime,
    direction: Direction,
    shape: Shape,
    zone: ZoneInfo,
) -> None:
    period, span = (None, window) if isinstance(window, timedelta) else (window, None)
    values = np.tile(np.array(rows), (1, 20))
    first = now.astimezone(zone).date()
    drawn = futures(values, shape=shape, past=np.resize(rows[0], 40), first_day=first, zone=zone)

    def chance(room: float, have: float) -> float | None:
        asked = limit(room, period, span=span, direction=direction, zone=zone)
        said = outlook(asked, reading(have, now), drawn, now)
        assert ordered(said)
        assert said.p_breach is None or 0 < said.p_breach <= 1
        if asked.window is None and said.p_breach is not None and said.p_breach < 1:
            soon = said.p50 is not None and said.about_to is not None and said.p50 <= said.about_to
            assert soon == (said.p_breach >= 0.5)
        return said.p_breach

    before, roomier = chance(amount, used), chance(amount + more if direction is Direction.AT_MOST else amount - more, used)
    if before is not None and roomier is not None:
        assert roomier <= before
    if period is not None and shape is Shape.FLOW and direction is Direction.AT_MOST:
        fuller = chance(amount, used + more)
        if before is not None and fuller is not None:
            assert fuller >= before


def test_a_stocks_date_follows_a_calibrated_chance() -> None:
    rng = np.random.default_rng(3)
    paths = 100 + np.cumsum(rng.normal(0.5, 2, (400, 60)), axis=1)
    halved = Calibration(maps={("capacity", 2): tuple(KNOTS / 2)})
    for amount in range(100, 140, 2):
        for calibration in (None, halved):
            asked = limit(amount, None, kind=Kind.CAPACITY)
            said = outlook(asked, reading(100), futures(paths, shape=Shape.LEVEL), NOW, calibration)
            assert said.p_breach is not None
            assert said.about_to is not None
            soon = said.p50 is not None and said.p50 <= said.about_to
            assert soon == (said.p_breach >= 0.5)


def test_the_question_by_a_deadline() -> None:
    state = panel(np.zeros((2, 12, 30)), point=[[10.0] * 30, [40.0] * 30])
    soon = limit_by(state, limit(100, None), NOW + timedelta(days=5), target="shop/m1")
    assert soon.about_to == NOW + timedelta(days=5)
    window = limit_by(even(10), limit(100), NOW.replace(month=12))
    assert window.about_to == at("2026-07-01T00:00:00")
    flow = limit_by(state, limit(100), at("2026-06-20T00:00:00"), target="shop/m0", reading=reading(50), now=NOW)
    assert float(flow.ends_p50 or 0) == pytest.approx(135, rel=0.01)


def test_two_hundred_limits_take_a_fraction_of_a_second() -> None:
    rng = np.random.default_rng(4)
    drawn = futures(rng.gamma(5, 20, (400, 90)), past=rng.gamma(5, 20, 365))
    level = replace(drawn, shape=Shape.LEVEL)
    asked = [
        (limit(2500), drawn),
        (limit(3000, span=timedelta(days=30)), drawn),
        (limit(300, None), level),
        (limit(9000, Period.QUARTER), drawn),
    ]
    outlook(*_given(asked[0]))
    began = time.process_time()
    for _ in range(50):
        for case in asked:
            outlook(*_given(case))
    assert time.process_time() - began < 1.0  # 200 of them; well below 2 ms each on a busy machine


def _given(case: tuple[Any, Any]) -> tuple[Any, Any, Any, Any]:
    return case[0], reading(100), case[1], NOW
