"""Fetching a page from a target that is slow, lies, redirects, or sends more than anyone asked for."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import repeat

import pytest

from collectors.prometheus.exposition import Format
from collectors.prometheus.scrape_fetch import ACCEPT, REDIRECTS
from collectors.prometheus.scrape_once import scrape_once
from collectors.prometheus.scrape_target import ScrapeTarget
from roomleft.errors import CollectError
from tests.collectors.prometheus.metrics_page import OPENMETRICS, Target, serving
from tests.collectors.scripted import Answer, hang, http, raw, scripted, trickle


def target(url: str, **more: object) -> ScrapeTarget:
    return ScrapeTarget("arena", "page", "host", url, timeout=timedelta(seconds=2), **more)  # type: ignore[arg-type]


def refused(url: str, **more: object) -> CollectError:
    with pytest.raises(CollectError) as error:
        scrape_once(target(url, **more))
    return error.value


def page(body: bytes, kind: str = "text/plain", **headers: str) -> Answer:
    return http(body, kind=kind, **headers)


def test_the_request_is_the_one_prometheus_makes() -> None:
    with serving() as server:
        scrape_once(target(server.url, token="s3cret"))
    (headers,) = server.seen
    assert headers["Accept"] == ACCEPT
    offered = [entry.partition(";")[0] + entry[entry.index(";q=") :] for entry in ACCEPT.split(",")]
    assert offered == ["application/openmetrics-text;q=0.6", "application/openmetrics-text;q=0.5", "text/plain;q=0.4", "text/plain;q=0.3", "*/*;q=0.2"]  # fmt: skip
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "2"
    assert headers["Authorization"] == "Bearer s3cret"


def test_a_packed_page_is_unpacked_and_read_by_its_content_type() -> None:
    served = Target(gzip.compress(b"# TYPE a counter\na_total 1\n# EOF\n"), OPENMETRICS, headers={"Content-Encoding": "gzip"})
    with serving(served) as server:
        assert scrape_once(target(server.url)).structure.format is Format.OPENMETRICS


def test_without_a_content_type_it_is_text() -> None:
    with serving(Target(b"a 1\n", None)) as server:
        assert scrape_once(target(server.url)).structure.format is Format.TEXT


BOMB = gzip.compress(bytes(60_000_000))
FAULTS = {
    "another content type": (page(b"<html>", "text/html"), "text/html"),
    "an error": (http(b"", 500), "answered 500"),
    "unauthorised": (http(b"", 401), "answered 401"),
    "nothing there": (http(b"", 404), "answered 404"),
    "no answer": (raw(b""), "the connection failed"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), "the connection failed"),
    "cut short": (raw(b"HTTP/1.1 200 X\r\ncontent-type: text/plain\r\ncontent-length: 900\r\n\r\na 1\n"), "the connection failed"),
    "no gzip after all": (page(b"a 1\n", content_encoding="gzip"), "not gzip"),
    "gzip cut short": (page(gzip.compress(b"a 1\n" * 99)[:-9], content_encoding="gzip"), "ends too soon"),
    "a second page after the gzip body": (page(gzip.compress(b"a 1\n") + gzip.compress(b"b 1\n"), content_encoding="gzip"), "more after the end"),
    "another encoding": (page(b"a 1\n", content_encoding="br"), "encoded as 'br'"),
    "a bomb": (page(BOMB, content_encoding="gzip"), "over 1,000,000 bytes"),
    "garbage": (page(bytes(range(256))), "line"),
    "half a page": (page(b"a 1\nb"), "line 2: the last line has no end"),
    "a redirect without end": (http(b"", 302, location="/again"), f"more than {REDIRECTS} redirects"),
    "a redirect to a file": (http(b"", 302, location="file:///etc/passwd"), "redirects to file"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_in_words(answer: Answer, reason: str) -> None:
    with scripted(answer) as server:
        error = refused(server.url + "/metrics?key=hidden", max_bytes=1_000_000, token="s3cret")
    assert reason in error.what
    assert error.where == server.url + "/metrics"
    assert "s3cret" not in str(error) and "hidden" not in str(error)  # noqa: PT018


def test_nobody_there_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "the connection failed" in refused(f"http://127.0.0.1:{free.getsockname()[1]}/metrics").what


@pytest.mark.parametrize(
    "answer",
    [hang, trickle(b"HTTP/1.1 200 X\r\ncontent-type: text/plain\r\n\r\n", b"a 1\n"), trickle(b"HTTP/1.1 200 X\r\n", b"x: y\r\n")],
)
def test_one_deadline_holds_for_the_whole_answer(answer: Answer) -> None:
    with scripted(answer) as server:
        began = time.monotonic()
        with pytest.raises(CollectError) as error:
            scrape_once(replace(target(server.url), timeout=timedelta(milliseconds=300)))
    assert "within 0.3 s" in error.value.what
    assert time.monotonic() - began < 2


def test_a_page_of_100_mb_is_cut_off_long_before_its_end() -> None:
    sent = 0

    def endless(connection: socket.socket, _: str) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 X\r\ncontent-type: text/plain\r\ncontent-length: 100000000\r\n\r\n")
        for chunk in repeat(b'a{b="c"} 1\n' * 10_000, 910):
            connection.sendall(chunk)
            sent += len(chunk)

    with scripted(endless) as server:
        assert "over 2,000,000 bytes" in refused(server.url, max_bytes=2_000_000).what
    assert sent < 50_000_000


def test_a_redirect_is_followed_and_credentials_stay_at_home() -> None:
    with serving() as onward:
        there = onward.url.replace("127.0.0.1", "localhost")
        for answer in (http(b"", 302, location=there), http(b"", 307, location=there)):
            with scripted(answer) as server:
                assert len(scrape_once(target(server.url.replace("//", "//user:pw@"), token="s3cret")).values) == 1
    assert [headers.get("Authorization") for headers in onward.seen] == [None, None]


def hops(onward: str) -> Iterator[Answer]:
    yield http(b"", 301, location="/elsewhere")
    yield page(b"a 1\n")


def test_a_redirect_on_the_same_host_keeps_the_token() -> None:
    with scripted(*hops("")) as server:
        scrape_once(target(server.url + "/metrics"))
        assert [request.split()[1] for request in server.requests] == ["/metrics", "/elsewhere"]


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a:99999/", "http://\x00/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((CollectError, ValueError)):
        scrape_once(target(url))
