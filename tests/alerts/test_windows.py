"""Windows that come again, in zones whose clocks jump, in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from alerts.windows import instants, next_span, span_at, spans_between, window_words
from roomleft.alerting import DAYS, RecurringSpec

MOMENT, DAY, HOUR = timedelta(microseconds=1), timedelta(days=1), timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def window(zone: str, since: str, until: str, *days: str) -> RecurringSpec:
    more: dict[str, Any] = {"days": list(days)} if days else {}
    return RecurringSpec(since=since, until=until, zone=zone, **more)


# zone, since, until, day of its beginning → its first and last instant
CASES = {
    "an ordinary night": ("Europe/Berlin", "02:30", "03:30", "2026-11-20", "2026-11-20T01:30Z", "2026-11-20T02:30Z"),
    "spring: its beginning is skipped": ("Europe/Berlin", "02:30", "04:00", "2026-03-29", "2026-03-29T01:00Z", "2026-03-29T02:00Z"),
    "spring: its end is skipped": ("Europe/Berlin", "01:00", "02:30", "2026-03-29", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
    "spring: an hour shorter": ("Europe/Berlin", "01:00", "05:00", "2026-03-29", "2026-03-29T00:00Z", "2026-03-29T03:00Z"),
    "autumn: its beginning comes twice": ("Europe/Berlin", "02:30", "04:00", "2026-10-25", "2026-10-25T00:30Z", "2026-10-25T03:00Z"),
    "autumn: its end comes twice": ("Europe/Berlin", "01:00", "02:30", "2026-10-25", "2026-10-24T23:00Z", "2026-10-25T01:30Z"),
    "autumn: within the hour that comes twice": ("Europe/Berlin", "02:10", "02:50", "2026-10-25", "2026-10-25T00:10Z", "2026-10-25T01:50Z"),
    "past midnight into spring": ("Europe/Berlin", "22:00", "02:30", "2026-03-28", "2026-03-28T21:00Z", "2026-03-29T01:00Z"),
    "past midnight into autumn": ("Europe/Berlin", "22:00", "02:30", "2026-10-24", "2026-10-24T20:00Z", "2026-10-25T01:30Z"),
    "a whole day of 23 hours": ("Europe/Berlin", "00:00", "24:00", "2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
    "a whole day of 25 hours": ("Europe/Berlin", "00:00", "00:00", "2026-10-25", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    "New York in spring": ("America/New_York", "02:15", "03:15", "2026-03-08", "2026-03-08T07:00Z", "2026-03-08T07:15Z"),
    "New York in autumn": ("America/New_York", "01:15", "01:45", "2026-11-01", "2026-11-01T05:15Z", "2026-11-01T06:45Z"),
    "Lord Howe jumps by half an hour: spring": ("Australia/Lord_Howe", "02:15", "03:00", "2026-10-04", "2026-10-03T15:30Z", "2026-10-03T16:00Z"),
    "Lord Howe jumps by half an hour: autumn": ("Australia/Lord_Howe", "01:45", "03:00", "2026-04-05", "2026-04-04T14:45Z", "2026-04-04T16:30Z"),
    "Kolkata never jumps and is half an hour off": ("Asia/Kolkata", "02:30", "03:30", "2026-03-29", "2026-03-28T21:00Z", "2026-03-28T22:00Z"),
    "Casablanca before Ramadan sets clocks back": ("Africa/Casablanca", "02:30", "03:30", "2026-02-15", "2026-02-15T01:30Z", "2026-02-15T03:30Z"),
    "Casablanca after Ramadan sets clocks forward": ("Africa/Casablanca", "02:30", "03:30", "2026-03-22", "2026-03-22T02:00Z", "2026-03-22T02:30Z"),
    "Havana skips midnight itself": ("America/Havana", "00:30", "02:00", "2026-03-08", "2026-03-08T05:00Z", "2026-03-08T06:00Z"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "_"))
def test_a_window_in_its_zone(case: str) -> None:
    zone, since, until, day, first, last = CASES[case]
    own = window(zone, since, until)
    start, end = at(first), at(last)
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    begun = [span for span in spans_between(own, noon - DAY, noon + DAY) if abs(span[0] - start) < 3 * HOUR]
    assert begun == [(start, end)]
    assert span_at(own, start) == (start, end) == span_at(own, end - MOMENT)
    assert span_at(own, start - MOMENT) != (start, end)
    if (since, until) != ("00:00", "24:00") and since != until:
        assert span_at(own, end) is None
        assert span_at(own, start - MOMENT) is None


def test_one_that_lies_wholly_in_the_hour_that_is_skipped_does_not_come_that_day() -> None:
    own = window("Europe/Berlin", "02:10", "02:50")
    assert list(spans_between(own, at("2026-03-28T23:00Z"), at("2026-03-29T22:00Z"))) == []
    coming = next_span(own, at("2026-03-28T23:00Z"))
    assert coming == (at("2026-03-30T00:10Z"), at("2026-03-30T00:50Z"))


def test_its_day_is_the_local_one_it_begins_on() -> None:
    own = window("America/New_York", "22:00", "06:00", "fri")
    assert span_at(own, at("2026-11-21T10:59:59Z")) == (at("2026-11-21T03:00Z"), at("2026-11-21T11:00Z"))  # Saturday, 05:59 there
    assert span_at(own, at("2026-11-20T10:00Z")) is None  # Friday, 05:00 there: that would be Thursday's


@pytest.mark.parametrize("turn", ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"])
def test_in_every_zone_it_begins_and_ends_at_its_local_time_or_at_the_jump(turn: str) -> None:
    around = at(f"{turn}T00:00Z")
    for zone in sorted(available_timezones()):
        info = ZoneInfo(zone)
        own = RecurringSpec.model_construct(days=list(DAYS), since="02:30", until="03:30", zone=zone)
        for start, end in spans_between(own, around - DAY, around + 2 * DAY):
            assert timedelta(0) < end - start <= 3 * HOUR, zone
            shown = start.astimezone(info)
            before = (start - MOMENT).astimezone(info)
            assert f"{shown:%H:%M}" == "02:30" or before.utcoffset() != shown.utcoffset(), zone
            last = (end - MOMENT).astimezone(info)
            assert f"{end.astimezone(info):%H:%M}" == "03:30" or last.utcoffset() != end.astimezone(info).utcoffset(), zone


@pytest.mark.parametrize(
    ("local", "zone", "first", "last"),
    [
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00Z", "2011-12-30T10:00Z"),  # a day that never was
    ],
)
def test_the_instants_of_a_local_time(local: str, zone: str, first: str, last: str) -> None:
    assert instants(datetime.fromisoformat(local), ZoneInfo(zone)) == (at(first), at(last))


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (window("UTC", "01:00", "02:30"), "every day 01:00–02:30 UTC"),
        (window("Europe/Berlin", "22:00", "06:00", "fri", "mon", "tue", "wed", "thu"), "Mon–Fri 22:00–06:00 Europe/Berlin"),
        (window("Asia/Kolkata", "00:00", "24:00", "sun", "sat"), "Sat, Sun 00:00–24:00 Asia/Kolkata"),
    ],
)
def test_words(own: RecurringSpec, words: str) -> None:
    assert window_words(own) == words
