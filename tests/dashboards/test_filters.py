"""The address is the filter: reading it, changing it, and the spans and buckets it means."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.filters import bucket_edges, parse
from dashboards.ranges import RANGES, written
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


def test_a_default_range_is_written_where_it_was_asked_for() -> None:
    assert parse("/platforms/scribe", "range=7d").href(range="24h") == "/platforms/scribe?range=24h"
    assert parse("/cost", "range=7d").href(range=None) == "/cost"
    assert parse("/", "").href("/cost", range="month") == "/cost", "a link to what a page shows anyway asks for nothing"
    assert not parse("/", "range=rubbish").stated


@pytest.mark.parametrize(
    ("path", "search", "to", "address"),
    [
        ("/cost", "", "/", "/"), ("/cost", "range=24h", "/", "/?range=24h"), ("/cost", "range=7d", "/", "/?range=7d"),
        ("/", "", "/cost", "/cost"), ("/", "range=month", "/cost", "/cost?range=month"), ("/", "range=30d", "/cost/rows", "/cost/rows?range=30d"),
        ("/cost", "range=24h", "/cost/rows", "/cost/rows?range=24h"), ("/cost", "", "/export/cost.csv", "/export/cost.csv"),
        ("/platforms/scribe", "range=24h", "/cost", "/cost?range=24h"), ("/platforms/scribe", "range=24h", "/platforms", "/platforms?range=24h"),
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


@pytest.mark.parametrize(
    ("search", "kept", "since", "until"),
    [
        ("range=3h", "3h", NOW - timedelta(hours=3), NOW),
        ("range=15m", "15m", NOW - timedelta(minutes=15), NOW),
        ("range=1d", "24h", NOW - timedelta(days=1), NOW),
        ("range=2w", "2w", NOW - timedelta(days=14), NOW),
        ("range=2026-11-19T14:05..2026-11-19T15:35", None, datetime(2026, 11, 19, 14, 5, tzinfo=UTC), datetime(2026, 11, 19, 15, 35, tzinfo=UTC)),
        ("range=2026-11-19T14:05..2026-11-19T15:35&tz=Europe/Berlin", None, datetime(2026, 11, 19, 13, 5, tzinfo=UTC), datetime(2026, 11, 19, 14, 35, tzinfo=UTC)),
        ("range=2026-11-19T14:05:40..2026-11-19T15:35:20", "2026-11-19T14:05..2026-11-19T15:36", datetime(2026, 11, 19, 14, 5, tzinfo=UTC), datetime(2026, 11, 19, 15, 36, tzinfo=UTC)),
        ("range=2026-11-18..2026-11-19T06:00", None, datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, 6, tzinfo=UTC)),
        ("range=2026-11-18T06:00..2026-11-19", None, datetime(2026, 11, 18, 6, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)),
        ("range=2026-11-20T11:00..2026-11-20T23:00", None, datetime(2026, 11, 20, 11, tzinfo=UTC), NOW),
        ("range=2026-10-25T02:10..2026-10-25T02:50&tz=Europe/Berlin", None, datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 50, tzinfo=UTC)),
        ("range=2026-10-25T02:10%2B02:00..2026-10-25T02:50%2B02:00&tz=Europe/Berlin", None, datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 50, tzinfo=UTC)),
        ("range=2026-10-25T02:10+02:00..2026-10-25T02:50+02:00&tz=Europe/Berlin", "2026-10-25T02:10+02:00..2026-10-25T02:50+02:00", datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 50, tzinfo=UTC)),
        ("range=2026-03-29T01:30..2026-03-29T03:30&tz=Europe/Berlin", None, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("range=2026-03-29T02:10..2026-03-29T02:50&tz=Europe/Berlin", None, datetime(2026, 3, 29, 1, 10, tzinfo=UTC), datetime(2026, 3, 29, 1, 50, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_lengths_and_minutes(search: str, kept: str | None, since: datetime, until: datetime) -> None:
    filters = parse("/cost", search)
    assert filters.problems == ()
    assert filters.range == (kept or unquote(search).removeprefix("range=").partition("&")[0])
    assert filters.span(NOW) == (since, until)
    assert parse("/cost", filters.href().partition("?")[2]) == filters


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ("2026-02-30..2026-03-01", "'2026-02-30' is no day or time"), ("2026-11-20..2026-11-19", "it ends before it begins"),
        ("2026-11-20T10:00..2026-11-20T10:00", "it ends before it begins"), ("0001-01-01..2026-11-01", "its years must lie between 2000 and 2100"),
        ("2020-01-01..2026-11-01", "it is longer than 800 days"), ("9999-12-31..9999-12-31", "its years must lie between 2000 and 2100"),
        ("NaN", "write for example"), ("0h", "between a minute and 800 days"), ("9999999d", "between a minute and 800 days"),
        ("-3h", "write for example"), ("3.5h", "write for example"), ("2026-11-20T25:00..2026-11-20T26:00", "is no day or time"),
        ("٣h", "write for example"), ("x" * 900, "write for example"),
    ],
)  # fmt: skip
def test_an_impossible_range_says_why(span: str, why: str) -> None:
    filters = parse("/platforms/scribe", urlencode({"range": span}))
    assert filters.range == "24h"
    (said,) = filters.problems
    assert why in said
    assert said.endswith("; showing last 24 h")
    assert len(said) < 220


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("range=7d&range=30d", "range is given twice"), ("compare=year", "compare='year' is not known"),
        ("by=" + "x" * 5000, "by is longer than 1,000 letters"), ("a=" + "&a=".join("x" * 90 for _ in range(100)), "longer than 8,000 letters"),
        ("&".join(f"k{n}=1" for n in range(80)), "more than 60 parameters"),
    ],
)  # fmt: skip
def test_too_much_of_an_address_is_left_out_and_said(search: str, said: str) -> None:
    filters = parse("/cost", search)
    assert any(said in each for each in filters.problems), filters.problems
    assert len(filters.page) <= 60


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "\\\\evil.example", "/a\n/b", "/cost/"])
def test_a_path_never_leads_to_another_server(path: str) -> None:
    assert parse(path, "range=7d").href().startswith("/")
    assert not parse(path, "range=7d").href().startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("range=2026-11-19T14:05%2B05:00..2026-11-19T15:05%2B05:00", "19 Nov 2026, 09:05–10:05"),
        ("range=2026-11-19T14:05%2B00:00..2026-11-19T15:05%2B00:00&tz=Europe/Berlin", "19 Nov 2026, 15:05–16:05"),
        ("range=2026-11-19T23:30%2B00:00..2026-11-20T00:30%2B00:00&tz=Europe/Berlin", "20 Nov 2026, 00:30–01:30"),
        ("range=2026-11-19T23:30%2B00:00..2026-11-20T00:30%2B00:00", "19 Nov 23:30–20 Nov 2026 00:30"),
        ("range=2026-10-25T02:10%2B02:00..2026-10-25T02:50%2B01:00&tz=Europe/Berlin", "25 Oct 2026, 02:10 CEST–02:50 CET"),
        ("range=2026-10-25T02:10%2B02:00..2026-10-25T02:50%2B01:00", "25 Oct 2026, 00:10–01:50"),
        ("range=2026-11-19T14:05..2026-11-19T15:05&tz=Europe/Berlin", "19 Nov 2026, 14:05–15:05"),
    ],
)  # fmt: skip
def test_a_range_is_told_on_the_clock_of_the_zone_beside_it(search: str, words: str) -> None:
    assert parse("/cost", search).range_words == words


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "span",
    ["2026-11-19T14:05..2026-11-19T15:35", "2026-11-18..2026-11-19T06:00", "2026-10-25T02:10+02:00..2026-10-25T02:50+02:00"],
)
def test_minutes_stay_where_they_are_when_the_zone_is_changed(span: str, zone: str) -> None:
    filters = parse("/cost", urlencode({"range": span, "tz": "Europe/Berlin"}))
    again = parse("/cost", filters.href(tz=zone).partition("?")[2])
    assert (again.zone.key, again.span(NOW)) == (zone, filters.span(NOW))


@pytest.mark.parametrize("span", ["7d", "last-month", "2026-11-01..2026-11-14"])
def test_days_and_months_are_those_of_the_zone_chosen(span: str) -> None:
    filters = parse("/cost", f"range={span}&tz=Europe/Berlin")
    assert parse("/cost", filters.href(tz="America/New_York").partition("?")[2]).range == span


PIECES = st.one_of(
    st.text(max_size=40), st.sampled_from(["range", "tz", "platform", "compare", "by", "&", "=", "..", "%00", "%1f", "%ff", "2026-11-20T14:05", "\ud800"]),
    st.dates().map(str), st.datetimes().map(str),
)  # fmt: skip


@given(path=st.text(max_size=30), pieces=st.lists(PIECES, max_size=12), span=st.text(max_size=40))
def test_no_address_raises_and_a_link_means_what_it_came_from(path: str, pieces: list[str], span: str) -> None:
    for search in ("".join(pieces), f"?range={span}&" + "&".join(pieces)):
        filters = parse(path, search)
        since, until = filters.span(NOW)
        assert since < until <= NOW
        earlier, later = filters.previous(NOW)
        assert earlier < later <= until
        assert filters.range_words
        assert isinstance(filters.ahead(NOW), bool)
        where, _, query = filters.href().partition("?")
        again = parse(where, query)
        assert again.href() == filters.href()
        assert again == replace(filters, problems=())


@given(
    minutes=st.integers(0, 60 * 24 * 500), length=st.integers(1, 60 * 24 * 30),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)  # fmt: skip
def test_what_is_on_screen_can_be_written_down(minutes: int, length: int, zone: str) -> None:
    until = NOW - timedelta(minutes=minutes)
    since = until - timedelta(minutes=length)
    filters = parse("/cost", urlencode({"range": written(since, until, ZoneInfo(zone)), "tz": zone}))
    assert filters.span(NOW) == (since, until)


@pytest.mark.parametrize(
    ("search", "before"),
    [
        ("range=2026-11-19T14:05..2026-11-19T15:35", (datetime(2026, 11, 19, 12, 35, tzinfo=UTC), datetime(2026, 11, 19, 14, 5, tzinfo=UTC))),
        ("range=2026-11-20T11:00..2026-11-20T13:00", (datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC))),
        ("range=3h", (NOW - timedelta(hours=6), NOW - timedelta(hours=3))),
    ],
)  # fmt: skip
def test_minutes_are_compared_with_as_many_before(search: str, before: tuple[datetime, datetime]) -> None:
    assert parse("/cost", search).previous(NOW) == before


@pytest.mark.parametrize(
    ("span", "over"),
    [("24h", False), ("month", False), ("last-month", True), ("2026-11-01..2026-11-19", True), ("2026-11-01..2026-11-20", False)],
)
def test_a_range_is_over_when_nothing_new_comes_into_it(span: str, over: bool) -> None:
    assert parse("/cost", f"range={span}").is_over(NOW) is over


def test_the_comparison_goes_along() -> None:
    filters = parse("/cost", "compare=previous&range=7d")
    assert filters.href("/platforms/scribe") == "/platforms/scribe?range=7d&compare=previous"
    assert filters.href(compare=None) == "/cost?range=7d"
