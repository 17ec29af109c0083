"""PagerDuty's webhooks: signed or refused, each counted once, and an acknowledgement made there shows here."""

from __future__ import annotations

import dataclasses
import hmac
import json
import warnings
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from alerts.acknowledgements import Acknowledgements
from alerts.channels.answer import Answer, Outcome
from alerts.outbox import Outbox, enqueue
from alerts.pagerduty_webhook import read_event, take
from dashboards.api.pagerduty import PATH, make_pagerduty_api
from dashboards.api.program import install_errors
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from roomleft.findings import Severity
from tests.alerts.channels.told import ALERT, alert_is, notice
from tests.alerts.made import rule
from tests.alerts.paging import Paged, alerting, quick_state, slow
from tests.dashboards.sample_rows import sample_parts
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.audit import Audit
from warehouse.state.models_alerting import ReceivedRow

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SECRET = "webhook-secret-0123456789"
ALERTING = Alerting.model_validate(
    {
        "receivers": [{"name": "oncall", "channels": [{"kind": "pagerduty", "routing_key_env": "PD_KEY"}]}],
        "pagerduty_webhook": {"secret_env": "PD_WEBHOOK"},
    }
)


def event(kind: str = "incident.acknowledged", number: int = 1, key: str = "thread-1", **more: Any) -> bytes:
    """A message as PagerDuty sends it."""
    data = {"id": "PGR0VU2", "type": "incident", "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2", "incident_key": key}
    document = {
        "id": f"01{number}", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-11-20T12:00:00.000Z",
        "agent": {"html_url": "https://acme.pagerduty.com/users/PLH1HKV", "id": "PLH1HKV", "summary": "Ada", "type": "user_reference"},
        "client": None, "data": data,
    }  # fmt: skip
    return json.dumps({"event": document | more}).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    return f"v1={hmac.new(secret.encode(), body, sha256).hexdigest()}"


@dataclasses.dataclass
class Desk:
    """The route, and an alert that PagerDuty was told of."""

    client: TestClient
    state: StateDb
    clock: FixedClock

    def tell(self, body: bytes, header: str | None = None) -> Any:
        return self.client.post(
            PATH, content=body, headers={"X-PagerDuty-Signature": signature(body) if header is None else header}
        )

    def standing(self) -> list[tuple[str, str, bool]]:
        """(who, source, in force) of each acknowledgement."""
        return [
            (each.who, each.source, each.holds_at(self.clock.now())) for each in Acknowledgements(self.state).of(ALERT.episode)
        ]


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("PD_WEBHOOK", SECRET)
    state = StateDb.open(state_url(tmp_path), clock)
    settings: Any = SimpleNamespace(demo=False, data_dir=tmp_path)
    parts = dataclasses.replace(
        sample_parts(filled=False, clock=clock), settings=settings, state=state, alerting=lambda: ALERTING
    )
    app = FastAPI()
    install_errors(app)
    app.include_router(make_pagerduty_api(parts))
    alert_is(state, "firing", clock.now())
    with state.write() as connection:
        enqueue(connection, notice(notice_id="n1"), ALERTING.receivers[0], "g", clock.now())
    box = Outbox(state)
    taken = box.take(("oncall", "pagerduty"), clock.now())
    assert taken is not None
    box.record(taken, Answer(Outcome.DELIVERED, "202"), clock.now(), 5)
    with TestClient(app) as client:
        yield Desk(client, state, clock)
    parts.store.close()
    state.close()


def test_an_acknowledgement_made_there_shows_here(desk: Desk) -> None:
    answer = desk.tell(event())
    assert (answer.status_code, answer.json()) == (200, {"alerts": 1})
    assert desk.standing() == [("Ada", "pagerduty", True)]
    (entry,) = Audit(desk.state).recent()
    assert (entry.who, entry.what) == ("Ada", "incident.acknowledged")


