"""Bodies a real server must survive: each is answered by name, place and remedy, and what stands beside it is stored."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.chaos.server import Server

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    server = Server(tmp_path_factory.mktemp("bad-bodies") / "data", {"ROOMLEFT_QUEUE_ROWS": "1000"})
    server.data_dir.mkdir()
    server.start()
    assert server.http is not None
    yield server.http
    server.stop()


def event(number: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "occurred_at": (NOW - timedelta(minutes=5)).isoformat(), "platform": "scribe", "provider": "gemini", "model": "flash",
        "input_tokens": 10, "output_tokens": 5,
    } | more  # fmt: skip


def ask(http: httpx.Client, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = http.post("/api/v1/sql", json={"query": query}).json()["rows"]
    return rows


BAD: dict[str, tuple[object, str]] = {
    "NaN": (event("", latency_ms="NaN"), "latency_ms"),
    "Inf": (event("", cost_hint="Infinity"), "cost_hint"),
    "naive": (event("", occurred_at="2026-11-20T10:00:00"), "occurred_at"),
    "far future": (event("", occurred_at="2040-01-01T00:00:00Z"), "occurred_at"),
    "absurd": (event("", occurred_at="9999999-01-01T00:00:00Z"), "occurred_at"),
    "1970": (event("", occurred_at="1970-01-01T00:00:00Z"), "occurred_at"),
    "negative": (event("", input_tokens=-1), "input_tokens"),
    "huge": (event("", input_tokens=2**53), "input_tokens"),
    "unknown platform": (event("", platform="scrib"), "platform"),
    "a word for a count": (event("", input_tokens="many"), "input_tokens"),
    "a number for a word": (event("", model=5), "model"),
    "unknown field": (event("", modell="x"), "modell"),
    "null": (None, ""),
    "a list": ([], ""),
}


def test_every_bad_record_costs_only_itself(http: httpx.Client) -> None:
    records: list[object] = [event("beside-1")]
    for number, (record, _) in enumerate(BAD.values()):
        records.append({**record, "id": f"bad-body-{number}"} if isinstance(record, dict) else record)
    records.append(event("beside-2"))
    answer = http.post("/api/v1/usage", content=orjson.dumps(records))
    assert answer.status_code == 200
    found = answer.json()
    assert (found["rows_added"], found["rows_rejected"]) == (2, len(BAD))
    assert {row["line"] - 2: row["field"] or "" for row in found["rejected"]} == dict(
        enumerate(field for _, field in BAD.values())
    )
    assert len(ask(http, "SELECT event_id FROM ai_usage WHERE event_id LIKE 'beside-%'")) == 2


def test_duplicate_and_out_of_order_events(http: httpx.Client) -> None:
    late = [event("late-2", occurred_at=(NOW - timedelta(days=20)).isoformat()), event("late-1", occurred_at=(NOW - timedelta(days=40)).isoformat())]  # fmt: skip
    first = http.post("/api/v1/usage", content=orjson.dumps([*late, late[0]])).json()
    assert (first["rows_added"], first["rows_duplicate"]) == (2, 1)
    again = http.post("/api/v1/usage", content=orjson.dumps([*late, event("late-2")])).json()
    assert (again["rows_added"], again["rows_duplicate"], again["rows_rejected"]) == (0, 2, 1)
    assert "`rejected`" in again["rejected"][0]["reason"]
    reasons = ask(http, "SELECT reason FROM rejected WHERE event_id = 'late-2'")
    assert "another time" in reasons[0]["reason"]


def test_an_event_that_would_cost_millions_is_refused_alone(http: httpx.Client) -> None:
    dear = event("dear", model="imagen", input_tokens=10**12)
    found = http.post("/api/v1/usage", content=orjson.dumps([event("cheap-1"), event("dear", input_tokens=10**12), event("cheap-2")])).json()  # fmt: skip
    assert (found["rows_added"], found["rows_rejected"]) == (2, 1)
    assert "`rejected`" in found["rejected"][0]["reason"]
    rows = ask(http, "SELECT field, reason FROM rejected WHERE event_id = 'dear'")
    assert [row["field"] for row in rows] == ["cost_usd"]
    assert "million dollars" in rows[0]["reason"]
    # Without a price there is nothing to overflow: it is stored, as unpriced.
    unpriced = http.post("/api/v1/usage", content=orjson.dumps([{**dear, "id": "dear-2", "model": "unheard-of"}])).json()
    assert unpriced["rows_added"] == 1
    total = ask(http, "SELECT sum(cost_usd) AS usd FROM cost_entries WHERE event_id IN ('cheap-1', 'cheap-2', 'dear')")
    assert Decimal(str(total[0]["usd"])) == Decimal("0.00006")


@pytest.mark.parametrize("kind", ["usage", "samples", "business"])
def test_a_broken_array_is_told_by_record_and_byte(http: httpx.Client, kind: str) -> None:
    whole = orjson.dumps([event(f"broken-{n}", team="Füchse") for n in range(3)])
    cut = whole.rindex(b'"input_tokens"')
    answer = http.post(f"/api/v1/{kind}", content=whole[:cut] + b"NaN" + whole[cut:])
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["where"] == f"body: record 3, byte {cut:,}"
    assert "nothing of it was stored" in error["hint"]
    assert not ask(http, "SELECT 1 FROM ai_usage WHERE event_id LIKE 'broken-%'")


@pytest.mark.parametrize(
    "body",
    [b"5", b'"text"', b"null", b"\xef\xbb\xbf{}", "[]".encode("utf-16"), b"[" * 100_000, b'{"a":' * 5_000, bytes(range(256))],
    ids=["number", "text", "null", "byte order mark", "UTF-16", "deep", "deep object", "binary"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["usage", "samples", "business"])
def test_what_is_no_record_at_all_is_an_error_in_the_one_shape(http: httpx.Client, kind: str, body: bytes) -> None:
    answer = http.post(f"/api/v1/{kind}", content=body)
    assert answer.status_code == 422
    assert all(answer.json()["error"].values())


def test_a_gzip_bomb_and_a_body_without_end_are_refused_before_they_are_taken_in(http: httpx.Client) -> None:
    bomb = http.post("/api/v1/usage", content=gzip.compress(b"0" * 2**27), headers={"content-encoding": "gzip"})
    assert bomb.status_code == 413
    assert "64 MB" in bomb.json()["error"]["what"]
    address = (http.base_url.host, http.base_url.port)
    chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    with socket.create_connection(address, timeout=20) as wire:
        head = f"POST /api/v1/usage HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: {http.headers['authorization']}\r\n"
        wire.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(80):
            wire.sendall(chunk)
        # The answer is there before the sender is done.
        assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert http.get("/healthz").status_code == 200


def test_html_emoji_and_right_to_left_texts_are_kept_letter_by_letter(http: httpx.Client) -> None:
    odd = {"model": "<script>alert(1)</script>", "team": "\u202eevil 🎉", "feature": "<img src=x onerror=alert(1)>"}
    assert http.post("/api/v1/usage", content=orjson.dumps([event("odd", **odd, attributes={"<b>": "שלום"})])).status_code == 200
    row = ask(http, "SELECT model, team, feature, attributes['<b>'] AS a FROM ai_usage WHERE event_id = 'odd'")[0]
    assert row == {**odd, "a": "שלום"}
    page = http.get("/api/docs").text + http.get("/platforms/scribe/cost").text
    assert "<script>alert" not in page


def test_a_full_queue_is_429_with_retry_after_and_nothing_is_lost(http: httpx.Client) -> None:
    bodies = [orjson.dumps([event(f"crowd-{body}-{n}") for n in range(900)]) for body in range(8)]
    told: list[httpx.Response] = []

    def push(body: bytes) -> None:
        for _ in range(200):
            answer = http.post("/api/v1/usage", content=body)
            told.append(answer)
            if answer.status_code != 429:
                return

    with ThreadPoolExecutor(len(bodies)) as pool:
        list(pool.map(push, bodies))
    full = [answer for answer in told if answer.status_code == 429]
    assert full
    assert all(int(answer.headers["retry-after"]) >= 1 and all(answer.json()["error"].values()) for answer in full)
    assert ask(http, "SELECT count(*)::INT AS n FROM ai_usage WHERE event_id LIKE 'crowd-%'") == [{"n": 7200}]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/v1/usage/summary?until=9999-12-31T23:59:59Z", "until"),
        ("/api/v1/usage/summary?since=0001-01-01T00:00:00Z", "since"),
        ("/api/v1/usage/summary?platform=scrib", "platform"),
        ("/api/v1/headroom?platform=scrib", "platform"),
        ("/api/v1/headroom?state=fine", "state"),
    ],
)
def test_a_wrong_parameter_is_named(http: httpx.Client, path: str, named: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 422
    assert named in answer.json()["error"]["where"]
    assert all(answer.json()["error"].values())


def test_a_bad_token_is_401_and_a_missing_scope_403(http: httpx.Client, tmp_path: Path) -> None:
    for given in ({}, {"authorization": "Bearer nope"}, {"authorization": "Basic abc"}):
        answer = httpx.post(str(http.base_url).rstrip("/") + "/api/v1/usage", content=b"[]", headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert all(answer.json()["error"].values())
