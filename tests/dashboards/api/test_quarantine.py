"""Refused rows are downloaded, corrected and sent again: nothing is lost, nothing doubled, and what was answered is forgotten."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.program import install_errors, make_api
from dashboards.api.quarantine import MARK, as_ndjson, make_quarantine
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.fixtures.asked import OWNER
from tests.fixtures.state import state_url
from warehouse.state import Audit, StateDb
from warehouse.writer import Writer


def event(number: str, **more: Any) -> dict[str, Any]:
    told = {"id": number, "occurred_at": NOW.isoformat(), "platform": "scribe", "provider": "gemini", "model": "flash"}
    return told | {"input_tokens": 10, "output_tokens": 5} | more


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    """A server with the API, the quarantine's routes and a writer."""
    parts = sample_parts(filled=False)
    state = StateDb.open(state_url(tmp_path), parts.clock)
    writer = Writer(parts.store, parts.clock)
    settings: Any = SimpleNamespace(demo=True, body_limit_mb=4)
    parts = dataclasses.replace(parts, writer=writer, state=state, settings=settings)
    app = FastAPI()
    install_errors(app)
    app.include_router(make_api(parts))
    app.include_router(make_quarantine(parts))
    writer.start()
    yield TestClient(app)
    writer.close()
    parts.store.close()
    state.close()


def push(http: TestClient, *records: object) -> dict[str, Any]:
    found: dict[str, Any] = http.post("/api/v1/usage", content=orjson.dumps(list(records))).json()
    return found


def downloaded(http: TestClient) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in http.get("/export/rejected.ndjson").content.splitlines()]


def resubmit(http: TestClient, rows: list[dict[str, Any]]) -> Any:
    return http.post("/api/v1/rejected/resubmit", content=b"\n".join(orjson.dumps(row) for row in rows))


def test_a_refused_row_is_corrected_and_stored_under_its_own_source(http: TestClient) -> None:
    push(http, event("good"), event("bad", input_tokens=-1), event("worse", input_tokens=-2))
    rows = downloaded(http)
    assert [row[MARK]["line"] for row in rows] == [2, 3]
    assert {row[MARK]["source"] for row in rows} == {"push:push"}
    assert "input_tokens" in rows[0][MARK]["reason"]
    rows[0]["input_tokens"] = 10

    found = resubmit(http, rows).json()
    counted = {name: found[name] for name in ("rows_read", "rows_added", "rows_rejected", "released")}
    assert counted == {"rows_read": 2, "rows_added": 1, "rows_rejected": 1, "released": 2}
    left = downloaded(http)
    assert [row["input_tokens"] for row in left] == [-2], "what is still wrong is refused anew, once"

    again = resubmit(http, rows[:1]).json()
    assert (again["rows_added"], again["rows_duplicate"], again["released"]) == (0, 1, 0)


def test_the_list_says_how_many_and_why(http: TestClient) -> None:
    push(http, event("a", input_tokens=-1), event("b", modell="x"), event("c", input_tokens=-1))
    found = http.get("/api/v1/rejected").json()
    assert [(each["stream"], each["refused_rows"]) for each in found["counts"]] == [("usage", 3)]
    assert "input_tokens" in found["counts"][0]["usual_reason"]
    assert http.get("/api/v1/rejected?source=nobody").json() == {"counts": [], "rows": []}


def test_people_are_not_kept_and_must_be_filled_in(http: TestClient) -> None:
    push(http, event("a", user_id="someone@example.org", input_tokens=-1))
    (row,) = downloaded(http)
    assert row["user_id"] == "…"
    row["input_tokens"] = 1
    answer = resubmit(http, [row])
    assert answer.status_code == 422
    assert "user_id still stands as …" in answer.json()["error"]["what"]
    row["user_id"] = "someone@example.org"
    assert resubmit(http, [row]).json()["rows_added"] == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no row"),
        (b"nonsense", "line 1"),
        (b'{"id":"a"}', MARK),
        (b'{"_quarantine":{"row_id":"x","source":"s","stream":"deploys"}}', "cannot be sent again"),
        (b'{"_quarantine":7}', MARK),
        (b"[1]", MARK),
    ],
)
def test_a_file_that_is_wrong_sends_nothing(http: TestClient, body: bytes, words: str) -> None:
    push(http, event("a", input_tokens=-1))
    answer = http.post("/api/v1/rejected/resubmit", content=body)
    assert answer.status_code == 422
    assert words in str(answer.json()["error"])
    assert len(downloaded(http)) == 1


def test_a_row_that_held_no_record_is_listed_too() -> None:
    row = {"row_id": "x", "source": "s", "stream": "usage", "reason": "not JSON", "line": 3, "rejected_at": NOW, "content": None}
    assert orjson.loads(as_ndjson([row]))[MARK]["reason"] == "not JSON"


def test_a_record_cannot_take_the_place_of_its_own_refusal(http: TestClient) -> None:
    push(http, event("a", input_tokens=-1, **{MARK: 7}))
    (row,) = downloaded(http)
    assert row[MARK]["stream"] == "usage"
    assert resubmit(http, [{**row, "input_tokens": 1}]).json()["rows_added"] == 1


def test_a_corrected_row_wakes_the_pack_of_its_platform_as_a_pushed_one_does(tmp_path: Path) -> None:
    parts = sample_parts(filled=False)
    state = StateDb.open(state_url(tmp_path), parts.clock)
    everyone, woken = dict(parts.packs), set[str]()
    writer = Writer(parts.store, parts.clock)
    settings: Any = SimpleNamespace(demo=False, body_limit_mb=4)

    def wake(slugs: Collection[str]) -> Collection[str]:
        woken.update(slugs)
        return tuple(everyone)

    parts = dataclasses.replace(parts, writer=writer, state=state, settings=settings, packs={}, wake_packs=wake)
    app = FastAPI()
    install_errors(app)
    app.include_router(make_api(parts))
    app.include_router(make_quarantine(parts))
    writer.start()
    client = TestClient(app)
    push(client, event("a", input_tokens=-1))
    (row,) = downloaded(client)
    said = resubmit(client, [{**row, "input_tokens": 1}]).json()
    (deed,) = Audit(state).recent()
    writer.close()
    parts.store.close()
    state.close()
    assert (deed.who, deed.what, deed.detail["rows_added"]) == (OWNER.name, "resubmit", 1)
    assert (said["rows_added"], woken) == (1, {"scribe"})
