"""Rules and alerts over HTTP in the shape of Prometheus' API, and the ledger of deliveries."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerts.acknowledgements import Acknowledgements
from dashboards import alert_rows
from dashboards.api.alerts import number
from dashboards.api.program import install_errors
from dashboards.door.asking import asked_by
from dashboards.on_call_routes import make_on_call
from tests.dashboards.alert_world import AlertWorld, alert_world
from tests.dashboards.sample_rows import NOW
from tests.fixtures.asked import somebody
from warehouse.state import Role

RULE_KEYS = {
    "state", "name", "query", "duration", "keepFiringFor", "labels", "annotations", "alerts", "health", "evaluationTime", "lastEvaluation", "type",
}  # fmt: skip
"""What Prometheus gives of an alerting rule; `lastError` only where there is one."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertWorld]:
    made = alert_world(tmp_path_factory.mktemp("api"))
    Acknowledgements(made.state).take(made.alerts["slow"].episode, who="ana", now=NOW)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(world: AlertWorld) -> TestClient:
    server = FastAPI()
    install_errors(server)
    server.include_router(make_on_call(world.parts))
    return TestClient(server)


def rules(client: TestClient, query: str = "") -> dict[str, dict[str, Any]]:
    answer = client.get(f"/api/v1/rules{query}").json()
    assert answer["status"] == "success"
    return {rule["name"]: rule for group in answer["data"]["groups"] for rule in group["rules"]}


def test_groups_have_prometheus_keys(client: TestClient) -> None:
    groups = client.get("/api/v1/rules").json()["data"]["groups"]
    assert [(each["name"], each["file"], len(each["rules"])) for each in groups] == [
        ("health", "packs/scribe.rules.yaml", 5), ("health", "packs/arena.rules.yaml", 1),
    ]  # fmt: skip
    assert {"name", "file", "interval", "limit", "rules", "evaluationTime", "lastEvaluation"} <= set(groups[0])
    assert (groups[0]["interval"], groups[0]["limit"], groups[0]["lastEvaluation"]) == (15.0, 0, "2026-11-20T11:59:56Z")


def test_rules_have_prometheus_keys_and_states(client: TestClient) -> None:
    found = rules(client)
    assert all(set(rule) >= RULE_KEYS and rule["type"] == "alerting" for rule in found.values())
    assert {name: rule["state"] for name, rule in found.items()} == {
        "QueriesSlow": "firing", "ReplicasFallBehind": "firing", "CacheMisses": "pending", "ModelErrors": "unknown", "WorldsRunOut": "firing",
        "SpendTooHigh": "inactive",
    }  # fmt: skip
    slow = found["QueriesSlow"]
    assert (slow["duration"], slow["keepFiringFor"], slow["health"]) == (120.0, 60.0, "ok")
    assert slow["query"] == "{series: query_time_ms, above: '100', component: database}"
    assert "alertname" not in slow["labels"]
    assert (slow["ruleId"], slow["onNoData"], slow["runbook"]) == ("scribe.QueriesSlow", "unknown", "scribe/QueriesSlow.md")


def test_alerts_have_prometheus_keys_and_ours(client: TestClient, world: AlertWorld) -> None:
    found = {each["labels"]["alertname"]: each for each in client.get("/api/v1/alerts").json()["data"]["alerts"]}
    assert set(found) == {"QueriesSlow", "ReplicasFallBehind", "CacheMisses", "ModelErrors", "WorldsRunOut"}
    slow = found["QueriesSlow"]
    assert {"labels", "annotations", "state", "activeAt", "value"} <= set(slow)
    assert (slow["state"], slow["activeAt"], slow["value"], slow["firingSince"]) == (
        "firing", "2026-11-20T11:46:00Z", "8.125e+02", "2026-11-20T11:48:00Z",
    )  # fmt: skip
    assert (slow["episode"], slow["acknowledgedBy"], slow["limit"], slow["unit"]) == (
        world.alerts["slow"].episode,
        "ana",
        "1e+02",
        "ms",
    )
    model = found["ModelErrors"]
    assert (model["state"], model["value"], model["unknownWhy"]) == ("unknown", "NaN", "no reading of error_rate for 38 min")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?type=record", set()),
        ("?rule_name[]=CacheMisses", {"CacheMisses"}),
        ("?platform=arena", {"WorldsRunOut"}),
        ("?rule_group[]=other", set()),
    ],
)
def test_rules_are_filtered_as_prometheus_does(client: TestClient, query: str, names: set[str]) -> None:
    assert set(rules(client, query)) == names


def test_alerts_can_be_left_out(client: TestClient) -> None:
    assert all(rule["alerts"] == [] for rule in rules(client, "?exclude_alerts=true").values())
    assert client.get("/api/v1/rules?type=nonsense").status_code == 422


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NaN"), ("0", "0e+00"), ("812.5", "8.125e+02"), ("0.1", "1e-01"), ("-3", "-3e+00"), ("1e30", "1e+30"), ("123456789", "1.23456789e+08"),
        ("0.00001", "1e-05"),
    ],
)  # fmt: skip
def test_numbers_as_prometheus_writes_them(value: str | None, text: str) -> None:
    assert number(Decimal(value) if value else None) == text


def test_deliveries_as_json_and_csv(client: TestClient) -> None:
    rows = client.get("/api/v1/deliveries").json()
    assert [(each["outcome"], each["channel"], each["reason"]) for each in rows] == [
        ("delivered", "outbox", ""), ("retry", "email", ""), ("withheld", "", "silenced"),
    ]  # fmt: skip
    assert [each["outcome"] for each in client.get("/api/v1/deliveries?outcome=retry").json()] == ["retry"]
    sheet = list(csv.DictReader(io.StringIO(client.get("/export/deliveries.csv?outcome=retry").text)))
    assert [(row["status"], row["answer"], row["took_ms"]) for row in sheet] == [("451", "try again later", "41")]
    assert len(list(csv.DictReader(io.StringIO(client.get("/export/deliveries.csv").text)))) == len(rows)


@pytest.mark.parametrize(
    ("role", "whole"), [(Role.ADMIN, True), (Role.ONCALL, True), (Role.FINANCE, False), (Role.VIEWER, False)]
)
def test_addresses_in_what_a_mail_server_said_are_for_those_who_respond(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, role: Role, whole: bool
) -> None:
    read = alert_rows.deliveries
    said = "bo@example.org: 550 unknown"
    monkeypatch.setattr(
        alert_rows, "deliveries", lambda *rest, **more: [replace(each, answer=said) for each in read(*rest, **more)]
    )
    with asked_by(somebody(role)):
        rows, sheet = client.get("/api/v1/deliveries").json(), client.get("/export/deliveries.csv").text
    assert {each["answer"] for each in rows} == {said if whole else "b…@example.org: 550 unknown"}
    assert (said in sheet) is whole


def test_deliveries_of_an_episode_are_its_notices_attempts(client: TestClient, world: AlertWorld) -> None:
    rows = client.get(f"/api/v1/deliveries?episode={world.alerts['slow'].episode}").json()
    assert [each["notice_id"] for each in rows] == [f"n-{world.alerts['slow'].episode}.outbox"]
