"""`report weekly` and `recipient`: what they print, write, send and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import roomleft.cli.report_weekly as command
from dashboards.api.program import install_errors
from dashboards.api.recipients import make_recipient_api
from dashboards.api.report_archive import make_report_archive_api
from dashboards.parts import slack_of
from roomleft.alerting import Alerting
from roomleft.app.reporting import Reporting
from roomleft.clock import FixedClock
from tests.dashboards.sample_rows import NOW, sample_packs, sample_parts
from tests.fixtures.smtp import Mailbox
from tests.fixtures.state import state_url
from tests.roomleft.running import run_command, speak_through
from warehouse.state import StateDb

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Tell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    return lambda *words: run_command(monkeypatch, capsys, *words)


@pytest.fixture
def served(tmp_path: Path, smtp: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A server of the sample world that mails through a real one."""
    clock: Any = FixedClock(NOW)
    sample = sample_parts(clock=clock)
    state = StateDb.open(state_url(tmp_path), clock)
    settings: Any = SimpleNamespace(demo=False, data_dir=tmp_path, public_url="")
    alerting = Alerting.model_validate(
        {"smtp": {"host": smtp.host, "port": smtp.port, "security": "none", "from": "r@example.org"}}
    )
    reporting = Reporting(settings, clock, sample_packs(), sample.store, state, lambda: alerting)
    parts: Any = SimpleNamespace(state=state, packs=sample_packs(), mailer=reporting, clock=clock, slack=slack_of(clock))
    app = FastAPI()
    install_errors(app)
    app.include_router(make_recipient_api(parts))
    app.include_router(make_report_archive_api(parts))
    speak_through(monkeypatch, command, TestClient(app))
    yield smtp
    state.close()
    sample.store.close()


@pytest.mark.usefixtures("served")
def test_it_prints_text_json_or_files(tell: Tell, tmp_path: Path) -> None:
    code, said, _ = tell("report", "weekly", "--zone", "Europe/Berlin")
    assert code == 0
    assert "DECISIONS\n---------\n" in said
    assert "Times are of" in said
    code, said, _ = tell("report", "weekly", "--json", "--platforms", "arena")
    assert [each["platform"] for each in json.loads(said)["platforms"]] == ["arena"]
    code, said, _ = tell("report", "weekly", "--out", "files")
    names = ["roomleft-weekly-2026-11-20.xlsx", "weekly-2026-11-20.html", "weekly-2026-11-20.txt"]
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == names
    assert (tmp_path / "files" / names[0]).read_bytes()[:2] == b"PK"
    assert "data:image/png;base64," in (tmp_path / "files" / names[1]).read_text()


def test_it_sends_and_says_what_became_of_each_copy(tell: Tell, served: Mailbox) -> None:
    served.refuse = {"gone@example.org": "550 no such user"}
    code, said, _ = tell("report", "weekly", "--email", "a@example.org", "gone@example.org")
    assert code == 1
    assert "sent" in said
    assert "no such user" in said
    code, said, _ = tell("report", "weekly", "--email", "b@example.org", "--json")
    assert code == 0
    assert [each["state"] for each in json.loads(said)["mailings"]] == ["sent"]
    assert [mail["To"] for mail in served.mails] == ["a@example.org", "b@example.org"]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("a@example.org",), "addresses are for --email"),
        (("--email",), "nobody gets the weekly report yet"),
        (("--email", "not an address"), "is not an e-mail address"),
        (("--platforms", "nosuch"), "unknown platform"),
        (("--zone", "Mars/Olympus"), "is not a time zone"),
    ],
)
def test_what_is_wrong_is_told(tell: Tell, words: tuple[str, ...], named: str) -> None:
    code, _, said = tell("report", "weekly", *words)
    assert code == 1
    assert named in said
    assert "to do: " in said


def test_recipients_are_decided_where_no_server_runs(tell: Tell) -> None:
    (Path("data")).mkdir()
    assert tell("recipient", "add", "a@example.org", "--zone", "Asia/Kathmandu", "--hour", "7")[1].startswith(
        "recipient 1: a@example.org, mon 07:00"
    )
    code, said, _ = tell("recipient", "list", "--json")
    (found,) = json.loads(said)["recipients"]
    assert (code, found["zone"], found["last"]) == (0, "Asia/Kathmandu", None)
    assert "no server runs" in tell("recipient", "list")[1]
    assert tell("recipient", "add", "a@example.org\nBcc: e@example.org")[0] == 1
    assert "a@example.org gets no further report" in tell("recipient", "end", "a@example.org")[1]
    assert tell("recipient", "end", "a@example.org")[0] == 1


def test_without_a_server_there_is_no_report(tell: Tell) -> None:
    code, _, said = tell("report", "weekly")
    assert code == 1
    assert "none runs" in said
