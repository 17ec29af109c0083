"""A real server takes what a LiteLLM proxy posts: every form of body, by an ingest token, once, and without its texts."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from roomleft.clock import Clock
from tests.chaos.server import JOBS_AT_TIMES, Server
from tests.collectors.litellm.logged import MARKER, PACK, line
from warehouse.state import Scope, StateDb, Tokens

NOW = datetime.now(UTC)
DOOR = "/v1/litellm?platform=shop"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("litellm") / "data", JOBS_AT_TIMES)
    (running.data_dir / "packs").mkdir(parents=True)
    (running.data_dir / "packs" / "shop.yaml").write_text(PACK)
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[httpx.Client]:
    """A proxy that may only push."""
    state = StateDb.open(f"sqlite:///{server.data_dir / 'state.db'}", Clock())
    token = Tokens(state).add("proxy", {Scope.INGEST})
    state.close()
    assert server.http is not None
    with httpx.Client(base_url=server.http.base_url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        client.headers["x-test-token"] = token
        yield client


def called(name: str, **more: Any) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=5)).timestamp()
    times = {"startTime": at, "endTime": at + 1, "completionStartTime": at + 1}
    return line(id=name, litellm_call_id=f"call-{name}", **{**times, **more})


def asked(server: Server, query: str) -> list[dict[str, Any]]:
    assert server.http is not None
    rows: list[dict[str, Any]] = server.http.post("/api/v1/sql", json={"query": query}).raise_for_status().json()["rows"]
    return rows


@pytest.mark.parametrize("form", ["array", "ndjson", "single", "gzip"])
def test_every_form_of_body_is_taken_once(proxy: httpx.Client, form: str) -> None:
    calls = [called(f"{form}-{n}") for n in range(1 if form == "single" else 3)]
    body = {
        "array": orjson.dumps(calls),
        "ndjson": b"\n".join(orjson.dumps(call) for call in calls),
        "single": orjson.dumps(calls[0]),
        "gzip": gzip.compress(orjson.dumps(calls)),
    }[form]
    headers = {"content-encoding": "gzip"} if form == "gzip" else {}
    first, second = (proxy.post(DOOR, content=body, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()["rows_added"]) == (200, len(calls))
    assert (second.json()["rows_added"], second.json()["rows_duplicate"]) == (0, len(calls))


def test_a_call_is_priced_before_it_is_answered(server: Server, proxy: httpx.Client) -> None:
    proxy.post(
        DOOR, content=orjson.dumps([called("priced"), called("hit_cache_hit1795264218.5", cache_hit=True, response_cost=0.0)])
    )
    rows = asked(
        server,
        "SELECT response_id, cost_usd, cost_state FROM ai_usage JOIN cost_entries USING (source, event_id)"
        " WHERE response_id IN ('priced', 'cache:call-hit_cache_hit1795264218.5') ORDER BY 1",
    )
    assert [(Decimal(row["cost_usd"]), row["cost_state"]) for row in rows] == [(Decimal(0), "free"), (Decimal("0.003"), "priced")]


def test_what_two_sources_say_differently_is_shown(server: Server, proxy: httpx.Client) -> None:
    proxy.post(DOOR, content=orjson.dumps([called("twice")]))
    event = {
        "id": "other", "platform": "shop", "occurred_at": NOW.isoformat(), "provider": "openai", "model": "gpt-4o", "response_id": "twice",
        "input_tokens": 1300, "output_tokens": 300,
    }  # fmt: skip
    answer = proxy.post("/api/v1/usage", content=orjson.dumps([event])).json()
    assert (answer["rows_added"], answer["rows_duplicate"]) == (0, 1)
    (told,) = asked(server, "SELECT reason FROM rejected WHERE event_id = 'other'")
    assert told["reason"] == "two sources disagree; litellm counts: input_uncached_tokens 1200 stored, 1300 now"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (DOOR, b"", 422),
        (DOOR, b"[{", 422),
        (DOOR, b"hello", 422),
        (DOOR, b"[null]", 422),
        ("/v1/litellm?platform=shup", b"[]", 422),
        ("/v1/litellm", orjson.dumps([called("nobody's")]), 422),
        (DOOR, b"[]", 200),
    ],
)
def test_what_is_wrong_with_a_body_is_said(proxy: httpx.Client, path: str, body: bytes, status: int) -> None:
    answer = proxy.post(path, content=body)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"]["hint"]


def test_an_ingest_token_is_enough_and_opens_nothing_else(proxy: httpx.Client) -> None:
    assert proxy.post(DOOR, content=b"[]").status_code == 200
    assert proxy.get("/api/v1/headroom").status_code == 403
    bare = {"Authorization": "", "x-test-token": ""}
    assert proxy.post(DOOR, content=b"[]", headers=bare).status_code == 401


def test_no_text_and_no_secret_is_left_anywhere(server: Server, proxy: httpx.Client) -> None:
    """The last: it ends the server."""
    bad = called("bad", startTime=MARKER)
    metadata = {**called("x")["metadata"], "user_api_key_hash": "sk-a-secret-key"}
    answer = proxy.post(DOOR, content=orjson.dumps([called("text"), bad, MARKER, called("key", metadata=metadata)]))
    assert (answer.json()["rows_added"], answer.json()["rows_rejected"]) == (2, 2)
    assert MARKER not in answer.text
    server.stop()
    secret = str(proxy.headers["x-test-token"])
    files = [path for path in Path(server.data_dir).rglob("*") if path.is_file()] + [server.data_dir.parent / "data.log"]
    assert len(files) > 3
    for path in files:
        held = path.read_bytes()
        for kept in (MARKER, "sk-a-secret-key", secret):
            assert kept.encode() not in held, (path, kept)
