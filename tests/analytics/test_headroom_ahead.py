"""What headroom says of the future: the outlook's word, the pace's in its absence, and nothing without grounds."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ahead import OF_THE_FORECAST, OF_VALUES, was_likely
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.headroom import headroom
from analytics.wording import HALF_READ
from roomleft.limits import Direction, Headroom, Kind, Limit, NextStep, Pace, Reading, State
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from roomleft.timespan import Period, Window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
END = datetime(2026, 12, 1, tzinfo=UTC)
STEP = NextStep("Use the small model", Decimal(-200), 7 * DAY)
BUDGET = Limit(
    "p.budget", "p", Kind.BUDGET, "Budget", Decimal(1000), "usd", "spend", window=Window(Period.MONTH, ZoneInfo("UTC")), next_step=STEP
)  # fmt: skip
ROLLING = replace(BUDGET, window=Window(Period.ROLLING, span=30 * DAY))
STOCK = Limit("p.disk", "p", Kind.CAPACITY, "Disk", Decimal(100), "gb", "disk", next_step=NextStep("Buy", Decimal(50), 14 * DAY))
SLOW = replace(STOCK, next_step=NextStep("Build", Decimal(900), 60 * DAY))
FLOOR = Limit("p.hits", "p", Kind.RATIO, "Hits", Decimal(90), "percent", "hits", Direction.AT_LEAST, tight_below=Decimal("0.01"))
PACE = Pace(10.0, 30.0, 90.0, "recent rate, 14 days")
NONE = Pace.none("5 of 7 days needed")
GROUNDS = "trend and weekday, 90 days"


def reading(amount: str, **more: Any) -> Reading:
    return Reading(Decimal(amount), NOW, timedelta(minutes=5), **more)


def ahead(chance: float, *days: float, to: datetime = END, **more: Any) -> Outlook:
    dates = [NOW + each * DAY for each in days] + [None] * (3 - len(days))
    ends = {"ends_p10": Decimal(900), "ends_p50": Decimal("1040.5"), "ends_p90": Decimal(1200)}
    return Outlook(chance, to, *dates, **{**ends, "basis": GROUNDS, "run_id": "r1", **more})


def told(row: Headroom) -> dict[str, Any]:
    """What a row says of the future, in days from now."""
    dates = (row.exhausts_p10, row.exhausts_p50, row.exhausts_p90, row.order_by)
    p10, p50, p90, order = (None if each is None else round((each - NOW) / DAY, 6) for each in dates)
    return {"state": str(row.state), "p": row.p_breach, "dates": (p10, p50, p90), "order": order, "no_date": row.no_date}


@pytest.mark.parametrize(
    ("limit", "amount", "outlook_given", "expected"),
    [
        pytest.param(
            BUDGET, "700", ahead(0.72, 2, 4, 8), {"state": "tight", "p": 0.72, "dates": (2, 4, 8), "order": -3}, id="a budget probably"
        ),
        pytest.param(
            BUDGET, "700", ahead(0.5, 2, 4, 8), {"state": "tight", "p": 0.5, "dates": (2, 4, 8), "order": -3}, id="a budget as likely as not"
        ),
        pytest.param(
            BUDGET, "700", ahead(0.49, 2, 4, 8), {"state": "ok", "p": 0.49, "dates": (2, 4, 8), "order": None},
            id="a budget if so: a date, nothing to order",
        ),
        pytest.param(BUDGET, "700", ahead(0.001), {"state": "ok", "p": 0.001, "dates": (None,) * 3, "order": None}, id="a budget hardly"),
        pytest.param(BUDGET, "950", ahead(0.1, 2, 4, 8), {"state": "tight", "p": 0.1, "order": None}, id="little is left, and it will do"),
        pytest.param(
            ROLLING, "700", ahead(0.8, 9, 12, 20, to=NOW + 30 * DAY), {"state": "tight", "p": 0.8, "dates": (9, 12, 20), "order": 5},
            id="a rolling budget",
        ),
        pytest.param(
            STOCK, "40", ahead(0.5, 20, 30, 44, to=NOW + 30 * DAY), {"state": "tight", "p": 0.5, "order": 16}, id="a stock in thirty days"
        ),
        pytest.param(STOCK, "40", ahead(0.49, 20, 30.1, 44), {"state": "ok", "p": 0.49, "order": 16.1}, id="a stock just after"),
        pytest.param(SLOW, "40", ahead(0.2, 20, 50, 70), {"state": "tight", "p": 0.2, "order": -10}, id="a stock whose next step takes longer"),
        pytest.param(
            STOCK, "40", ahead(0.01, no_date=NoDate.BEYOND), {"state": "ok", "p": 0.01, "order": None, "no_date": "beyond"}, id="a stock far off"
        ),
        pytest.param(FLOOR, "96", ahead(0.6, 3, 5, 9), {"state": "tight", "p": 0.6, "dates": (3, 5, 9), "order": None}, id="a floor, no step"),
        pytest.param(BUDGET, "700", ahead(1.7, 2, 4, 8), {"state": "tight", "p": 1.0}, id="a chance above one is one"),
        pytest.param(BUDGET, "700", ahead(float("nan")), {"state": "ok", "p": None, "dates": (None,) * 3, "no_date": "not_finite"}, id="no number"),
        pytest.param(
            replace(BUDGET, next_step=replace(STEP, lead_time=None)), "700", ahead(0.9, 2, 4, 8), {"state": "tight", "order": None},
            id="nobody said how long the step takes",
        ),
        pytest.param(replace(BUDGET, next_step=None), "700", ahead(0.9, 2, 4, 8), {"state": "tight", "order": None}, id="no next step"),
    ],
)  # fmt: skip
def test_with_an_outlook_all_that_is_said_of_the_future_is_its_word(
    limit: Limit, amount: str, outlook_given: Outlook, expected: dict[str, Any]
) -> None:
    row = headroom(limit, reading(amount), PACE, NOW, outlook_given)
    found = told(row)
    assert {name: found[name] for name in expected} == expected
    if row.p_breach is not None:
        assert (row.basis, row.forecast_run, row.about_to) == (GROUNDS, "r1", outlook_given.about_to)
        assert (row.ends_p10, row.ends_p50, row.ends_p90) == (900, Decimal("1040.5"), 1200)


EXHAUSTED_SINCE = NOW - timedelta(hours=3)


@pytest.mark.parametrize(
    "given_outlook", [None, ahead(0.3, 2, 4, 8), Outlook.none(NoDate.TOO_SHORT)], ids=["none", "unlikely", "no date"]
)
def test_what_has_run_out_is_certain_and_needs_no_order(given_outlook: Outlook | None) -> None:
    row = headroom(BUDGET, reading("1100", first_over_at=EXHAUSTED_SINCE), PACE, NOW, given_outlook)
    assert told(row) == {"state": "exhausted", "p": 1.0, "dates": (-0.125, -0.125, -0.125), "order": None, "no_date": None}
    # How far beyond it will be is still worth knowing.
    assert row.ends_p50 == (Decimal("1040.5") if given_outlook and given_outlook.p_breach else None)


BY_PACE = (10 / 3, 10.0)
"""Days in which 300 are used at 90 and at 30 a day."""


@pytest.mark.parametrize("why", sorted(NoDate))
def test_a_reason_that_speaks_of_the_days_takes_a_paces_date_too(why: NoDate) -> None:
    row = headroom(BUDGET, reading("700"), PACE, NOW, Outlook.none(why))
    assert row.p_breach is None
    if why in OF_THE_FORECAST:
        assert told(row)["dates"] == pytest.approx((*BY_PACE, None))
        assert (row.no_date, row.basis) == (None, f"recent rate, 14 days; no chance: {NO_DATE_WORDS[why]}")
        assert row.state is State.TIGHT
    else:
        assert told(row)["dates"] == (None, None, None)
        assert (row.no_date, row.basis, row.state) == (str(why), NO_DATE_WORDS[why], State.OK)


@pytest.mark.parametrize("why", sorted(NoDate))
def test_the_burn_of_a_rolling_window_is_of_hours_and_keeps_its_date(why: NoDate) -> None:
    row = headroom(ROLLING, reading("600"), PACE, NOW, Outlook.none(why))
    assert (row.exhausts_p10 is None) == (why in OF_VALUES)
    assert (row.p_breach, row.burn_rate) == (None, pytest.approx(0.9))


@pytest.mark.parametrize(
    ("pace", "given_outlook", "basis", "no_date"),
    [
        (PACE, None, "recent rate, 14 days", None),
        (NONE, None, "5 of 7 days needed", None),
        (NONE, Outlook.none(NoDate.TOO_SHORT), "5 of 7 days needed", "too_short"),
        (NONE, Outlook.none(NoDate.TOO_SHORT, "6 complete days, 7 needed"), "6 complete days, 7 needed", "too_short"),
        (NONE, Outlook.none(NoDate.FAILED), "5 of 7 days needed", "failed"),
        (Pace.none("no pace for a figure that a query works out"), Outlook.none(NoDate.BY_QUERY), "no pace for a figure that a query works out", "by_query"),
        (PACE, Outlook.none(NoDate.TOO_GAPPY), "too many days are missing", "too_gappy"),
        (Pace.none(HALF_READ), ahead(0.9, 2, 4, 8), HALF_READ, "half_read"),
    ],
)  # fmt: skip
def test_grounds_say_why_in_the_words_that_say_most(
    pace: Pace, given_outlook: Outlook | None, basis: str, no_date: str | None
) -> None:
    row = headroom(STOCK, reading("40"), pace, NOW, given_outlook)
    assert (row.basis, row.no_date, row.p_breach) == (basis, no_date, None)


@pytest.mark.parametrize(
    ("given_reading", "no_date"),
    [
        (None, "no_data"),
        (Reading(None, None, DAY, reason="silent"), "no_data"),
        (Reading(Decimal(10), NOW - 2 * DAY, timedelta(minutes=5)), "stale"),
        (Reading(Decimal("NaN"), NOW, DAY), "not_finite"),
    ],
)
def test_what_cannot_be_told_has_no_chance_whatever_was_forecast(given_reading: Reading | None, no_date: str) -> None:
    row = headroom(BUDGET, given_reading, PACE, NOW, ahead(0.9, 2, 4, 8))
    assert (row.state, row.p_breach, row.exhausts_p50, row.order_by, row.no_date) == (State.UNKNOWN, None, None, None, no_date)


@pytest.mark.parametrize(
    ("limit", "given_outlook", "words"),
    [
        (BUDGET, ahead(0.72, 2, 4, 8), "72\u202f% chance of running out before it refills on 1 Dec"),
        (BUDGET, ahead(0.999, 2, 4, 8), ">\u202f99\u202f% chance of running out before it refills on 1 Dec"),
        (ROLLING, ahead(0.6, 2, 4, 8), "60\u202f% chance of running out within 30 days"),
        (STOCK, ahead(0.6, 2, 20, 28), "it probably runs out about 10 Dec"),
        (SLOW, ahead(0.1, 28, 40, 60), "it probably runs out about 30 Dec, and more room takes 60\u202fd"),
        (STOCK, None, "at the present pace it runs out 22 Nov"),
    ],
)
def test_the_reason_says_probably_of_a_chance_and_at_the_present_pace_of_a_pace(
    limit: Limit, given_outlook: Outlook | None, words: str
) -> None:
    assert headroom(limit, reading("40"), PACE, NOW, given_outlook).reason == words


def futures(daily: np.ndarray, shape: Shape) -> Futures:
    return Futures(
        "p/m",
        "r1",
        shape,
        ZoneInfo("UTC"),
        date(2026, 11, 20),
        daily.astype(np.float32),
        np.full(60, float(daily.mean())),
        NOW,
        GROUNDS,
    )


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0), st.floats(5.0, 99.0))
def test_a_stocks_dates_agree_with_its_chance_and_its_state(seed: int, slope: float, level: float) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.normal(slope, 1.0 + slope, (200, 1)) + rng.normal(0, 0.2, (200, 90))
    found = futures(level + np.cumsum(steps, axis=1), Shape.LEVEL)
    given_reading = reading(f"{level:.6f}")
    row = headroom(STOCK, given_reading, NONE, NOW, outlook(STOCK, given_reading, found, NOW))
    assert row.p_breach is not None
    soon = row.exhausts_p50 is not None and row.exhausts_p50 - NOW <= 30 * DAY
    assert soon == (row.p_breach >= 0.5)
    assert (row.state is State.TIGHT) == (soon or (row.fraction_left or 0) <= 0.1)
    assert row.order_by == (row.exhausts_p50 - 14 * DAY if row.exhausts_p50 else None)


def test_a_windows_date_is_if_so_and_no_later_than_its_end() -> None:
    rng = np.random.default_rng(1)
    daily = rng.normal(27, 3, (400, 1)) + rng.normal(0, 1, (400, 30))
    given_reading = reading("700")
    row = headroom(BUDGET, given_reading, PACE, NOW, outlook(BUDGET, given_reading, futures(daily, Shape.FLOW), NOW))
    assert row.p_breach is not None
    assert 0.02 < row.p_breach < 0.5
    assert row.exhausts_p10 is not None
    assert row.exhausts_p90 is not None
    assert NOW < row.exhausts_p10 <= row.exhausts_p90 <= END
    assert (row.order_by, row.state) == (None, State.OK)
    assert row.ends_p50 == pytest.approx(Decimal(983), abs=10)


def walked(limit: Limit, *steps: tuple[float, dict[str, Any]]) -> list[tuple[str, bool]]:
    """State, and whether an order date is said, of one measurement after another, each with the row before it (and what of that row was otherwise)."""
    found: list[tuple[str, bool]] = []
    before: dict[str, Any] | None = None
    for number, (chance, otherwise) in enumerate(steps):
        now = NOW + number * timedelta(minutes=1)
        row = headroom(
            limit, reading("500"), PACE, now, ahead(chance, 1, 5, 9), was_likely(limit, before and {**before, **otherwise}, now)
        )
        before = asdict(row)
        found.append((str(row.state), row.order_by is not None))
    return found


SAID, UNSAID = ("tight", True), ("ok", False)


@pytest.mark.parametrize(
    ("limit", "steps", "expected"),
    [
        (BUDGET, [(0.48, {}), (0.52, {}), (0.48, {}), (0.41, {}), (0.52, {})], [UNSAID, SAID, SAID, SAID, SAID]),
        (BUDGET, [(0.52, {}), (0.41, {}), (0.39, {}), (0.48, {})], [SAID, SAID, UNSAID, UNSAID]),
        (BUDGET, [(0.52, {}), (0.48, {"window_end": END - 30 * DAY})], [SAID, UNSAID]),
        (BUDGET, [(0.52, {}), (0.48, {"amount": Decimal(900)})], [SAID, UNSAID]),
        (BUDGET, [(0.52, {}), (0.48, {"as_of": NOW - 2 * DAY})], [SAID, UNSAID]),
        (BUDGET, [(0.52, {}), (0.48, {"p_breach": None})], [SAID, UNSAID]),
        (ROLLING, [(0.52, {}), (0.48, {}), (0.39, {}), (0.48, {})], [SAID, SAID, UNSAID, UNSAID]),
        (replace(BUDGET, next_step=None), [(0.52, {}), (0.48, {}), (0.45, {}), (0.39, {})], [("tight", False)] * 3 + [UNSAID]),
    ],
    ids=[
        "near the line", "below four tenths it is gone", "another window", "another amount", "a row of days ago", "nothing was said before",
        "a rolling window", "without a next step",
    ],
)  # fmt: skip
def test_what_was_likely_in_a_window_stays_so_until_it_clearly_is_not(
    limit: Limit, steps: list[tuple[float, dict[str, Any]]], expected: list[tuple[str, bool]]
) -> None:
    assert walked(limit, *steps) == expected
