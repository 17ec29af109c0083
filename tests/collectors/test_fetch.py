"""Sources that hang, trickle, lie, overflow or refuse: each over a real socket."""

from __future__ import annotations

import gzip
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from collectors.fetch import Fetcher, Patience
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from tests.collectors.scripted import TRICKLE_S, Answer, hang, http, raw, scripted, trickle

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUICK = Patience(connect_timeout_s=1, read_timeout_s=0.2, total_timeout_s=0.5, attempts=1, max_body_bytes=200_000)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"


def ask(answers: list[Answer], patience: Patience = QUICK, **more: object) -> tuple[dict[str, object], list[float], list[str]]:
    """One `get` against scripted answers: what came, how long it slept, what the server was asked."""
    slept: list[float] = []
    with scripted(*answers) as server:
        fetcher = Fetcher(server.url, "secret", patience, sleep=slept.append, wall=FixedClock(NOW), jitter=random.Random(7))
        try:
            return fetcher.get("/usage", **more), slept, server.requests  # type: ignore[arg-type]
        finally:
            fetcher.close()


def gzipped(data: bytes) -> Answer:
    packed = gzip.compress(data)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
    return raw(head.encode() + packed)


@pytest.mark.parametrize(
    ("answer", "says", "retryable"),
    [
        pytest.param(hang, "no complete answer in time", True, id="hang"),
        pytest.param(raw(b"\x16\x03\x01 what is this"), "the connection failed", True, id="garbage"),
        pytest.param(raw(b""), "the connection failed", True, id="closed at once"),
        pytest.param(raw(HEAD + b'{"a": 1'), "the connection failed", True, id="body cut short"),
        pytest.param(http(b'{"records": ['), "the body is not JSON", True, id="truncated JSON"),
        pytest.param(http(b'{"id": "\xff"}'), "the body is not JSON", True, id="not UTF-8"),
        pytest.param(http(b"[1]"), "not a JSON object", False, id="an array"),
        pytest.param(http(b"<html>", kind="text/html"), "content type is 'text/html'", False, id="a web page"),
        pytest.param(gzipped(b"[" + b" " * 5_000_000 + b"]"), "over 200,000 bytes once unpacked", False, id="gzip bomb"),
        pytest.param(http(b" " * 200_001), "over 200,000 bytes", False, id="too large"),
        pytest.param(http(b"{}", content_encoding="gzip"), "not gzip", True, id="says gzip, is not"),
        pytest.param(http(gzip.compress(b"{}" * 99)[:-9], content_encoding="gzip"), "ends too soon", True, id="gzip cut short"),
        pytest.param(http(b"{}", content_encoding="br"), "encoded as 'br'", False, id="unknown encoding"),
        pytest.param(http({"error": {"what": "no"}}, 401), "answered 401: no", False, id="401"),
        pytest.param(http({}, 403), "answered 403", False, id="403"),
        pytest.param(http({}, 410), "answered 410", False, id="410"),
        pytest.param(http({}, 500), "answered 500", True, id="500"),
        pytest.param(
            http(b"", 302, location="http://127.0.0.1:1/steal"), "a redirect to http://127.0.0.1:1/steal", False, id="redirect"
        ),
    ],
)
def test_a_bad_answer_is_an_error_that_says_what_and_where(answer: Answer, says: str, retryable: bool) -> None:
    with pytest.raises(CollectError) as caught:
        ask([answer])
    assert says in caught.value.what
    assert caught.value.where.endswith("/usage")
    assert caught.value.hint
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(trickle(HEAD, b" "), id="body"),
        pytest.param(trickle(b"HTTP/1.1 200 OK\r\nx: ", b"a"), id="headers"),
    ],
)
def test_a_trickle_is_cut_by_the_total_deadline(answer: Answer) -> None:
    # Every drop comes well within the read timeout, so only the deadline over the whole request can end this.
    began = time.monotonic()
    with pytest.raises(CollectError, match="no complete answer in time"):
        ask([answer])
    assert time.monotonic() - began < TRICKLE_S / 2


def test_a_refused_connection_is_retryable() -> None:
    with scripted(http({})) as server:
        url = server.url
    fetcher = Fetcher(url, "secret", QUICK)
    with pytest.raises(CollectError) as caught:
        fetcher.get("/usage")
    assert caught.value.retryable
    fetcher.close()


def test_500_and_then_fine_is_fine() -> None:
    patience = Patience(attempts=3, backoff_s=0.5)
    answer, slept, requests = ask([http({}, 500), http({}, 502), http({"ok": True})], patience)
    assert answer == {"ok": True}
    assert len(requests) == 3
    # Full jitter: anywhere from zero to the doubled back-off.
    assert 0 <= slept[0] <= 0.5
    assert 0 <= slept[1] <= 1.0
    assert slept[0] != slept[1]


def test_attempts_are_bounded() -> None:
    with pytest.raises(CollectError, match="answered 500"):
        ask([http({}, 500)], Patience(attempts=3))


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0),
        (format_datetime(NOW - timedelta(seconds=9), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(header: str, waits: float) -> None:
    answer, slept, _ = ask([http({}, 429, retry_after=header), http({"ok": True})], Patience(attempts=2))
    assert answer == {"ok": True}
    assert slept == [waits]


def test_a_wait_too_long_to_sit_out_is_left_to_the_caller() -> None:
    slept: list[float] = []
    with scripted(http({}, 429, retry_after="600")) as server:
        fetcher = Fetcher(server.url, "secret", Patience(attempts=3), sleep=slept.append)
        with pytest.raises(CollectError) as caught:
            fetcher.get("/usage")
        fetcher.close()
        assert len(server.requests) == 1
    assert (slept, caught.value.retry_after_s, caught.value.retryable) == ([], 600.0, True)


def test_a_senseless_retry_after_falls_back_to_backing_off() -> None:
    _, slept, _ = ask([http({}, 429, retry_after="soon"), http({"ok": True})], Patience(attempts=2, backoff_s=0.5))
    assert 0 <= slept[0] <= 0.5


def test_what_is_not_worth_retrying_is_not_retried() -> None:
    slept: list[float] = []
    with scripted(http({}, 401)) as server:
        fetcher = Fetcher(server.url, "wrong", Patience(attempts=5), sleep=slept.append)
        with pytest.raises(CollectError, match="token"):
            fetcher.get("/usage")
        assert len(server.requests) == 1
        fetcher.close()
    assert slept == []


def test_gzip_is_unpacked() -> None:
    answer, _, _ = ask([gzipped(b'{"a": [1, 2]}')])
    assert answer == {"a": [1, 2]}


def test_the_token_is_not_shown_in_the_error() -> None:
    with pytest.raises(CollectError) as caught:
        ask([http({}, 401)])
    assert "secret" not in str(caught.value)
