"""The one function, by named cases and by properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.headroom import headroom
from roomleft.limits import Direction, Headroom, Kind, Limit, NextStep, Pace, Reading, State
from roomleft.timespan import Period, Window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = Window(Period.MONTH, ZoneInfo("UTC"))
ROLLING = Window(Period.ROLLING, span=30 * DAY)
BUDGET = Limit("p.budget", "p", Kind.BUDGET, "Budget", Decimal(1000), "usd", "spend", window=MONTH)
STOCK = Limit("p.disk", "p", Kind.CAPACITY, "Disk", Decimal(100), "gb", "disk")
FLOOR = Limit("p.hits", "p", Kind.RATIO, "Hits", Decimal(90), "percent", "hits", Direction.AT_LEAST, tight_below=Decimal("0.01"))
NO_PACE = Pace.none("none")


def reading(amount: str | Decimal | None, **more: object) -> Reading:
    given = {"observed_at": NOW, "stale_after": timedelta(minutes=5), **more}
    return Reading(None if amount is None else Decimal(amount), **given)  # type: ignore[arg-type]


def pace(low: float, middle: float, high: float) -> Pace:
    return Pace(low, middle, high, "test")


@pytest.mark.parametrize(
    ("limit", "amount", "state", "remaining", "fraction"),
    [
        (BUDGET, "250", State.OK, "750", 0.75),
        (BUDGET, "900", State.TIGHT, "100", 0.1),
        (BUDGET, "1000", State.TIGHT, "0", 0.0),
        (BUDGET, "1000.000000001", State.EXHAUSTED, "-0.000000001", -1e-12),
        (BUDGET, "1500", State.EXHAUSTED, "-500", -0.5),
        (BUDGET, "-20", State.OK, "1020", 1.02),
        (FLOOR, "100", State.OK, "10", 0.1),
        (FLOOR, "90", State.TIGHT, "0", 0.0),
        (FLOOR, "89.9", State.EXHAUSTED, "-0.1", -0.1 / 90),
        (FLOOR, "0", State.EXHAUSTED, "-90", -1.0),
        (replace(BUDGET, amount=Decimal(0)), "0", State.TIGHT, "0", 0.0),
        (replace(BUDGET, amount=Decimal(0)), "0.01", State.EXHAUSTED, "-0.01", -1.0),
        (replace(FLOOR, amount=Decimal(0)), "0", State.TIGHT, "0", 0.0),
        (replace(FLOOR, amount=Decimal(0)), "-3", State.EXHAUSTED, "-3", -1.0),
    ],
)
def test_state_remaining_and_fraction(limit: Limit, amount: str, state: State, remaining: str, fraction: float) -> None:
    row = headroom(limit, reading(amount), NO_PACE, NOW)
    assert row.state is state
    assert row.remaining == Decimal(remaining)
    assert row.fraction_left == pytest.approx(fraction)
    assert row.used == Decimal(amount)


@pytest.mark.parametrize(
    ("limit", "given_reading", "words"),
    [
        (BUDGET, None, "no reading yet"),
        (BUDGET, reading(None, reason="the exporter is silent"), "the exporter is silent"),
        (BUDGET, reading("NaN"), "the reading is not a number"),
        (BUDGET, reading("Infinity"), "out of range"),
        (BUDGET, reading("1e27"), "out of range"),
        (
            BUDGET,
            reading("31", observed_at=NOW - timedelta(minutes=14)),
            "no samples for 14\u202fmin; last reading $31.00 of $1,000.00",
        ),
        (BUDGET, reading("31", observed_at=None), "nobody knows how old the data is"),
        (replace(BUDGET, amount=Decimal(-1)), reading("1"), "not an amount"),
        (replace(BUDGET, amount=Decimal("NaN")), reading("1"), "not an amount"),
    ],
)
def test_what_cannot_be_told_is_unknown_and_never_ok(limit: Limit, given_reading: Reading | None, words: str) -> None:
    row = headroom(limit, given_reading, pace(1, 2, 3), NOW)
    assert row.state is State.UNKNOWN
    assert words in row.reason
    assert row.remaining is None
    assert row.fraction_left is None
    assert (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) == (None, None, None)


def test_a_stale_reading_keeps_the_last_known_use() -> None:
    assert headroom(STOCK, reading("31", observed_at=NOW - DAY), NO_PACE, NOW).used == 31


def test_data_exactly_as_old_as_allowed_still_counts() -> None:
    assert headroom(STOCK, reading("31", observed_at=NOW - timedelta(minutes=5)), NO_PACE, NOW).state is State.OK


def test_dates_of_a_stock_come_from_fast_even_and_slow_rates() -> None:
    row = headroom(STOCK, reading("40"), pace(0.5, 1, 2), NOW)
    assert (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) == (NOW + 30 * DAY, NOW + 60 * DAY, NOW + 120 * DAY)
    assert row.state is State.OK


def test_a_stock_that_runs_out_within_30_days_is_tight_though_much_is_left() -> None:
    row = headroom(STOCK, reading("40"), pace(2, 3, 4), NOW)
    assert row.fraction_left == pytest.approx(0.6)
    assert row.state is State.TIGHT
    assert row.reason == "at the present pace it runs out 10 Dec"


def test_a_stock_is_tight_while_its_next_step_would_take_longer() -> None:
    slow = replace(STOCK, next_step=NextStep("buy", None, 90 * DAY))
    assert headroom(slow, reading("40"), pace(0.5, 1, 2), NOW).state is State.TIGHT


def test_a_falling_stock_never_runs_out_and_beyond_a_year_no_date_is_said() -> None:
    assert headroom(STOCK, reading("40"), pace(-2, -1, -0.5), NOW).exhausts_p10 is None
    assert headroom(STOCK, reading("40"), pace(0.1, 0.164, 0.2), NOW).exhausts_p50 is None
    assert headroom(STOCK, reading("40"), pace(0.1, 0.165, 0.2), NOW).exhausts_p50 is not None


def test_a_floor_is_reached_by_falling_the_fastest_first() -> None:
    row = headroom(FLOOR, reading("96"), pace(-0.3, -0.2, 0.1), NOW)
    assert (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) == (NOW + 20 * DAY, NOW + 30 * DAY, None)


def test_a_window_refills_before_a_late_date() -> None:
    # 10.5 days are left of November.
    late = headroom(BUDGET, reading("500"), pace(40, 45, 50), NOW)
    assert (late.exhausts_p10, late.exhausts_p50) == (NOW + 10 * DAY, None)
    assert late.state is State.OK
    early = headroom(BUDGET, reading("500"), pace(40, 50, 100), NOW)
    assert (early.exhausts_p10, early.exhausts_p50, early.exhausts_p90) == (NOW + 5 * DAY, NOW + 10 * DAY, None)
    assert early.state is State.TIGHT
    assert "before it refills on 1 Dec" in early.reason


def test_a_reason_dates_the_refill_in_the_windows_own_zone() -> None:
    kolkata = replace(BUDGET, window=Window(Period.MONTH, ZoneInfo("Asia/Kolkata")))
    early = headroom(kolkata, reading("500"), pace(40, 50, 100), NOW)
    assert early.window_end == datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    assert early.reason == "at the present pace it runs out 30 Nov, before it refills on 1 Dec"
    late = replace(kolkata, window=Window(Period.MONTH, ZoneInfo("America/Los_Angeles")))
    assert headroom(late, reading("500"), pace(40, 50, 100), NOW).reason.endswith("refills on 1 Dec")


def test_burn_rate_of_a_calendar_window_is_use_over_an_even_use() -> None:
    # 19.5 of 30 days are over: 650 of 1 000 is even.
    assert headroom(BUDGET, reading("650"), NO_PACE, NOW).burn_rate == pytest.approx(1.0)
    assert headroom(BUDGET, reading("1300"), NO_PACE, NOW).burn_rate == pytest.approx(2.0)


def test_a_month_that_begins_this_instant_has_no_burn_rate() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    assert headroom(BUDGET, reading("0", observed_at=first), NO_PACE, first).burn_rate is None


def test_a_rolling_budget_lasts_exactly_when_its_burn_rate_is_one() -> None:
    slo = replace(BUDGET, window=ROLLING, amount=Decimal(300))
    # 150 used of 300; as much drops out a day as 150 / 30 = 5.
    even = headroom(slo, reading("150"), pace(10, 10, 10), NOW)
    assert even.burn_rate == pytest.approx(1.0)
    assert even.exhausts_p50 == NOW + 30 * DAY
    fast = headroom(slo, reading("150"), pace(5, 20, 155), NOW)
    assert fast.burn_rate == pytest.approx(2.0)
    assert (fast.exhausts_p10, fast.exhausts_p50, fast.exhausts_p90) == (NOW + DAY, NOW + 10 * DAY, None)
    assert headroom(slo, reading("150"), pace(9.9, 9.9, 9.9), NOW).exhausts_p50 is None


def test_a_rolling_budget_with_little_history_is_judged_by_what_there_is() -> None:
    slo = replace(BUDGET, window=ROLLING, amount=Decimal(30))
    assert headroom(slo, reading("3", covers=3 * DAY), pace(10, 10, 10), NOW).burn_rate == pytest.approx(1.0)


def test_exhausted_keeps_when_it_first_passed() -> None:
    since = NOW - timedelta(hours=3)
    row = headroom(BUDGET, reading("2000", first_over_at=since), pace(1, 2, 3), NOW)
    assert (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) == (since, since, since)


def test_odd_rates_give_no_date() -> None:
    row = headroom(STOCK, reading("40"), pace(float("nan"), float("inf"), 1), NOW)
    assert (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) == (None, None, None)
    assert headroom(STOCK, reading("40"), pace(1e-320, 1e-320, 1e-320), NOW).exhausts_p10 is None


AMOUNTS = st.decimals(min_value=0, max_value=Decimal("1e20"), allow_nan=False, allow_infinity=False, places=9)
READINGS = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=6),
)
RATES = st.floats(allow_nan=True, allow_infinity=True)
LIMITS = st.builds(
    lambda amount, direction, window, tight: replace(
        BUDGET, amount=amount, direction=direction, window=window, tight_below=tight
    ),
    AMOUNTS,
    st.sampled_from(Direction),
    st.sampled_from([None, MONTH, ROLLING, Window(Period.DAY, ZoneInfo("America/Sao_Paulo"))]),
    st.decimals(min_value=0, max_value=Decimal("0.99"), places=2),
)


@settings(max_examples=400, deadline=None)
@given(LIMITS, READINGS, st.tuples(RATES, RATES, RATES))
def test_no_reading_makes_it_raise_and_state_agrees_with_the_figures(
    limit: Limit, amount: Decimal, rates: tuple[float, float, float]
) -> None:
    row = headroom(limit, reading(amount), Pace(*rates, "test"), NOW)
    assert isinstance(row, Headroom)
    if row.state is State.UNKNOWN:
        assert row.reason
        assert row.fraction_left is None
        return
    assert row.used is not None
    assert row.fraction_left is not None
    broken = amount > limit.amount if limit.direction is Direction.AT_MOST else amount < limit.amount
    assert (row.state is State.EXHAUSTED) == broken
    assert (row.fraction_left < 0) == broken
    if row.fraction_left <= float(limit.tight_below):
        assert row.state is not State.OK
    known = [at for at in (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90) if at]
    assert known == sorted(known)
    assert all(NOW <= at <= NOW + timedelta(days=365) for at in known)
    if row.exhausts_p90:
        assert row.exhausts_p50
    if row.exhausts_p50:
        assert row.exhausts_p10


@settings(max_examples=200, deadline=None)
@given(
    LIMITS,
    st.decimals(min_value=0, max_value=Decimal("1e12"), places=6),
    st.decimals(min_value=0, max_value=Decimal("1e12"), places=6),
)
def test_more_use_never_leaves_more_room(limit: Limit, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    a, b = headroom(limit, reading(less), NO_PACE, NOW), headroom(limit, reading(more), NO_PACE, NOW)
    assert a.fraction_left is not None
    assert b.fraction_left is not None
    if limit.direction is Direction.AT_MOST:
        assert a.fraction_left >= b.fraction_left
    else:
        assert a.fraction_left <= b.fraction_left
