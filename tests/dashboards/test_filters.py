"""The address is the filter: reading it, changing it, and the spans and buckets it means."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.filters import RANGES, bucket_edges, parse
from tests.dashboards.conftest import Driven, texts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_an_empty_address_is_the_default() -> None:
    filters = parse("/", "")
    assert (filters.range, filters.platform, filters.zone.key, dict(filters.page)) == ("24h", None, "UTC", {})
    assert filters.href() == "/"


def test_an_address_survives_a_round_trip() -> None:
    search = "?range=2026-11-01..2026-11-14&platform=scribe&tz=Europe%2FBerlin&by=model&tier=free"
    filters = parse("/cost", search)
    again = parse("/cost", filters.href().partition("?")[2])
    assert again == filters
    assert filters.range_words == "1 Nov–14 Nov 2026"


@pytest.mark.parametrize(
    "search", ["range=yesterday", "range=2026-11-14..2026-11-01", "range=1900-01-01..2026-01-01", "range=..", "tz=Mars/Base"]
)
def test_what_is_not_understood_is_left_out_and_said(search: str) -> None:
    filters = parse("/platforms/scribe", search)
    assert (filters.range, filters.zone.key) == ("24h", "UTC")
    assert len(filters.problems) == 1
    assert search.partition("=")[2] in filters.problems[0]


def test_another_page_keeps_the_shared_filters_only() -> None:
    filters = parse("/cost", "range=7d&platform=arena&tz=Europe/Berlin&by=model")
    assert filters.href("/platforms") == "/platforms?range=7d&platform=arena&tz=Europe%2FBerlin"
    assert filters.href(by=None, platform=None) == "/cost?range=7d&tz=Europe%2FBerlin"


def test_the_default_range_is_not_written() -> None:
    assert parse("/platforms/scribe", "range=7d").href(range="24h") == "/platforms/scribe"
    assert parse("/cost", "range=7d").href(range="month") == "/cost"


@pytest.mark.parametrize(
    ("path", "search", "to", "address"),
    [
        ("/cost", "", "/", "/"), ("/cost", "range=24h", "/", "/"), ("/cost", "range=7d", "/", "/?range=7d"),
        ("/", "", "/cost", "/cost"), ("/", "range=month", "/cost", "/cost"), ("/", "range=30d", "/cost/rows", "/cost/rows?range=30d"),
        ("/cost", "range=24h", "/cost/rows", "/cost/rows?range=24h"), ("/cost", "", "/export/cost.csv", "/export/cost.csv"),
    ],
)  # fmt: skip
def test_cost_shows_the_month_and_other_pages_the_day(path: str, search: str, to: str, address: str) -> None:
    assert parse("/cost", "").range == parse("/export/cost.xlsx", "").range == "month"
    assert parse(path, search).href(to) == address


def test_a_filter_may_have_several_values() -> None:
    filters = parse("/cost", "model=a%26b&model=c+d&by=team")
    assert filters.values("model") == ("a&b", "c d")
    assert filters.href() == "/cost?model=a%26b&model=c+d&by=team"
    assert filters.href(model=filters.toggled("model", "a&b")) == "/cost?model=c+d&by=team"
    assert filters.href(model=filters.toggled("model", "e")) == "/cost?model=a%26b&model=c+d&model=e&by=team"
    assert parse("/cost", "model=a").toggled("model", "a") is None


@pytest.mark.parametrize(
    ("span", "before"),
    [
        ("2026-10-01..2026-10-31", (datetime(2026, 8, 30, 22, tzinfo=UTC), datetime(2026, 9, 30, 22, tzinfo=UTC))),
        ("2026-10-26..2026-10-26", (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))),
        ("2026-11-20..2026-11-20", (datetime(2026, 11, 18, 23, tzinfo=UTC), datetime(2026, 11, 19, 12, tzinfo=UTC))),
    ],
    ids=["a month of days", "the day before has 25 hours", "a day so far"],
)
def test_days_are_compared_with_as_many_days(span: str, before: tuple[datetime, datetime]) -> None:
    assert parse("/cost", f"range={span}&tz=Europe/Berlin").previous(NOW) == before


@pytest.mark.parametrize(
    ("search", "since", "until"),
    [
        ("range=7d", NOW - timedelta(days=7), NOW),
        ("range=month", datetime(2026, 11, 1, tzinfo=UTC), NOW),
        ("range=month&tz=Europe/Berlin", datetime(2026, 10, 31, 23, tzinfo=UTC), NOW),
        ("range=last-month&tz=Europe/Berlin", datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("range=2026-11-01..2026-11-02", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)),
        ("range=2026-11-20..2026-11-30", datetime(2026, 11, 20, tzinfo=UTC), NOW),
    ],
)
def test_spans_are_instants_of_the_zone(search: str, since: datetime, until: datetime) -> None:
    assert parse("/cost", search).span(NOW) == (since, until)


def test_a_range_in_the_future_is_not_empty() -> None:
    since, until = parse("/cost", "range=2027-01-01..2027-01-02").span(NOW)
    assert since < until <= NOW


def test_the_period_before_is_as_long() -> None:
    filters = parse("/cost", "range=7d")
    assert filters.previous(NOW) == (NOW - timedelta(days=14), NOW - timedelta(days=7))


def test_a_month_so_far_is_compared_with_the_same_stretch_of_the_month_before() -> None:
    since, until = parse("/cost", "range=month").previous(NOW)
    assert since == datetime(2026, 10, 1, tzinfo=UTC)
    assert until - since == NOW - datetime(2026, 11, 1, tzinfo=UTC)


@given(hours=st.integers(1, 24 * 400), zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_buckets_cover_the_span_without_a_hole(hours: int, zone: str) -> None:
    since, until = NOW - timedelta(hours=hours), NOW
    edges = bucket_edges(since, until, ZoneInfo(zone))
    assert edges[0] <= since
    assert edges[-1] < until
    assert edges == sorted(set(edges))
    assert len(edges) <= 300


def test_a_day_that_springs_forward_is_one_bucket_of_23_hours() -> None:
    edges = bucket_edges(datetime(2026, 3, 26, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC), BERLIN)
    lengths = {edge.astimezone(BERLIN).date().isoformat(): after - edge for edge, after in itertools.pairwise(edges)}
    assert lengths["2026-03-29"] == timedelta(hours=23)
    assert lengths["2026-03-28"] == timedelta(hours=24)


def test_every_named_range_has_a_span() -> None:
    for name in RANGES:
        since, until = parse("/cost", f"range={name}").span(NOW)
        assert since < until <= NOW


@pytest.mark.parametrize("page", ["cost-filters", "allocation-bar"])
def test_a_range_in_the_future_says_so_and_shows_nothing(pages: Driven, page: str) -> None:
    path = "/cost" if page == "cost-filters" else "/cost/allocation"
    words = "This range lies in the future"
    assert words in texts(pages.call(f"{page}.children", path, "?range=2027-01-01..2027-01-05"))
    assert words not in texts(pages.call(f"{page}.children", path, "?range=2026-11-01..2026-11-05"))
    for block in ("cost-total", "cost-groups") if path == "/cost" else ("allocation-whole", "allocation-open"):
        assert "$" not in texts(pages.call(f"{block}.children", path, "?range=2027-01-01..2027-01-05"))
