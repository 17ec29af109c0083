"""Reports as a server makes and sends them: figures of the pages, a real mail server, a real warehouse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pytest

from dashboards import reads
from dashboards.reports import weekly_read
from dashboards.reports.weekly_read import read_weekly
from jobs.mail_out import DEMO_SENDS_NOTHING
from jobs.weekly import Order
from roomleft.alerting import Alerting
from roomleft.app.reporting import NO_SMTP, Reporting, forget_old_reports
from roomleft.clock import FixedClock
from roomleft.errors import InputError, StoreError
from tests.dashboards.sample_rows import NOW, sample_packs, sample_parts
from tests.fixtures.smtp import Mailbox
from tests.fixtures.state import state_url
from warehouse import tables
from warehouse.state import StateDb
from warehouse.state.archive import Archive
from warehouse.state.recipients import Recipients
from warehouse.state.unsubscribing import Unsubscribing
from warehouse.store import Store


@dataclasses.dataclass
class Desk:
    """Whoever makes reports, over the sample world."""

    reporting: Reporting
    store: Store
    state: StateDb
    clock: FixedClock
    smtp: Mailbox
    alerting: Alerting

    def hire(self, demo: bool = False) -> Reporting:
        settings: Any = SimpleNamespace(demo=demo, data_dir=Path("no-demo-here"), public_url="https://room.example.org")
        clock: Any = self.clock
        return Reporting(settings, clock, sample_packs(), self.store, self.state, lambda: self.alerting)


@pytest.fixture
def desk(tmp_path: Path, smtp: Mailbox) -> Iterator[Desk]:
    clock = FixedClock(NOW)
    store = sample_parts(clock=clock).store
    state = StateDb.open(state_url(tmp_path), clock)
    server = {"host": smtp.host, "port": smtp.port, "security": "none", "from": "roomleft@example.org"}
    nobody: Any = None
    desk = Desk(nobody, store, state, clock, smtp, Alerting.model_validate({"smtp": server}))
    desk.reporting = desk.hire()
    yield desk
    state.close()
    store.close()


def put(store: Store, table: str, rows: pa.Table) -> None:
    """Into a table, in a transaction of its own."""
    store.run(lambda tx: tx.insert(table, rows))


def test_the_reports_figures_are_those_of_the_pages(desk: Desk) -> None:
    told = orjson.loads(desk.reporting.preview((), "Europe/Berlin").content)
    pages = {row.key: row for row in reads.limits(desk.store, sample_packs(), NOW)}
    shown = [*told["month_end"], *told["capacity"], *told["decisions"]]
    assert len(shown) > 15
    for each in shown:
        headroom = pages[each["limit_id"]].headroom
        for name in ("amount", "used", "remaining", "ends_p10", "ends_p50", "ends_p90"):
            if name in each:
                stored = getattr(headroom, name)
                assert each[name] is None if stored is None else Decimal(each[name]) == stored
        assert each["p_breach"] == headroom.p_breach
        assert each["state"] == headroom.state.value
    assert told["counts"] == {state: [row.state.value for row in pages.values()].count(state) for state in told["counts"]}


def test_a_report_of_some_platforms_speaks_of_no_other(desk: Desk) -> None:
    report = desk.reporting.preview(("arena",), "UTC")
    told = orjson.loads(report.content)
    assert report.platform == "arena"
    assert {each["platform"] for each in told["capacity"] + told["month_end"] + told["freshness"]} == {"arena"}
    assert "Scribe" not in report.text
    gone = desk.reporting.make(Order("k", ZoneInfo("UTC"), ("arena", "closed")))
    assert "the platform closed, which is not watched any more" in gone.missing


def test_sent_by_hand_it_goes_through_the_outbox_and_says_what_happened(desk: Desk) -> None:
    desk.smtp.refuse = {"gone@example.org": "550 no such user"}
    told = desk.reporting.send(["a@example.org", "gone@example.org", "a@example.org"], (), "Asia/Kathmandu", "ada")
    assert [(each["address"], each["state"]) for each in told["mailings"]] == [
        ("a@example.org", "sent"),
        ("gone@example.org", "refused"),
    ]
    (key,) = told["reports"]
    assert key == "weekly/by-hand/2026-11-20T12:00:00.000000Z/Asia/Kathmandu"
    assert Archive(desk.state).has(key)
    (mail,) = desk.smtp.mails
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Times are of Asia/Kathmandu." in " ".join(text.get_content().split())
    assert mail["Subject"].startswith("7 decisions: “Creator availability")


def test_without_addresses_every_recipient_gets_their_own(desk: Desk) -> None:
    with pytest.raises(InputError, match="nobody gets"):
        desk.reporting.send(None, (), "UTC", "ada")
    people = Recipients(desk.state)
    people.add("a@example.org", who="ada", zone="Europe/Berlin")
    people.add("b@example.org", who="ada", zone="Europe/Berlin")
    people.add("c@example.org", who="ada", platforms=["arena"])
    told = desk.reporting.send(None, (), "UTC", "ada")
    assert [each["state"] for each in told["mailings"]] == ["sent"] * 3
    assert len(told["reports"]) == 2
    assert all("unsubscribe?of=" in str(mail["List-Unsubscribe"]) for mail in desk.smtp.mails)


@pytest.mark.parametrize(("to", "zone"), [([], "UTC"), (["not an address"], "UTC"), (["a@example.org"], "Mars/Olympus")])
def test_what_cannot_be_sent_is_refused_before_anything_is_made(desk: Desk, to: list[str], zone: str) -> None:
    with pytest.raises(InputError):
        desk.reporting.send(to, (), zone, "ada")
    assert Archive(desk.state).newest() == []


def test_without_a_mail_server_it_is_kept_and_waits(desk: Desk) -> None:
    desk.alerting = Alerting()
    reporting = desk.hire()
    assert reporting.unready() == NO_SMTP
    told = reporting.send(["a@example.org"], (), "UTC", "ada")
    assert [(each["state"], each["answer"]) for each in told["mailings"]] == [("waiting", "alerting.yaml has no smtp section")]
    assert Archive(desk.state).has(told["reports"][0])


def test_a_demo_says_at_once_that_it_sends_nothing(desk: Desk) -> None:
    desk.alerting = Alerting()
    reporting = desk.hire(demo=True)
    assert reporting.unready() == DEMO_SENDS_NOTHING
    told = reporting.send(["a@example.org"], (), "UTC", "ada")
    assert [(each["state"], each["answer"]) for each in told["mailings"]] == [("refused", DEMO_SENDS_NOTHING)]
    assert Archive(desk.state).has(told["reports"][0])


def test_what_cannot_be_read_is_named_and_the_rest_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> Any:
        raise StoreError("the warehouse is away", "warehouse", "wait")

    monkeypatch.setattr(weekly_read, "track_record", away)
    monkeypatch.setattr(weekly_read, "movers", away)
    desk.reporting.sources = away
    report = desk.reporting.preview((), "UTC")
    assert report.missing == "the state of the sources; what moved the cost; the track record"
    assert "Arena worlds, us-west-2" in report.text


def test_last_weeks_forecasts_stand_beside_what_came(desk: Desk) -> None:
    def claim(
        name: str, subject: str, said_days_ago: float, made: str = "live", due_days_ago: float = 1, **more: Any
    ) -> dict[str, Any]:
        return {
            "claim_id": name, "run_id": "r", "target": "arena/cost", "platform": "arena", "made": made, "subject": subject, "metric": "budget", "claim": "total",
            "horizon_days": 7, "about_from": NOW - timedelta(days=8), "about_to": NOW - timedelta(days=due_days_ago), "amount": 1.0, "probability": None,
            "low": 10.0, "middle": 20.0, "high": 30.0, "naive": None, "scale": None, "said_at": NOW - timedelta(days=said_days_ago), **more,
        }  # fmt: skip

    claims = [
        claim("a", "arena.month", 8),
        claim("b", "arena.month", 3),  # said too shortly before
        claim("c", "arena.month", 8, made="replayed"),
        claim("d", "arena.worlds_us", 8, made="replayed"),
        claim("e", "coach.month", 8),  # not due yet, as nobody knows what came
        claim("f", "arena.pool_eu", 20, due_days_ago=9),  # an earlier week's
        claim("g", "arena.month", 8, claim="breach"),
    ]
    scores = [
        {
            "claim_id": name,
            "run_id": "r",
            "target": "arena/cost",
            "claim": "total",
            "measure": measure,
            "outcome": 25.0,
            "score": 1.0,
            "scored_at": NOW,
        }
        for name in "abcdfg"
        for measure in ("covered", "pinball")
    ]
    run = {
        "run_id": "r", "target": "arena/cost", "platform": "arena", "made": "live", "model": "", "unit": "usd", "zone": "UTC", "shape": "flow", "fitted_at": NOW,
        "history_from": None, "history_to": None, "days": 60, "no_date": "", "provisional": False, "words": "", "details": "{}",
    }  # fmt: skip
    for table, schema, rows in (
        ("forecast_claims", tables.FORECAST_CLAIMS, claims), ("forecast_scores", tables.FORECAST_SCORES, scores), ("forecast_runs", tables.FORECAST_RUNS, [run]),
    ):  # fmt: skip
        put(desk.store, table, pa.Table.from_pylist(rows, schema=schema))
    found = read_weekly(desk.store, sample_packs(), tuple, NOW).outcomes
    assert [(row["claim_id"], row["name"], row["outcome"], row["unit"]) for row in found] == [
        ("a", "Monthly cost", Decimal("25.0"), "usd"),
        ("d", "Worlds, us-west-2", Decimal("25.0"), "worlds"),  # of the limit, whatever its parts are counted in
    ]


def test_a_demo_makes_one_report_once_there_are_forecasts(desk: Desk) -> None:
    demo = desk.hire(demo=True)
    assert demo.weekly.run().words == "nothing is due"
    run = {
        "run_id": "r", "target": "arena/cost", "platform": "arena", "made": "live", "model": "", "unit": "usd", "zone": "UTC", "shape": "flow", "fitted_at": NOW,
        "history_from": None, "history_to": None, "days": 60, "no_date": "", "provisional": False, "words": "", "details": "{}",
    }  # fmt: skip
    put(desk.store, "forecast_runs", pa.Table.from_pylist([run], schema=tables.FORECAST_RUNS))
    assert demo.weekly.run().words == "1 made, for 0 recipients"
    assert demo.weekly.run().words == "nothing is due"
    (row,) = Archive(desk.state).newest()
    assert row["report_key"] == "weekly/first"
    assert desk.smtp.mails == []


def test_old_reports_go_and_the_signing_key_stays(desk: Desk) -> None:
    word = Unsubscribing(desk.state).word(1)
    desk.reporting.send(["a@example.org"], (), "UTC", "ada")
    later = datetime(2027, 12, 31, tzinfo=UTC)
    assert forget_old_reports(desk.state, NOW) == 0
    assert forget_old_reports(desk.state, later) == 2
    assert Archive(desk.state).newest() == []
    assert Unsubscribing(desk.state).word(1) == word
