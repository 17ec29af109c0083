"""A real server, as an operator runs it: pushed to, asked, and read by the commands that find it."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from roomleft.settings import ROOT
from tests.chaos.server import JOBS_AT_TIMES, START_S, Server

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve") / "data", JOBS_AT_TIMES)
    running.data_dir.mkdir()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def http(server: Server) -> httpx.Client:
    assert server.http is not None
    return server.http


def command(server_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the command line, in a folder of its own, told where the data is."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")} | {
        "ROOMLEFT_DATA_DIR": str(server_dir)
    }
    return subprocess.run(
        [sys.executable, "-m", "roomleft", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


def event(number: str, **more: Any) -> dict[str, Any]:
    made = {
        "id": number, "occurred_at": (NOW - timedelta(minutes=5)).isoformat(), "platform": "scribe", "provider": "gemini", "model": "flash",
        "request_type": "npc_dialogue", "tier": "free", "user_id": "ada", "input_tokens": 1000, "output_tokens": 500, "latency_ms": 740.0,
    }  # fmt: skip
    return made | more


def test_events_are_priced_before_they_are_acknowledged(http: httpx.Client) -> None:
    answer = http.post("/api/v1/usage", content=orjson.dumps([event("priced-1")])).json()
    assert answer == {"rows_read": 1, "rows_added": 1, "rows_duplicate": 0, "rows_rejected": 0, "rejected": []}
    rows = http.post(
        "/api/v1/sql", json={"query": "SELECT cost_usd, cost_state FROM cost_entries WHERE event_id = 'priced-1'"}
    ).json()["rows"]
    # 1 500 tokens at $0.000002 each.
    assert [(Decimal(row["cost_usd"]), row["cost_state"]) for row in rows] == [(Decimal("0.003"), "priced")]


def test_bytes_of_a_question_are_told_by_their_number(http: httpx.Client) -> None:
    told = http.post("/api/v1/sql", json={"query": "SELECT 'abc'::BLOB AS packed, ['a'::BLOB] AS many"})
    assert (told.status_code, told.json()["rows"]) == (200, [{"packed": "<3 bytes>", "many": ["<1 byte>"]}])


@pytest.mark.parametrize("form", ["array", "ndjson", "gzip"])
def test_every_form_of_body_is_read_and_the_same_twice_adds_nothing(http: httpx.Client, form: str) -> None:
    events = [event(f"{form}-{n}") for n in range(3)]
    body = orjson.dumps(events) if form == "array" else b"\n".join(orjson.dumps(e) for e in events)
    headers = {"content-encoding": "gzip"} if form == "gzip" else {}
    content = gzip.compress(body) if form == "gzip" else body
    first = http.post("/api/v1/usage", content=content, headers=headers).json()
    second = http.post("/api/v1/usage", content=content, headers=headers).json()
    assert (first["rows_added"], second["rows_added"], second["rows_duplicate"]) == (3, 0, 3)


def test_a_bad_record_costs_only_itself_and_is_kept_with_its_reason(http: httpx.Client) -> None:
    body = [
        event("good-1"),
        event("bad-1", input_tokens=-1),
        event("bad-2", occurred_at="2026-11-20T10:00:00"),
        event("bad-3", platform="scrib"),
    ]
    answer = http.post("/api/v1/usage", content=orjson.dumps(body))
    assert answer.status_code == 200
    found = answer.json()
    assert (found["rows_added"], found["rows_rejected"]) == (1, 3)
    assert [(row["line"], row["field"]) for row in found["rejected"]] == [
        (2, "input_tokens"),
        (3, "occurred_at"),
        (4, "platform"),
    ]
    assert "scribe" in found["rejected"][2]["reason"]
    kept = http.post(
        "/api/v1/sql", json={"query": "SELECT event_id FROM rejected WHERE event_id LIKE 'bad-%' ORDER BY 1"}
    ).json()["rows"]
    assert [row["event_id"] for row in kept] == ["bad-1", "bad-2", "bad-3"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/api/v1/usage", b"not json", 422),
        ("POST", "/api/v1/usage", orjson.dumps([event("x", output_tokens="many")]), 422),
        ("POST", "/api/v1/sql", b'{"query": "SELECT * FROM read_csv(\'/etc/passwd\')"}', 400),
        ("POST", "/api/v1/sql", b'{"query": "DELETE FROM ai_usage"}', 400),
        ("POST", "/api/v1/sql", b"[]", 422),
        ("GET", "/api/v1/usage/summary?by=colour", b"", 422),
        ("GET", "/api/v1/usage/summary?since=2026-11-21", b"", 422),
        ("GET", "/api/v1/usage/summary?since=2026-11-21T00:00:00Z&until=2026-11-20T00:00:00Z", b"", 422),
        ("GET", "/api/v1/absent", b"", 404),
        ("PUT", "/api/v1/usage", b"", 405),
    ],
)
def test_what_is_wrong_answers_in_the_one_error_shape(
    http: httpx.Client, method: str, path: str, content: bytes, status: int
) -> None:
    answer = http.request(method, path, content=content)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"what", "where", "hint"}
    assert all(error.values())


def test_a_declared_gigabyte_is_refused_unread(http: httpx.Client) -> None:
    assert http.build_request("POST", "/api/v1/usage").url  # the address the raw request below goes to
    request = f"POST /api/v1/usage HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {http.headers['authorization']}\r\nContent-Length: {2**30}\r\n\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port or 80), timeout=20) as raw:
        raw.sendall(request.encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


def test_nothing_but_the_probes_answers_the_unauthenticated(http: httpx.Client) -> None:
    with httpx.Client(base_url=http.base_url, trust_env=False) as stranger:
        assert stranger.get("/healthz").status_code == 200
        assert stranger.get("/readyz").status_code in (200, 503)
        for path in (
            "/api/v1/headroom",
            "/api/v1/usage/summary",
            "/metrics",
            "/api/docs",
            "/api/openapi.json",
            "/_dash-layout",
            "/",
        ):
            assert stranger.get(path).status_code == 401, path
        assert stranger.post("/api/v1/usage", content=b"[]").status_code == 401
        wrong = stranger.get("/api/v1/headroom", headers={"authorization": "Bearer wrong"})
        assert wrong.status_code == 401


def test_a_token_opens_what_its_scope_says(server: Server, http: httpx.Client) -> None:
    made = command(server.data_dir, "token", "add", "pusher", "--scope", "ingest")
    assert made.returncode == 0, made.stderr
    token = made.stdout.splitlines()[-1]
    with httpx.Client(base_url=http.base_url, headers={"authorization": f"Bearer {token}"}, trust_env=False) as pusher:
        assert pusher.post("/api/v1/usage", content=orjson.dumps([event("by-token")])).json()["rows_added"] == 1
        assert pusher.get("/api/v1/headroom").status_code == 403
        # Only an administrator may say whose rows these are.
        pusher.post("/api/v1/usage", content=orjson.dumps([event("by-token-2")]), headers={"x-roomleft-source": "forged"})
    query = "SELECT DISTINCT source FROM ai_usage WHERE event_id LIKE 'by-token%'"
    assert http.post("/api/v1/sql", json={"query": query}).json()["rows"] == [{"source": "push:pusher"}]
    assert command(server.data_dir, "token", "revoke", "pusher").returncode == 0
    assert command(server.data_dir, "token", "revoke", "pusher").returncode == 1
    assert "pusher" in command(server.data_dir, "token", "list").stdout


def test_status_gives_every_limit_in_the_promised_form_and_says_the_worst_state_by_its_exit_code(
    server: Server, http: httpx.Client
) -> None:
    # The first event brings its platform into use: at once its limits on usage, at the next measurement all others.
    http.post("/api/v1/usage", content=orjson.dumps([event("measured")]))
    deadline = time.monotonic() + START_S
    while not any(row["state"] == "unknown" for row in http.get("/api/v1/headroom").json()):
        assert time.monotonic() < deadline, "nothing was measured"
        time.sleep(0.05)
    found = command(server.data_dir, "status", "--json")
    rows = json.loads(found.stdout)
    promised = "limit_id platform kind amount unit used remaining fraction_left state reason burn_rate exhausts_at p_breach as_of".split()
    assert rows
    assert all(set(promised) <= set(row) for row in rows)
    assert all(isinstance(row["amount"], str) for row in rows)
    assert {row["limit_id"] for row in rows} == {row["limit_id"] for row in http.get("/api/v1/headroom").json()}
    # No source sends samples here: those limits are unknown, with the reason, and the exit code says so.
    assert found.returncode == 2
    assert all(row["reason"] for row in rows if row["state"] == "unknown")


def test_sql_and_import_go_through_the_server_that_owns_the_store(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f"when,prompt_tokens,reply_tokens\n{NOW.isoformat()},10,5\n{NOW.isoformat()},20,7\n{NOW.isoformat()},-3,1\n")
    words = ("import", str(file), "--as", "usage", "--platform", "scribe", "--set", "provider=gemini,model=flash", "--json")
    words += ("--map", "when=occurred_at,prompt_tokens=input_tokens,reply_tokens=output_tokens")
    first = command(server.data_dir, *words)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout) == {"rows_read": 3, "rows_added": 2, "rows_duplicate": 0, "rows_rejected": 1}
    assert json.loads(command(server.data_dir, *words).stdout) == {
        "rows_read": 3,
        "rows_added": 0,
        "rows_duplicate": 2,
        "rows_rejected": 1,
    }
    asked = command(
        server.data_dir, "sql", "SELECT sum(output_tokens)::BIGINT AS n FROM ai_usage WHERE source = 'import:scribe'", "--json"
    )
    assert json.loads(asked.stdout) == [{"n": 12}]
    refused = command(server.data_dir, "sql", "DROP TABLE ai_usage")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")


def test_a_second_server_in_the_folder_or_on_the_port_says_who_is_there(
    server: Server, http: httpx.Client, tmp_path: Path
) -> None:
    again = command(server.data_dir, "serve")
    assert again.returncode == 1
    assert "already running" in again.stderr
    taken = command(tmp_path / "other", "serve", "--port", str(http.base_url.port))
    assert taken.returncode == 1
    assert "--port" in taken.stderr
    demo = command(server.data_dir, "demo")
    assert demo.returncode == 1


def test_metrics_are_given_in_the_form_that_is_asked_for(http: httpx.Client) -> None:
    text = http.get("/metrics")
    assert "roomleft_ingested_rows_total" in text.text
    assert "roomleft_job_runs_total" in text.text
    openmetrics = http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_the_api_page_names_every_route(http: httpx.Client) -> None:
    paths = http.get("/api/openapi.json").json()["paths"]
    page = http.get("/api/docs").text
    assert {"/api/v1/usage", "/api/v1/headroom", "/api/v1/usage/summary", "/metrics", "/healthz", "/readyz"} <= set(paths)
    assert all(path in page for path in paths)
    assert "<script" not in page


def test_the_doctor_finds_the_server(server: Server) -> None:
    found = {row["subject"]: row for row in json.loads(command(server.data_dir, "doctor", "--json").stdout)}
    assert {"python", "packages", "settings", "data folder", "packs", "server", "warehouse"} <= set(found)
    assert found["warehouse"]["ok"]
