"""The doctor sees what would keep a page from arriving, and `alerts test` sends one through each channel."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from alerts.outbox import enqueue
from roomleft.alerting import Receiver
from roomleft.cli import main
from roomleft.clock import Clock, FixedClock
from roomleft.datadir import KIND_FILE
from tests.alerts.channels.told import KEY, notice
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.prometheus import free_port
from tests.fixtures.smtp import Mailbox
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow

Run = Callable[..., tuple[int, Any, str]]
PAGERDUTY = {"receivers": [{"name": "oncall", "channels": [{"kind": "pagerduty", "routing_key_env": "PD_KEY"}]}]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function (alerting, *words, **variables) that runs a command: its exit code, what it printed as JSON, and what it said."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "packs").mkdir()
    monkeypatch.setenv("ROOMLEFT_PACKS_DIR", str(tmp_path / "packs"))  # reading the shipped ones takes seconds
    monkeypatch.setenv("ROOMLEFT_ALERTING_FILE", str(tmp_path / "alerting.yaml"))

    def ran(alerting: dict[str, Any], *words: str, **variables: str) -> tuple[int, Any, str]:
        (tmp_path / "alerting.yaml").write_text(yaml.safe_dump(alerting))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["roomleft", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(said.out) if said.out else None, said.err

    return ran


def found(run: Run, alerting: dict[str, Any], **variables: str) -> dict[str, Any]:
    code, rows, said = run(alerting, "doctor", **variables)
    assert said == ""
    assert code == int(not all(row["ok"] for row in rows))
    return {row["subject"]: row for row in rows}


@pytest.mark.parametrize(
    ("url", "ok", "words"),
    [
        ("", False, "missing"),
        ("http://localhost:8470", False, "leads every reader to their own machine"),
        ("http://127.0.0.1:8470", False, "leads every reader to their own machine"),
        ("http://127.9.9.9", False, "leads every reader to their own machine"),
        ("http://[::1]:8470", False, "leads every reader to their own machine"),
        ("http://0.0.0.0:8470", False, "leads every reader to their own machine"),
        ("room.example.org", False, "is no http address"),
        ("http://[", False, "is no http address"),
        ("https://other.example.org", False, "does not answer to the name other.example.org"),
        ("https://room.example.org", True, "https://room.example.org"),
    ],
)
def test_links_must_lead_somewhere(run: Run, url: str, ok: bool, words: str) -> None:
    rows = found(run, PAGERDUTY, PD_KEY=KEY, ROOMLEFT_PUBLIC_URL=url, ROOMLEFT_ALLOWED_HOSTS="room.example.org")
    assert rows["public URL"]["ok"] is ok
    assert words in rows["public URL"]["words"]
    assert bool(rows["public URL"]["to_do"]) is not ok


def test_nobody_outside_needs_no_address(run: Run) -> None:
    for alerting in ({}, {"receivers": [{"name": "screen", "channels": [{"kind": "outbox"}]}]}):
        assert found(run, alerting)["public URL"]["ok"]


@pytest.mark.parametrize(
    ("variables", "ok", "words"),
    [
        ({}, False, "pagerduty: the variable PD_KEY is not set; slack: the variable SLACK_URL is not set"),
        (
            {"PD_KEY": "abc", "SLACK_URL": "https://x.example"},
            False,
            "pagerduty: the routing key in PD_KEY has 3 characters, not 32",
        ),
        ({"PD_KEY": KEY, "SLACK_URL": "https://x.example"}, True, "pagerduty, slack"),
    ],
)
def test_each_receivers_variables(run: Run, variables: dict[str, str], ok: bool, words: str) -> None:
    channels = [*PAGERDUTY["receivers"][0]["channels"], {"kind": "slack", "url_env": "SLACK_URL"}]  # type: ignore[misc]
    alerting = {"receivers": [{"name": "oncall", "channels": channels}], "heartbeat": {"url_env": "BEAT"}}
    rows = found(run, alerting, **variables)
    assert (rows["receiver oncall"]["ok"], rows["receiver oncall"]["words"]) == (ok, words)
    assert (rows["heartbeat"]["ok"], rows["heartbeat"]["words"]) == (False, "the variable BEAT is not set")


def test_mail_without_a_mail_server(run: Run) -> None:
    alerting = {"receivers": [{"name": "oncall", "channels": [{"kind": "email", "to": ["ada@example.org"]}]}]}
    code, rows, said = run(alerting, "doctor")
    assert code == 1
    assert "smtp" in said + json.dumps(rows)


def test_the_mail_server_is_spoken_to(run: Run, smtp: Mailbox) -> None:
    def mail(port: int, security: str = "none") -> dict[str, Any]:
        return found(run, {"smtp": {"host": "127.0.0.1", "port": port, "security": security, "from": "r@example.org"}})[
            "mail server"
        ]

    assert mail(smtp.port) == {
        "subject": "mail server",
        "ok": True,
        "words": f"127.0.0.1:{smtp.port}, none: reached",
        "to_do": "",
    }
    assert "STARTTLS" in mail(smtp.port, "starttls")["words"]
    assert not mail(smtp.port, "starttls")["ok"]
    nobody = mail(free_port())
    assert (nobody["ok"], "cannot be reached" in nobody["words"]) == (False, True)
    assert smtp.mails == []


def test_a_file_with_faults_is_a_finding(run: Run) -> None:
    rows = found(run, {"receivers": [{"name": "oncall", "channels": [{"kind": "pigeon"}]}]})
    assert not rows["alerting"]["ok"]
    assert "alerting.yaml" in rows["alerting"]["to_do"] + rows["alerting"]["words"]


def test_state_and_a_clock_that_was_set_back(run: Run, tmp_path: Path) -> None:
    assert found(run, {})["state"]["words"].startswith("not made yet")
    later = FixedClock(Clock().now() + timedelta(hours=1))
    (tmp_path / "data").mkdir(exist_ok=True)
    state = StateDb.open(f"sqlite:///{tmp_path / 'data' / 'state.db'}", later)
    receiver = Receiver.model_validate(PAGERDUTY["receivers"][0])
    with state.write() as connection:
        enqueue(connection, notice(), receiver, "g", later.now())
    state.close()
    rows = found(run, {})
    assert rows["state"]["words"].endswith("1 notices wait")
    assert not rows["clock"]["ok"]
    assert "behind what is stored already" in rows["clock"]["words"]


def test_a_test_goes_through_each_channel_and_stands_in_the_ledger(
    run: Run, tmp_path: Path, pagerduty: PagerDuty, smtp: Mailbox, hook: Hook
) -> None:
    alerting = {
        "receivers": [
            {
                "name": "oncall",
                "channels": [
                    {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": pagerduty.url},
                    {"kind": "email", "to": ["ada@example.org"]},
                    {"kind": "slack", "url_env": "SLACK_URL"},
                ],
            }
        ],
        "smtp": {"host": smtp.host, "port": smtp.port, "security": "none", "from": "roomleft@example.org"},
    }
    code, rows, _ = run(alerting, "alerts", "test", "oncall", PD_KEY=KEY, SLACK_URL=hook.url)
    assert code == 0
    assert [(row["channel"], row["outcome"], row["status"]) for row in rows] == [
        ("pagerduty", "delivered", "202"), ("email", "delivered", "250"), ("slack", "delivered", "200"),
    ]  # fmt: skip
    assert [each.state for each in pagerduty.incidents] == ["resolved"]
    assert smtp.mails[0]["Subject"] == "[TEST] Roomleft: this is a test, and nothing is wrong"
    hook.status = 404
    code, rows, _ = run(alerting, "alerts", "test", "oncall")
    assert (code, rows[2]["outcome"], rows[2]["reason"]) == (1, "refused", "it answered 404")
    state = StateDb.open(f"sqlite:///{tmp_path / 'data' / 'state.db'}", Clock())
    with state.read() as connection:
        outcomes = connection.execute(select(DeliveryRow.channel, DeliveryRow.outcome).order_by(DeliveryRow.id)).all()
    state.close()
    assert outcomes[-1] == ("slack", "refused")
    assert len(outcomes) == 6


def test_a_receiver_that_is_not_there_is_named_with_the_nearest(run: Run) -> None:
    code, rows, said = run(PAGERDUTY, "alerts", "test", "oncal")
    assert (code, rows) == (1, None)
    assert "there is no receiver 'oncal'" in said
    assert "oncall" in said


def test_a_demo_says_that_it_has_only_its_own_receivers(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    (folder / KIND_FILE).write_text("demo\n", encoding="utf-8")
    code, _, said = run(PAGERDUTY, "alerts", "test", "pager")
    assert code == 1
    assert "a demo has only its own receivers" in " ".join(said.split())
