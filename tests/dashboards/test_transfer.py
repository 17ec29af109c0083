"""How the page's own files travel: compressed once in the best way the browser knows, kept for a year where the address names a version."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from typing import Any

import brotli
import pytest

from dashboards.parts import Parts
from dashboards.transfer import FOR_A_YEAR, Transfer
from tests.dashboards.conftest import Driven
from tests.dashboards.sample_rows import sample_parts

BODY = b"window.rooms = 'left'; " * 200
VERSIONED = "/_dash-component-suites/dash/dcc/graph.v4_4_1m1795250172.js"
PLAIN = "/_dash-component-suites/dash/dcc/async-graph.js"
UNPACK: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress, "": lambda body: body}


class Files:
    """What stands behind: one script, and how often it was read."""

    def __init__(self) -> None:
        self.read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.read += 1
        headers = [(b"content-type", b"text/javascript"), (b"content-length", str(len(BODY)).encode()), (b"etag", b"one")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


async def get(app: Any, path: str, accept: str = "", query: bytes = b"") -> tuple[dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"accept-encoding", accept.encode())] if accept else []
    await app({"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": query}, receive, send)
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}, b"".join(
        each.get("body", b"") for each in sent[1:]
    )


ACCEPTED = {
    "a browser": ("gzip, deflate, br, zstd", "br"),
    "an old one": ("gzip", "gzip"),
    "one that refuses brotli": ("gzip, br;q=0", "gzip"),
    "a program": ("", ""),
    "one that knows neither": ("deflate", ""),
}


@pytest.mark.parametrize(("accept", "encoding"), ACCEPTED.values(), ids=ACCEPTED)
def test_the_best_encoding_that_is_understood(accept: str, encoding: str) -> None:
    headers, body = asyncio.run(get(Transfer(Files()), VERSIONED, accept))
    assert headers.get("content-encoding", "") == encoding
    assert UNPACK[encoding](body) == BODY
    assert headers["cache-control"] == FOR_A_YEAR
    assert int(headers["content-length"]) == len(body)


def test_a_file_is_read_and_compressed_once_for_each_encoding() -> None:
    files = Files()

    async def run() -> None:
        transfer = Transfer(files)
        for accept in ("br", "br", "gzip", "gzip", "br"):
            await get(transfer, VERSIONED, accept)

    asyncio.run(run())
    assert files.read == 2


def test_an_address_without_a_version_is_asked_after_again() -> None:
    async def run() -> list[str | None]:
        transfer = Transfer(Files())
        asked = ((PLAIN, b""), ("/assets/roomleft.js", b"m=1795250027.05"), ("/assets/roomleft.js", b""))
        return [(await get(transfer, path, "br", query))[0].get("cache-control") for path, query in asked]

    assert asyncio.run(run()) == [None, FOR_A_YEAR, None]


@pytest.mark.parametrize(
    "name",
    ["nothing/x.js", "dash/none.js", "dash/%2e%2e/x.py", "os/path.py", "dash/", "dash", "%00/x.js", "dash/" + "a" * 5000, "dash/deps/../x.js", "dash/\u202e.js"],
)  # fmt: skip
def test_a_file_that_dash_does_not_serve_is_not_found(pages: Driven, name: str) -> None:
    answer = pages.client.get(f"/_dash-component-suites/{name}")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["what"] == "there is no such file"
    assert error["hint"] == "reload the page: it may be of an earlier version"
    assert len(error["where"]) < 200


def test_every_file_that_a_page_names_is_served_also_before_any_page_was(make_pages: Callable[[Parts], Driven]) -> None:
    named = re.findall(r'"(/_dash-component-suites/[^"]+)"', make_pages(sample_parts(filled=False)).client.get("/").text)
    assert len(named) > 5
    fresh = make_pages(sample_parts(filled=False))
    assert {fresh.client.get(each).status_code for each in named} == {200}
