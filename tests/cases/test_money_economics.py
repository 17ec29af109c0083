"""Wrong money that users of other systems met, in forecasts, unit costs and advice: each is named after where it was told."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from analytics.economics_read import told
from analytics.reports.user_cost_projection import history_from, projection
from analytics.reports.user_cost_read import cost_report
from roomleft.timespan import midnight
from tests.analytics.economics_world import DAY, NOW, call, daily, make_pack, paid, world

LEAP_YEAR = [date(2028, 1, 1) + number * DAY for number in range(366)]
ZONES = ("UTC", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Europe/Berlin")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (9, 30), (23, 59)])
def test_koku_2778_a_month_is_projected_on_every_day_of_a_leap_year(zone: str, hour: int, minute: int) -> None:
    """The forecast crashed on the last day of a month. At an even $2 a day every month comes to $2 for each of its days."""
    tz = ZoneInfo(zone)
    for day in LEAP_YEAR:
        now = midnight(day, tz) + timedelta(hours=hour, minutes=minute)
        today = now.astimezone(tz).date()
        begin = midnight(today, tz)
        gone = Decimal((now - begin) // timedelta(seconds=1)) / Decimal(
            (midnight(today + DAY, tz) - begin) // timedelta(seconds=1)
        )
        daily_usd = {today - back * DAY: Decimal(2) for back in range(1, 40)} | {today: 2 * gone}
        made = projection(daily_usd, today - 200 * DAY, now, tz)
        days = calendar.monthrange(today.year, today.month)[1]
        assert made.month_usd is not None, day
        assert abs(made.month_usd - 2 * days) < Decimal("1e-20"), day
        assert made.month_first.day == 1
        assert (made.month_until - DAY).day == days
        assert history_from(now, tz) <= midnight(made.month_first, tz)


def test_koku_2778_the_report_is_made_on_the_last_day_and_at_midnight_of_the_first(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    for now in (
        datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
        datetime(2028, 3, 1, tzinfo=UTC),
        datetime(2027, 12, 31, 12, tzinfo=UTC),
    ):
        with world(daily(now.date() - 70 * DAY, now.date(), "2"), now=now) as store:
            made = cost_report(store, pack, "ann", None, now, see_users=True)["projection"]
        days = calendar.monthrange(now.year, now.month)[1]
        assert made["month_usd"] is not None
        assert Decimal(2) * (days - 1) <= made["month_usd"] <= Decimal(2) * days


@pytest.mark.parametrize(
    ("now", "known"), [(datetime(2026, 10, 1, 9, tzinfo=UTC), 0), (datetime(2026, 10, 15, 9, tzinfo=UTC), 14), (datetime(2026, 10, 31, 9, tzinfo=UTC), 30)]
)  # fmt: skip
def test_finsight_ai_1175_a_partial_month_is_never_taken_as_full(tmp_path: Path, now: datetime, known: int) -> None:
    """A month of one day was compared with a full one, and days without cost were left out of the mean."""
    pack, today = make_pack(tmp_path), now.date()
    with world(daily(today - 100 * DAY, today, "2"), paid(today - 100 * DAY, today, "3"), now=now) as store:
        month, last = told(store, pack, now, "month"), told(store, pack, now, "last-month")
    assert (month.now.whole, month.now.covered.days, month.now.ai_usd) == (False, known, Decimal(2 * known))
    assert month.growth.cost is None
    assert "not whole" in month.growth.reason
    assert last.now.whole
    assert last.now.ai_usd == 60
    assert last.growth.revenue == 0
    # Infrastructure is as much a month, so the thirty days of September cost a little more a day than August's 31.
    assert last.growth.cost is not None
    assert 0 < last.growth.cost < Decimal("0.04")


def test_finsight_ai_1175_days_without_cost_count_in_the_mean(tmp_path: Path) -> None:
    """$14 on every Monday of four weeks is $2 a day, not $14."""
    tz = ZoneInfo("UTC")
    mondays = {NOW.date() - back * DAY: Decimal(14) for back in range(1, 29) if (NOW.date() - back * DAY).weekday() == 0}
    made = projection(mondays, NOW.date() - 60 * DAY, NOW, tz)
    assert len(mondays) == 4
    # Of the days left in November 2026 two are Mondays: the 23rd and the 30th.
    assert made.rest_usd == 28
    few = projection({NOW.date() - 3 * DAY: Decimal(9)}, NOW.date() - 3 * DAY, NOW, tz)
    assert few.basis_days == 3
    assert few.rest_usd == 3 * (Decimal(9) + Decimal(15) / 24)
    with world(daily(NOW.date() - 90 * DAY, NOW.date() - 60 * DAY, "2")) as store:
        silent = told(store, make_pack(tmp_path), NOW, "30d")
    assert silent.now.whole
    assert silent.now.ai_usd == 0


def test_prophet_2484_no_forecast_is_negative_and_credits_stand_apart(tmp_path: Path) -> None:
    """A falling series was forecast below zero; a credit would have made it worse."""
    tz = ZoneInfo("UTC")
    falling = {NOW.date() - back * DAY: Decimal(back) for back in range(1, 40)}
    for offset in range(60):
        now = NOW + offset * DAY
        made = projection({**falling, NOW.date() - DAY: Decimal(-900)}, NOW.date() - 60 * DAY, now, tz)
        assert made.rest_usd is not None
        assert made.rest_usd >= 0
        assert made.spent_usd >= 0
    events = [*daily(NOW.date() - 60 * DAY, NOW.date(), "2"), call(NOW - 2 * DAY, "-5000", 1)]
    with world(events) as store:
        report = cost_report(store, make_pack(tmp_path), "ann", None, NOW, see_users=True)
    assert report["total"]["credits_usd"] == -5000
    assert report["total"]["usage_usd"] == 59
    assert report["projection"]["rest_usd"] == Decimal("19.25")
    assert report["trend"]["words"] == "steady"


@pytest.mark.parametrize("request_type", ["summary", "image", "chat"])
def test_infracost_3270_a_missing_price_is_never_a_saving(tmp_path: Path, request_type: str) -> None:
    """What had no price was read as $0 and the difference shown as saved."""
    pack = make_pack(tmp_path)
    evening = NOW.replace(hour=18) - 2 * DAY
    events = [
        {
            **call(
                evening + timedelta(seconds=second),
                "0",
                second,
                request_type=request_type,
                model="new",
                images=int(request_type == "image"),
            ),
            "cost_state": "unpriced",
        }
        for second in range(40)
    ]
    events.append({**call(NOW - 20 * DAY, "0", 99), "cost_state": "unpriced"})
    with world(events) as store:
        report = cost_report(store, pack, "ann", None, NOW, see_users=True)
        economics = told(store, pack, NOW, "7d")
    assert report["total"]["lower_bound"]
    assert report["advice"], "what to do is said all the same"
    for advice in report["advice"]:
        assert advice["saving_usd"] is None, advice
        assert "unknown" in advice["note"]
    assert report["trend"]["change"] is None
    assert economics.now.lower_bound
    assert economics.growth.cost is None
    assert economics.personas.found == ()
