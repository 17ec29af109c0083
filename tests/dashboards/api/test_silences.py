"""Silences and acknowledgements over HTTP: Alertmanager's shape, clear errors, and nothing that a GET changes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from alerts.book import Book
from dashboards.api.acknowledge import make_acknowledge_api
from dashboards.api.program import install_errors
from dashboards.api.silences import make_silence_api
from dashboards.door.door import Door
from dashboards.parts import Parts
from roomleft.findings import Severity
from tests.alerts.made import FINE, rule
from tests.alerts.paging import HOUR, Paged, alerting, quick_state, slow
from tests.dashboards.sample_rows import NOW, sample_parts
from warehouse.state import Audit, Scope, Sessions, SignIn, StateDb, Tokens

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

FILE = alerting(
    {"receiver": "ops", "repeat_interval": "30d"},
    maintenance=[
        {
            "name": "Backups",
            "match": ["platform=shop"],
            "recurring": {"since": "01:00", "until": "02:30", "zone": "Europe/Berlin"},
        }
    ],
)


@dataclass
class Shop:
    """A server with two alerts that fire."""

    client: TestClient
    watch: Paged
    db: StateDb
    evaluated: list[str]

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]

    def listed(self, **query: str) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.client.get("/api/v1/silences", params=query).json()}

    @property
    def episode(self) -> str:
        return self.watch.run.alerts[0].episode


@pytest.fixture(scope="module")
def sample() -> Iterator[Parts]:
    parts = sample_parts()
    yield parts
    parts.store.close()


@pytest.fixture
def shop(tmp_path: Path, sample: Parts) -> Iterator[Shop]:
    with quick_state(tmp_path) as db:
        yield _served(db, sample)


def _served(db: StateDb, sample: Parts) -> Shop:
    watch = Paged(db, FILE, rule(severity=Severity.CRITICAL), at=NOW)
    watch.beat(slow("r1", "r2"))
    evaluated: list[str] = []
    parts = dataclasses.replace(
        sample,
        state=db,
        alerting=lambda: FILE,
        alerts=lambda: Book(db).active(NOW),
        responded=lambda: evaluated.append("at once"),
    )
    app = FastAPI()
    install_errors(app)
    app.include_router(make_silence_api(parts))
    app.include_router(make_acknowledge_api(parts))
    door = Door(app, tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db))
    token = Tokens(db).add("ana", {Scope.ADMIN})
    client = TestClient(door, base_url="http://127.0.0.1:8470", headers={"Authorization": f"Bearer {token}"})
    return Shop(client, watch, db, evaluated)


def test_made_listed_prolonged_and_ended(shop: Shop) -> None:
    number = shop.post("/api/v1/silences", matchers=["platform=shop"], **{"for": "30m"}, comment="deploy")["silenceID"]
    found = shop.listed()[number]
    assert (found["status"]["state"], found["createdBy"], found["comment"], found["hides"]) == ("active", "ana", "deploy", 2)
    assert found["notice"] == "hides 2 firing alerts; ends in 30\u202fmin"
    shop.post("/api/v1/silences", id=number, **{"for": "3h"})
    assert shop.listed()[number]["endsAt"] == "2026-11-20T15:00:00Z"
    assert shop.client.delete(f"/api/v1/silences/{number}").json() == {"silenceID": number, "status": {"state": "expired"}}
    assert number not in shop.listed(state="active")
    assert shop.listed(state="expired")[number]["endedBy"] == "ana"
    error = shop.post("/api/v1/silences", 422, id=number, **{"for": "3h"})
    assert "what has ended stays so" in error["what"]
    assert error["hint"] == "make a new one with the same matchers"
    assert [entry.what for entry in Audit(shop.db).recent(3)] == ["end silence", "prolong silence", "silence"]


def test_windows_of_the_file_are_listed_and_cannot_be_ended(shop: Shop) -> None:
    window = shop.listed()[""]
    assert (window["source"], window["comment"], window["status"]["state"]) == ("alerting.yaml", "Backups", "pending")
    assert window["holdsNext"] == "2026-11-21T00:00:00Z"
    assert shop.client.delete("/api/v1/silences/0").status_code == 422


def test_a_conflict_names_the_other_and_replace_ends_it(shop: Shop) -> None:
    first = shop.post("/api/v1/silences", matchers=["replica=r1"], **{"for": "2h"})["silenceID"]
    error = shop.post("/api/v1/silences", 422, matchers=['replica="r1"'], **{"for": "1h"})
    assert error["where"] == f"silence {first}"
    second = shop.post("/api/v1/silences", matchers=["replica=r1"], replace=True, **{"for": "1h"})["silenceID"]
    assert {number: each["status"]["state"] for number, each in shop.listed().items() if number} == {
        first: "expired",
        second: "active",
    }


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"matchers": ["alertname=~.*"], "for": "1h"}, "matchers"),
        ({"matchers": ["a=b"], "for": "1h", "all": "yes"}, "all"),
        ({"id": "x", "for": "1h"}, "id"),
        ({"id": "99", "for": "1h"}, "silences"),
        ([], "/api/v1/silences"),
    ],
)
def test_what_is_refused_says_where(shop: Shop, body: Any, where: str) -> None:
    answer = shop.client.post("/api/v1/silences", json=body)
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, where)
    assert answer.json()["error"]["hint"]


def test_what_it_matches_cannot_be_edited(shop: Shop) -> None:
    number = shop.post("/api/v1/silences", matchers=["replica=r1"], **{"for": "2h"})["silenceID"]
    error = shop.post("/api/v1/silences", 422, id=number, matchers=["replica=r2"], **{"for": "2h"})
    assert "matchers of a silence cannot be changed" in error["what"]
    same = shop.client.get(f"/api/v1/silences/{number}").json()
    shop.post("/api/v1/silences", id=number, matchers=same["matchers"], endsAt="2026-11-20T18:00:00Z", comment=same["comment"])


def test_an_alert_is_taken_on_and_given_back(shop: Shop) -> None:
    path = f"/api/v1/alerts/{shop.episode}/acknowledge"
    assert shop.post(path, note="looking", **{"for": "2h"})["until"] == "2026-11-20T14:00:00Z"
    (taken,) = shop.client.get(path).json()
    assert (taken["who"], taken["note"], taken["source"], taken["in_force"]) == ("ana", "looking", "api", True)
    assert shop.client.delete(path).json() == {"episode": shop.episode, "withdrawn": 1}
    assert shop.client.delete(path).status_code == 422
    assert [each["in_force"] for each in shop.client.get(path).json()] == [False]


def test_what_is_over_cannot_be_taken_on(shop: Shop) -> None:
    episode = shop.episode
    shop.watch.beat(FINE)
    error = shop.post(f"/api/v1/alerts/{episode}/acknowledge", 422)
    assert "this alert is over" in error["what"]
    assert shop.post("/api/v1/alerts/no-such/acknowledge", 422)["what"] == "there is no such episode of an alert"


@pytest.mark.parametrize(
    ("body", "where"),
    [({"for": "soon"}, "for"), ({"until": "2026-11-20T11:00:00Z"}, "until"), ({"until": "x"}, "until"), ({"who": "me"}, "body"), ({"note": 5}, "note")],
)  # fmt: skip
def test_a_wrong_acknowledgement_says_where(shop: Shop, body: dict[str, Any], where: str) -> None:
    assert shop.post(f"/api/v1/alerts/{shop.episode}/acknowledge", 422, **body)["where"] == where


def test_one_alert_is_silenced_for_an_hour(shop: Shop) -> None:
    made = shop.post(f"/api/v1/alerts/{shop.episode}/silence", note="known")
    assert made["endsAt"] == "2026-11-20T13:00:00Z"
    assert shop.listed()[made["silenceID"]]["hides"] == 1
    assert shop.watch.for_(HOUR / 2, slow("r1", "r2")) == []
    assert shop.post("/api/v1/alerts/no-such/silence", 422)["what"] == "there is no such episode of an alert"


def test_whoever_is_to_know_of_a_deed_is_told_at_once_not_at_the_next_evaluation(shop: Shop) -> None:
    alert = f"/api/v1/alerts/{shop.episode}"
    deeds = [
        lambda: shop.post(f"{alert}/acknowledge"),
        lambda: shop.client.delete(f"{alert}/acknowledge"),
        lambda: shop.post(f"{alert}/silence"),
        lambda: shop.post("/api/v1/silences", matchers=["replica=r2"], **{"for": "2h"}),
        lambda: shop.client.delete("/api/v1/silences/2"),
    ]
    for number, deed in enumerate(deeds, 1):
        deed()
        assert len(shop.evaluated) == number
    assert shop.client.delete("/api/v1/silences/2").status_code == 422
    assert shop.client.get("/api/v1/silences").status_code == 200
    assert len(shop.evaluated) == len(deeds), "what changes nothing is no reason"


def test_opening_links_changes_nothing(shop: Shop) -> None:
    """A mail scanner opens every link it finds, by GET and by HEAD."""
    before = [entry.what for entry in Audit(shop.db).recent()]
    for path in ("/api/v1/silences", f"/api/v1/alerts/{shop.episode}/acknowledge", f"/api/v1/alerts/{shop.episode}/silence"):
        for method in ("GET", "HEAD"):
            assert shop.client.request(method, path).status_code in (200, 405)
    assert [entry.what for entry in Audit(shop.db).recent()] == before
    assert shop.client.get(f"/api/v1/alerts/{shop.episode}/acknowledge").json() == []
    assert set(shop.listed()) == {""}
