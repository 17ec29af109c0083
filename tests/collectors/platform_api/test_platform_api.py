"""Pages of the platform API: believed only when they keep the contract."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from collectors.fetch import Fetcher, Patience
from collectors.platform_api.source import Page, PlatformApi, SourceConfig
from roomleft.errors import CollectError
from tests.collectors.scripted import Answer, http, scripted

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONCE = Patience(attempts=1, read_timeout_s=2, total_timeout_s=4)
PAGE: dict[str, Any] = {
    "after": "c1", "next": "c2", "more": True, "oldest_at": "2026-08-23T00:00:00Z", "newest_at": "2026-11-20T11:00:00Z",
    "records": [{"id": "a", "occurred_at": "2026-11-20T11:00:00Z"}],
}  # fmt: skip


def read(answer: Answer, position: str | None = "c1", limit: int = 2) -> tuple[Page, list[str]]:
    with scripted(answer) as server:
        config = SourceConfig("arena", server.url + "/arena/", "t", patience=ONCE)
        api = PlatformApi(config, Fetcher(config.url, "t", ONCE))
        try:
            return api.read_stream("usage", position, limit), server.requests
        finally:
            api.close()


def test_a_page_is_read() -> None:
    page, requests = read(http(PAGE))
    assert (page.next, page.more, len(page.records)) == ("c2", True, 1)
    assert page.oldest_at == datetime(2026, 8, 23, tzinfo=UTC)
    assert requests == ["GET /arena/usage?limit=2&after=c1 HTTP/1.1"]


def test_an_empty_stream_is_a_page_too() -> None:
    page, requests = read(
        http({"after": None, "next": None, "more": False, "oldest_at": None, "newest_at": None, "records": []}), None
    )
    assert (page.next, page.more, list(page.records), page.oldest_at) == ("", False, [], None)
    assert requests == ["GET /arena/usage?limit=2 HTTP/1.1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"after": "c0"}, "asked for the page after 'c1', got the one after 'c0'", id="another page's echo"),
        pytest.param({"after": None}, "got the one after the beginning", id="silently from the beginning"),
        pytest.param({"next": "c1"}, "its cursor does not move", id="stuck"),
        pytest.param({"next": None}, "next cursor is not a string", id="no next"),
        pytest.param({"records": [], "next": "c1"}, "empty but says that more follow", id="endless"),
        pytest.param({"records": [], "more": False}, "empty but its cursor moves", id="empty and moving"),
        pytest.param({"records": [{}] * 3}, "asked for 2 records, got 3", id="more than asked for"),
        pytest.param({"records": {"a": 1}}, "not a page", id="records no list"),
        pytest.param({"more": "yes"}, "not a page", id="more no boolean"),
        pytest.param({"oldest_at": "yesterday"}, "oldest_at", id="bad time"),
        pytest.param({"newest_at": "2026-11-20T11:00:00"}, "newest_at", id="naive time"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused_whole(change: dict[str, Any], says: str) -> None:
    with pytest.raises(CollectError) as caught:
        read(http({**PAGE, **change}))
    assert says in caught.value.what
    assert "nothing of this page was stored" in caught.value.hint


SINCE, UNTIL = datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)


def read_range(answer: Answer) -> tuple[Page, list[str]]:
    with scripted(answer) as server:
        api = PlatformApi(SourceConfig("arena", server.url, "t", patience=ONCE))
        try:
            return api.read_stream("usage", "c1", 2, since=SINCE, until=UNTIL), server.requests
        finally:
            api.close()


@pytest.mark.parametrize(
    ("echo", "ranged"),
    [
        pytest.param({}, False, id="knows no ranges"),
        pytest.param({"since": "2026-11-19T00:00:00Z"}, False, id="knows one edge only"),
        pytest.param(
            {"since": "2026-11-19T01:00:00+01:00", "until": "2026-11-20T00:00:00Z"}, True, id="echoes both, as it writes them"
        ),
    ],
)
def test_whether_a_platform_knows_ranges_is_told_by_its_echo(echo: dict[str, Any], ranged: bool) -> None:
    page, requests = read_range(http({**PAGE, **echo}))
    assert page.ranged is ranged
    assert requests == ["GET /usage?limit=2&after=c1&since=2026-11-19T00%3A00%3A00Z&until=2026-11-20T00%3A00%3A00Z HTTP/1.1"]


def test_another_range_than_was_asked_for_is_refused() -> None:
    with pytest.raises(CollectError, match="asked for what was committed until"):
        read_range(http({**PAGE, "since": "2026-11-19T00:00:00Z", "until": "2026-11-21T00:00:00Z"}))


def test_a_page_whose_records_are_cut_off_is_refused_when_they_are_read() -> None:
    body = b'{"after": "c1", "next": "c2", "more": false, "records": [{"id": "a"}, {"id": }]}'
    with scripted(http(body)) as server:
        api = PlatformApi(SourceConfig("arena", server.url, "t", patience=ONCE))
        page = api.read_stream("usage", "c1", 2)
        with pytest.raises(CollectError, match="not JSON"):
            api.normalised("usage", page.records, NOW)
        api.close()


def test_a_forgotten_cursor_says_how_to_start_over_and_never_does_it_silently() -> None:
    with pytest.raises(CollectError) as caught:
        read(http({"error": {"what": "unknown cursor"}}, 410))
    assert "start-over arena usage" in caught.value.hint
    assert not caught.value.retryable


def test_health_with_503_is_an_answer_and_an_error_page_is_not() -> None:
    with scripted(http({"status": "fail", "output": "down"}, 503, "application/health+json"), http({"error": {}}, 503)) as server:
        api = PlatformApi(SourceConfig("arena", server.url, "t", patience=ONCE))
        (row,) = api.health(NOW).rows.to_pylist()
        assert (row["check_name"], row["status"], row["words"], row["observed_at"]) == ("overall", "fail", "down", NOW)
        with pytest.raises(CollectError, match="no status"):
            api.health(NOW)
        api.close()


def test_business_asks_for_a_half_open_range() -> None:
    record = {"day": "2026-11-19", "tier": "free", "revenue_usd": "1.50"}
    with scripted(http({"zone": "UTC", "records": [record]}), http({"records": "none"})) as server:
        api = PlatformApi(SourceConfig("arena", server.url, "t", patience=ONCE))
        assert api.business(date(2026, 11, 1), date(2026, 11, 20), NOW).rows.num_rows == 1
        assert server.requests[0] == "GET /business?from=2026-11-01&to=2026-11-20 HTTP/1.1"
        with pytest.raises(CollectError, match="no list of records"):
            api.business(date(2026, 11, 1), date(2026, 11, 20), NOW)
        api.close()


def test_the_token_is_not_in_the_configs_repr() -> None:
    assert "hush" not in repr(SourceConfig("arena", "http://127.0.0.1:1", "hush"))
