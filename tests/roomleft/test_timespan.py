"""Windows, spans and instants, in zones that do odd things at midnight."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomleft.errors import InputError
from roomleft.timespan import Period, Window, local_days, midnight, parse_instant, parse_span, utc

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "America/Havana",
]
INSTANTS = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("30d", timedelta(days=30)),
        ("250ms", timedelta(milliseconds=250)),
        ("2w", timedelta(days=14)),
    ],
)
def test_spans(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", " ", "5", "m", "5 parsecs", "-5m", "1h-30m", "5mm", "1e3s"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(InputError):
        parse_span(text)


def test_instants_need_a_zone() -> None:
    assert parse_instant("2026-11-21T05:00:00+01:00") == datetime(2026, 11, 21, 4, tzinfo=UTC)
    with pytest.raises(InputError, match="no time zone"):
        parse_instant("2026-11-21T05:00:00")
    with pytest.raises(InputError, match="not an instant"):
        parse_instant("yesterday")
    with pytest.raises(InputError):
        utc(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("zone", "day", "expected", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        # Clocks sprang from 00:00 to 01:00: the day begins at 01:00, which is 03:00 UTC.
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC), 23),
        # Midnight came twice: the first counts.
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
    ],
)
def test_a_day_begins_at_its_zones_first_instant(zone: str, day: date, expected: datetime, hours: int) -> None:
    info = ZoneInfo(zone)
    assert midnight(day, info) == expected
    assert midnight(day + timedelta(days=1), info) - expected == timedelta(hours=hours)


def test_a_day_that_a_zone_skipped_is_empty() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert midnight(date(2011, 12, 30), apia) == midnight(date(2011, 12, 31), apia)


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from([p for p in Period if p is not Period.ROLLING]), st.integers(1, 12))
def test_windows_tile_time_without_gap_or_overlap(now: datetime, zone: str, period: Period, year_starts: int) -> None:
    window = Window(period, ZoneInfo(zone), year_starts=year_starts)
    start, end = window.bounds(now)
    assert start <= now < end
    assert window.bounds(start) == (start, end)
    assert window.bounds(end)[0] == end
    assert window.previous(now)[1] == start
    assert window.refills_at(now) == end


@given(INSTANTS, st.sampled_from(ZONES), st.integers(1, 40))
def test_local_days_tile_a_span(start: datetime, zone: str, days: int) -> None:
    end = start + timedelta(days=days)
    found = local_days(start, end, ZoneInfo(zone))
    assert found[0][1] <= start
    assert found[-1][2] >= end
    for (_, _, ends), (_, begins, _) in itertools.pairwise(found):
        assert ends == begins


def test_fiscal_quarters_begin_where_the_year_does() -> None:
    window = Window(Period.QUARTER, ZoneInfo("UTC"), year_starts=2)
    assert window.bounds(datetime(2026, 1, 15, tzinfo=UTC)) == (
        datetime(2025, 11, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )


def test_a_rolling_window_ends_now_and_never_refills_at_once() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    window = Window(Period.ROLLING, span=timedelta(days=30))
    assert window.bounds(now) == (now - timedelta(days=30), now)
    assert window.refills_at(now) is None
    assert window.previous(now) == (now - timedelta(days=60), now - timedelta(days=30))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Window(Period.ROLLING),
        lambda: Window(Period.DAY, span=timedelta(days=1)),
        lambda: Window(Period.ROLLING, span=timedelta(0)),
        lambda: Window(Period.YEAR, year_starts=13),
    ],
)
def test_windows_that_make_no_sense(wrong: object) -> None:
    with pytest.raises(InputError):
        wrong()  # type: ignore[operator]