def test_it_is_of_every_alert_of_the_incident_not_only_of_those_its_notice_spells_out(tmp_path: Path, clock: FixedClock) -> None:
    with quick_state(tmp_path) as state:
        pager = [{"kind": "pagerduty", "routing_key_env": "PD_KEY"}]
        watch = Paged(state, alerting({"receiver": "oncall"}, receivers={"oncall": pager}), rule(severity=Severity.CRITICAL))
        (told,) = watch.beat(slow(*(f"r{number}" for number in range(250))))
        assert len(told.alerts) < told.count == 250
        Outbox(state).take(("oncall", "pagerduty"), state.clock.now())
        assert take(state, read_event(event(key=told.thread)), watch.now) == 250
        assert watch.beat(slow(*(f"r{number}" for number in range(250))), timedelta(hours=5)) == [], "somebody has them all"


def test_the_same_message_again_changes_nothing(desk: Desk) -> None:
    for _ in range(3):
        assert desk.tell(event()).status_code == 200
    assert len(desk.standing()) == 1
    with desk.state.read() as connection:
        assert connection.execute(select(ReceivedRow.source, ReceivedRow.message_id)).all() == [("pagerduty", "011")]


def test_it_is_taken_back_there_and_here(desk: Desk) -> None:
    desk.tell(event())
    desk.tell(event("incident.unacknowledged", 2))
    assert desk.standing() == [("Ada", "pagerduty", False)]


def test_a_resolve_there_ends_the_acknowledgement_and_is_noted(desk: Desk) -> None:
    desk.tell(event())
    desk.tell(event("incident.resolved", 2))
    assert desk.standing() == [("Ada", "pagerduty", False), ("Ada", "pagerduty", False)]
    assert Acknowledgements(desk.state).of(ALERT.episode)[1].note.startswith("resolved in PagerDuty: https://acme.pagerduty.com/")


@pytest.mark.parametrize(
    "body",
    [
        event(key="another"),
        event(key=""),
        event("incident.annotated"),
        event("pagey.ping", data={"type": "ping"}),
        event(data=None),
    ],
    ids=["another incident", "no key", "a note", "a ping", "nothing"],
)
def test_what_is_not_about_an_alert_of_ours_is_taken_and_does_nothing(desk: Desk, body: bytes) -> None:
    assert desk.tell(body).json() == {"alerts": 0}
    assert desk.standing() == []


def test_an_alert_that_is_over_is_not_acknowledged(desk: Desk) -> None:
    alert_is(desk.state, "resolved", desk.clock.now())
    assert desk.tell(event()).json() == {"alerts": 0}
    assert desk.standing() == []


@pytest.mark.parametrize(
    ("header", "good"),
    [
        (signature(event()), True),
        (f"v1={'0' * 64},{signature(event())}", True),
        (f"{signature(event())}, v1={'0' * 64}", True),
        (signature(event(), "another secret"), False),
        (signature(event()).replace("v1=", "v2="), False),
        ("v1=", False),
        ("", False),
        ("v1=\u00e9", False),
    ],
)
def test_only_what_is_signed_is_taken(desk: Desk, header: str, good: bool) -> None:
    answer = desk.client.post(PATH, content=event(), headers={"X-PagerDuty-Signature": header.encode("latin-1")})
    assert answer.status_code == (200 if good else 401)
    assert bool(desk.standing()) is good


def test_the_signature_is_of_the_body_as_it_came(desk: Desk) -> None:
    body = event()
    assert desk.tell(body + b" ", signature(body)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event": 1}', b'{"event": {"id": "x"}}', b"\xff"])
def test_a_signed_message_that_is_no_event_is_refused(desk: Desk, body: bytes) -> None:
    assert desk.tell(body).status_code == 422


def test_without_its_secret_or_its_section_nothing_is_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PD_WEBHOOK")
    answer = desk.tell(event())
    assert answer.status_code == 503
    assert "PD_WEBHOOK" in answer.text
    monkeypatch.setattr("tests.dashboards.api.test_pagerduty_route.ALERTING", Alerting())
    assert desk.tell(event()).status_code == 404
