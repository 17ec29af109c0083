"""Pages: whatever the limit, the same records in the same order; cursors stay good or are refused."""

from __future__ import annotations

import itertools
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.standin.feed import FOREVER, CursorUnknown, Range
from collectors.standin.instants import to_us
from collectors.standin.standin import StandIn
from roomleft.packs_standin import STREAMS, StandinShape
from tests.collectors.standin.conftest import ORIGIN, FixedClock, Make, instant, read, read_bytes

MAKE_UP = "eyJub3QiOiAib3VycyJ9"


@pytest.fixture(scope="module")
def platform(shape: StandinShape) -> StandIn:
    return StandIn(shape, 7, ORIGIN, 2, FixedClock(ORIGIN))


@pytest.fixture(scope="module")
def whole(platform: StandIn) -> dict[str, list[bytes]]:
    return {stream: read_bytes(platform, stream) for stream in STREAMS}


@pytest.mark.parametrize("stream", STREAMS)
@settings(max_examples=12, deadline=None)
@given(limits=st.lists(st.integers(1, 4000), min_size=1, max_size=6), skip=st.integers(0, 10_000))
def test_any_limits_give_the_records_of_one_big_page(platform, whole, stream, limits, skip):
    expected = whole[stream]
    start = min(skip, len(expected))
    after = platform.page(stream, None, start).next if start else None
    got: list[bytes] = []
    for limit in limits:
        page = platform.page(stream, after, limit)
        assert page.after == after
        assert page.more == (start + len(got) + len(page.records) < len(expected))
        got += page.records
        after = page.next
    assert got == expected[start : start + sum(limits)]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_cursor_begins_at_the_same_record_later_and_in_another_server(make: Make, stream):
    platform = make()
    first = platform.page(stream, None, 1)
    before = platform.page(stream, first.next, 50)
    platform.clock.at += timedelta(hours=30)
    again = platform.page(stream, first.next, 50)
    other = make(at=ORIGIN + timedelta(hours=30)).page(stream, first.next, 50)
    assert again.records[: len(before.records)] == before.records
    assert again.records == other.records


@pytest.mark.parametrize("stream", STREAMS)
def test_at_the_end_next_equals_after_and_nothing_more_is_said(make: Make, stream):
    platform = make()
    end = None
    while (page := platform.page(stream, end, 10_000)).records:
        end = page.next
    assert (page.next, page.more, page.records) == (end, False, [])


def test_before_the_first_record_the_page_is_empty_and_says_so(make: Make):
    page = make(at=ORIGIN.replace(hour=0, minute=0, second=0) - timedelta(days=3)).page("usage", None, 10)
    assert (page.after, page.next, page.more, page.oldest_at, page.newest_at, page.records) == (None, None, False, None, None, [])


@pytest.mark.parametrize("cursor", ["", "nonsense", "%%%", MAKE_UP, "é", "A" * 5000])
def test_a_cursor_that_was_never_handed_out_is_unknown(make: Make, cursor):
    with pytest.raises(CursorUnknown):
        make().page("usage", cursor, 10)


@pytest.mark.parametrize(
    ("other", "stream"),
    [({"seed": 8}, "usage"), ({"days": 4}, "usage"), ({}, "samples")],
    ids=["another seed", "another history", "another stream"],
)
def test_a_cursor_of_something_else_is_unknown(make: Make, other, stream):
    cursor = make().page("usage", None, 10).next
    with pytest.raises(CursorUnknown):
        make(**other).page(stream, cursor, 10)


def test_a_cursor_ahead_of_the_clock_is_unknown(make: Make):
    platform = make()
    cursor = platform.page("usage", None, 5000).next
    platform.clock.at -= timedelta(days=3)
    with pytest.raises(CursorUnknown):
        platform.page("usage", cursor, 10)


@pytest.mark.parametrize("stream", STREAMS)
def test_oldest_and_newest_are_the_times_of_first_and_newest_record(make: Make, stream):
    platform = make()
    field = {"usage": "occurred_at", "deploys": "deployed_at"}.get(stream, "observed_at")
    records = read(platform, stream)
    page = platform.page(stream, None, 1)
    assert page.oldest_at == records[0][field]
    assert instant(page.newest_at) >= instant(records[-1][field])
    assert page.newest_at in {r[field] for r in records}


@pytest.mark.parametrize("stream", STREAMS)
def test_following_the_clock_gives_what_one_late_reading_gives(make: Make, stream):
    """Live is history being made: nothing is lost, doubled or changed by when it was read."""
    days = 3 if stream == "deploys" else 1  # deploys are rare, everything else is not
    platform, followed, after = make(days), [], None
    for step in (0, 1, 1, 2, 59, 900, 3600, 5, 40_000, 90_000):
        platform.clock.at += timedelta(seconds=step)
        followed += read_bytes(platform, stream, 997, after)
        while (page := platform.page(stream, after, 10_000)).records:
            after = page.next
    assert followed == read_bytes(make(days, at=platform.clock.at), stream)


def test_the_live_tail_moves_by_the_second(make: Make):
    platform = make(days=1)
    end = None
    while (page := platform.page("samples", end, 10_000)).records:
        end = page.next
    seen = []
    for _ in range(46):
        seen.append(len(platform.page("samples", end, 10_000).records))
        platform.clock.at += timedelta(seconds=1)
    assert sum(b > a for a, b in itertools.pairwise(seen)) == 3  # a round of readings every 15 s


SINCE, UNTIL = ORIGIN - timedelta(hours=31), ORIGIN - timedelta(hours=7)


def asked(since: timedelta | None, until: timedelta | None) -> Range:
    """A range by how long before ORIGIN its edges lie."""
    edges = [None if span is None else ORIGIN - span for span in (since, until)]
    return Range(*(to_us(at) if at else edge for at, edge in zip(edges, (0, FOREVER), strict=True)), *map(str, edges))


def in_range(platform: StandIn, stream: str, wanted: Range, limit: int) -> list[bytes]:
    records, after = [], None
    while True:
        page = platform.page(stream, after, limit, wanted)
        assert (page.since, page.until) == (wanted.since, wanted.until)
        records += page.records
        if not page.more:
            assert not platform.page(stream, page.next, limit, wanted).records
            return records
        after = page.next


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("limit", [7, 10_000])
def test_ranges_of_commit_time_are_parts_of_the_whole(platform: StandIn, whole, stream: str, limit: int):
    if limit == 7 and stream in ("samples", "health-history"):
        limit = 701
    hours = [None, 48, 31, 30.5, 7, 0.01, None]
    spans = [None if h is None else timedelta(hours=h) for h in hours]
    parts = [in_range(platform, stream, asked(a, b), limit) for a, b in itertools.pairwise(spans)]
    assert [record for part in parts for record in part] == whole[stream]


def test_a_range_of_commit_times_holds_stragglers_of_earlier_days(platform: StandIn):
    records = in_range(platform, "usage", asked(timedelta(hours=31), timedelta(hours=7)), 10_000)
    times = [instant(orjson.loads(record)["occurred_at"]) for record in records]
    assert min(times) < SINCE
    assert max(times) < UNTIL


def test_a_cursor_of_a_range_goes_on_beyond_it(platform: StandIn, whole):
    page = platform.page("usage", None, 10_000, asked(None, timedelta(hours=7)))
    rest = read_bytes(platform, "usage", 10_000, page.next)
    assert page.records + rest == whole["usage"]
