"""The outbox: in with the pipeline's transaction, out one at a time, every attempt in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update

from alerts.channels.answer import Answer, Outcome
from alerts.notice import Kind, Notice, Why, Withheld
from alerts.notice_json import notice_of, notice_text
from alerts.outbox import INTERRUPTED, LEASE, REMEMBERED, TWICE, Outbox, Taken, enqueue
from alerts.unreadable import UNREADABLE
from roomleft.alerting import Receiver
from roomleft.clock import FixedClock
from tests.alerts.channels.told import ALERT, NOTICE, alert_is, notice
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow

OK = Answer(Outcome.DELIVERED, "202", "taken")
LATER = Answer(Outcome.RETRY, "503", "busy", "it answered 503")
SILENT = Answer(Outcome.UNKNOWN, reason="no answer")
NO = Answer(Outcome.REFUSED, "400", "bad", "it answered 400")
DEAD = "another-host:1:aa"
HALF_A_DAY = timedelta(hours=12)


def receiver(*kinds: str) -> Receiver:
    given = {
        "pagerduty": {"routing_key_env": "PD_KEY"},
        "email": {"to": ["ada@example.org"]},
        "slack": {"url_env": "SLACK_URL"},
        "outbox": {},
    }
    channels = [{"kind": kind, **given[kind]} for kind in kinds or ("pagerduty",)]
    return Receiver.model_validate({"name": "oncall", "channels": channels})


def put(db: StateDb, clock: FixedClock, made: Notice, *kinds: str) -> list[int]:
    with db.write() as connection:
        return enqueue(connection, made, receiver(*kinds), "g1", clock.now())


def rows(db: StateDb) -> list[Mapping[str, Any]]:
    with db.read() as connection:
        return [dict(row) for row in connection.execute(select(OutboxRow.__table__).order_by(OutboxRow.id)).mappings()]


def ledger(db: StateDb) -> list[tuple[str, str, str]]:
    """(notice, outcome, reason) of every line, in order."""
    with db.read() as connection:
        found = connection.execute(
            select(DeliveryRow.notice_id, DeliveryRow.outcome, DeliveryRow.reason).order_by(DeliveryRow.id)
        )
        return [(notice_id.partition(".")[0], outcome, reason) for notice_id, outcome, reason in found]


def outbox(db: StateDb, holder: str = "here:1:bb") -> Outbox:
    return Outbox(db, holder, Random(7))


def take(box: Outbox, clock: FixedClock, channel: str = "pagerduty") -> Taken:
    taken = box.take(("oncall", channel), clock.now())
    assert taken is not None
    return taken


def nothing(box: Outbox, clock: FixedClock, channel: str = "pagerduty") -> bool:
    return box.take(("oncall", channel), clock.now()) is None


def send(box: Outbox, clock: FixedClock, answer: Answer = OK, channel: str = "pagerduty") -> str:
    """Take the next, record an answer; the row's new state."""
    return box.record(take(box, clock, channel), answer, clock.now(), 12)


def test_a_notice_is_the_same_after_the_outbox() -> None:
    for made in (NOTICE, notice(Kind.RESOLVED), notice(Kind.TEST, alerts=(), demo=True)):
        assert notice_of(notice_text(made)) == made


@pytest.mark.parametrize("text", ["{}", '{"notice_id": "x"}', "[", '{"alerts": [{}]}'])
def test_what_is_no_notice_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        notice_of(text)


def test_each_channel_gets_its_own_row_once(db: StateDb, clock: FixedClock) -> None:
    assert len(put(db, clock, notice(notice_id="n1"), "pagerduty", "email", "email", "outbox")) == 4
    assert put(db, clock, notice(notice_id="n1"), "pagerduty", "email", "email", "outbox") == []
    assert [(row["channel"], row["notice_id"], row["state"]) for row in rows(db)] == [
        ("pagerduty", "n1.pagerduty", "waiting"),
        ("email", "n1.email", "waiting"),
        ("email.2", "n1.email.2", "waiting"),
        ("outbox", "n1.outbox", "waiting"),
    ]
    assert outbox(db).lanes(clock.now()) == [("oncall", name) for name in ("email", "email.2", "outbox", "pagerduty")]


def test_delivered_once_and_every_attempt_is_in_the_ledger(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    box = outbox(db)
    taken = take(box, clock)
    assert (taken.attempt, taken.notice.notice_id, taken.opening) == (1, "n1.pagerduty", taken.notice)
    assert nothing(outbox(db, "elsewhere:2:cc"), clock), "what is leased is nobody else's"
    assert box.record(taken, OK, clock.now(), 12) == "delivered"
    assert nothing(box, clock)
    assert ledger(db) == [("n1", "delivered", "")]
    with db.read() as connection:
        line = connection.execute(select(DeliveryRow.__table__)).mappings().one()
    assert (line["status"], line["answer"], line["took_ms"], line["attempt"]) == ("202", "taken", 12, 1)
    assert (line["rule_id"], line["fingerprint"], line["episode"]) == (ALERT.rule_id, ALERT.fingerprint, ALERT.episode)
    assert box.standing(clock.now()) == (0, 0.0)


def test_a_refusal_is_shown_and_never_sent_again(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    box = outbox(db)
    assert send(box, clock, NO) == "refused"
    clock.advance(timedelta(days=2))
    assert nothing(box, clock)
    assert (rows(db)[0]["state"], rows(db)[0]["words"]) == ("refused", "it answered 400")


def test_retries_back_off_with_jitter_and_end_in_the_end(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.outbox.KEPT_FOR", HALF_A_DAY)
    db = StateDb.open(state_url(tmp_path), clock)
    put(db, clock, notice(notice_id="n1"))
    box, began, waits = outbox(db), clock.now(), []
    while send(box, clock, LATER) == "waiting":
        due = rows(db)[0]["due_at"]
        waits.append((due - clock.now()).total_seconds())
        assert nothing(box, clock) or waits[-1] == 0
        clock.at = due
    assert rows(db)[0]["state"] == "dropped"
    assert rows(db)[0]["words"] == f"{Withheld.GIVEN_UP}: it answered 503"
    assert clock.now() == began + HALF_A_DAY, "the last attempt is made when the time is over"
    assert all(wait <= min(300.0, 2.0 * 2 ** min(attempt, 20)) for attempt, wait in enumerate(waits))
    assert max(waits) > 200, "it grows"
    assert len(set(waits)) > 100, "no two wait alike"
    assert ledger(db)[-2:] == [("n1", "retry", "it answered 503"), ("n1", "dropped", Withheld.GIVEN_UP)]
    db.close()


def test_retry_after_is_honoured(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    box = outbox(db)
    send(box, clock, replace(LATER, retry_after_s=120.0))
    clock.advance(timedelta(seconds=119))
    assert nothing(box, clock)
    clock.advance(timedelta(seconds=1))
    assert send(box, clock) == "delivered"


def test_a_resolve_never_overtakes_its_trigger(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    box = outbox(db)
    taken = take(box, clock)
    put(db, clock, notice(Kind.RESOLVED, notice_id="n2"))
    put(db, clock, notice(notice_id="n3", thread="another"))
    assert take(box, clock).notice.notice_id == "n3.pagerduty", "another conversation does not wait"
    assert nothing(box, clock)
    box.record(taken, OK, clock.now(), 1)
    assert take(box, clock).notice.kind is Kind.RESOLVED


def test_a_resolve_of_what_was_refused_is_dropped(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    put(db, clock, notice(Kind.RESOLVED, notice_id="n2"), "pagerduty")
    # Both wait at once: over before anybody was told.
    box = outbox(db)
    assert nothing(box, clock)
    assert ledger(db) == [("n1", "dropped", Withheld.NO_LONGER_TRUE), ("n2", "dropped", Withheld.NO_LONGER_TRUE)]
    put(db, clock, notice(notice_id="n3"))
    send(box, clock, NO)
    put(db, clock, notice(Kind.RESOLVED, notice_id="n4"))
    assert nothing(box, clock)
    assert [row["state"] for row in rows(db)] == ["dropped", "dropped", "refused", "dropped"]


def test_a_channel_down_for_a_day_delivers_what_is_still_true_once(db: StateDb, clock: FixedClock) -> None:
    box = outbox(db)
    put(db, clock, notice(notice_id="told", thread="told before"))
    send(box, clock)
    for number in range(1, 6):
        put(db, clock, notice(notice_id=f"over{number}", thread="over", why=Why.REPEAT_DUE if number > 1 else Why.FIRST))
        put(db, clock, notice(notice_id=f"on{number}", thread="goes on", why=Why.REPEAT_DUE if number > 1 else Why.FIRST))
        while (taken := box.take(("oncall", "pagerduty"), clock.now())) is not None:
            box.record(taken, LATER, clock.now(), 1)
        clock.advance(timedelta(hours=4))
    put(db, clock, notice(Kind.RESOLVED, notice_id="over6", thread="over"))
    put(db, clock, notice(Kind.RESOLVED, notice_id="told2", thread="told before"))
    clock.advance(timedelta(hours=4))
    sent = []
    while (taken := box.take(("oncall", "pagerduty"), clock.now())) is not None:
        sent.append((taken.thread, taken.notice.kind, taken.notice.why))
        box.record(taken, OK, clock.now(), 1)
    assert sorted(sent) == [
        ("goes on", Kind.FIRING, Why.FIRST),
        ("told before", Kind.RESOLVED, Why.ALL_RESOLVED),
    ]
    assert {row["state"] for row in rows(db)} == {"delivered", "superseded", "dropped"}
    assert all(reason for _, outcome, reason in ledger(db) if outcome == "dropped"), "every non-delivery has a name"


def test_a_resolve_of_the_first_minute_of_a_whole_day_down_is_told(db: StateDb, clock: FixedClock) -> None:
    box = outbox(db)
    put(db, clock, notice(notice_id="n1"))
    send(box, clock)
    put(db, clock, notice(Kind.RESOLVED, notice_id="n2"))
    up_again = clock.now() + timedelta(days=1, minutes=30)
    while clock.now() < up_again:
        assert send(box, clock, replace(LATER, retry_after_s=3000.0)) == "waiting"
        clock.at = rows(db)[1]["due_at"]
    assert send(box, clock) == "delivered"


def test_an_answer_that_comes_after_its_lease_saves_the_second_page(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"), "email")
    box = outbox(db)
    taken = take(box, clock, "email")
    clock.advance(LEASE)
    assert box.recover(clock.now()) == 1
    box.record(taken, LATER, clock.now(), 1)
    assert rows(db)[0]["state"] == "unknown", "that it was refused for now says nothing new"
    assert box.record(taken, OK, clock.now(), 1) == "delivered"
    assert rows(db)[0]["state"] == "delivered"
    assert nothing(box, clock, "email")


@pytest.mark.parametrize(
    ("state", "episode", "sent"),
    [("firing", "e1", True), ("unknown", "e1", True), ("resolved", "e1", False), ("firing", "e2", False), (None, "", True)],
)
def test_a_notice_is_held_against_the_present_before_it_is_sent(
    db: StateDb, clock: FixedClock, state: str | None, episode: str, sent: bool
) -> None:
    put(db, clock, notice(notice_id="n1"))
    if state is not None:
        alert_is(db, state, clock.now(), episode=episode)
    taken = outbox(db).take(("oncall", "pagerduty"), clock.now())
    assert (taken is not None) is sent
    if not sent:
        assert ledger(db) == [("n1", "dropped", Withheld.NO_LONGER_TRUE)]


def test_a_crash_between_acceptance_and_record_is_shown_and_sent_once_more(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"), "email")
    dead = take(outbox(db, DEAD), clock, "email")
    box = outbox(db)
    assert box.recover(clock.now()) == 0, "its lease still runs, and nobody knows that it is dead"
    clock.advance(LEASE)
    assert box.recover(clock.now()) == 1
    assert rows(db)[0]["state"] == "unknown"
    assert rows(db)[0]["words"].startswith("outcome unknown")
    again = take(box, clock, "email")
    assert (again.notice.notice_id, again.attempt) == (dead.notice.notice_id, 2)
    # The dead one's answer, should it come after all, is noted and changes nothing.
    outbox(db, DEAD).record(dead, LATER, clock.now(), 1)
    assert rows(db)[0]["state"] == "sending"
    assert box.record(again, OK, clock.now(), 1) == "delivered"
    assert [outcome for _, outcome, _ in ledger(db)] == ["unknown", "retry", "delivered"]


@pytest.mark.parametrize(("channel", "again"), [("email", False), ("slack", False), ("pagerduty", True)])
def test_a_second_crash_ends_it_but_where_the_key_makes_it_one(db: StateDb, clock: FixedClock, channel: str, again: bool) -> None:
    put(db, clock, notice(notice_id="n1"), channel)
    for number in (1, 2):
        take(outbox(db, f"another-host:{number}:aa"), clock, channel)
        clock.advance(LEASE)
        assert outbox(db).recover(clock.now()) == 1
    assert nothing(outbox(db), clock, channel) is not again
    reasons = [reason for _, _, reason in ledger(db)]
    assert reasons == [INTERRUPTED, INTERRUPTED if again else TWICE]
    assert outbox(db).recover(clock.now()) == 0


def test_a_resolve_follows_what_may_have_been_taken(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    box = outbox(db)
    assert send(box, clock, SILENT) == "waiting"
    put(db, clock, notice(Kind.RESOLVED, notice_id="n2"))
    clock.advance(timedelta(minutes=10))
    assert take(box, clock).notice.kind is Kind.RESOLVED
    assert rows(db)[0]["state"] == "superseded"


def test_the_opening_notice_is_the_first_that_was_told_since_the_last_resolve(db: StateDb, clock: FixedClock) -> None:
    box = outbox(db)
    opened = []
    for name, kind, answer in [
        ("a1", Kind.FIRING, NO), ("a2", Kind.FIRING, OK), ("a3", Kind.FIRING, OK), ("a4", Kind.RESOLVED, OK), ("b1", Kind.FIRING, OK),
        ("b2", Kind.RESOLVED, OK),
    ]:  # fmt: skip
        put(db, clock, notice(kind, notice_id=name))
        taken = take(box, clock)
        opened.append(taken.opening.notice_id.partition(".")[0])
        box.record(taken, answer, clock.now(), 1)
    assert opened == ["a1", "a2", "a2", "a2", "b1", "b1"]


@pytest.mark.parametrize(
    "values", [{"content": '{"kind":"of a later version"}'}, {"kind": "of a later version"}, {"content": "{"}]
)
def test_a_notice_that_cannot_be_read_holds_up_no_other(db: StateDb, clock: FixedClock, values: dict[str, str]) -> None:
    for number, thread in enumerate(("one", "one", "two")):
        put(db, clock, notice(notice_id=f"n{number}", thread=thread))
    with db.write() as connection:
        connection.execute(update(OutboxRow).where(OutboxRow.id == 2).values(**values))
    box = outbox(db)
    while box.lanes(clock.now()):
        send(box, clock)
    found = {row["notice_id"].partition(".")[0]: row["state"] for row in rows(db)}
    assert found["n1"] == "refused"
    assert found["n2"] == "delivered"
    assert ("n1", "refused", UNREADABLE) in ledger(db)


def test_a_conversation_of_weeks_keeps_its_opening(db: StateDb, clock: FixedClock) -> None:
    box, again = outbox(db), notice(why=Why.REPEAT_DUE)
    put(db, clock, notice(notice_id="n0"), "email")
    send(box, clock, channel="email")
    for number in range(1, 60):
        put(db, clock, replace(again, notice_id=f"n{number}"), "email")
        taken = take(box, clock, "email")
        box.record(taken, OK, clock.now(), 1)
    assert taken.opening.notice_id == "n0.email"


def test_the_oldest_that_waits_is_told(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    clock.advance(timedelta(seconds=30))
    put(db, clock, notice(notice_id="n2", thread="2"))
    assert outbox(db).standing(clock.now()) == (2, 30.0)


def test_a_row_whose_process_is_gone_is_found_at_once(db: StateDb, clock: FixedClock) -> None:
    put(db, clock, notice(notice_id="n1"))
    taken = take(outbox(db), clock)
    with db.write() as connection:
        connection.execute(update(OutboxRow).where(OutboxRow.id == taken.row).values(leased_until=None))
    assert outbox(db).recover(clock.now()) == 1


def test_what_was_settled_long_ago_is_forgotten_but_for_what_its_other_end_knows(db: StateDb, clock: FixedClock) -> None:
    box = outbox(db)
    for name, kind in [("n1", Kind.FIRING), ("n2", Kind.FIRING)]:
        put(db, clock, notice(kind, notice_id=name))
        send(box, clock)
    clock.advance(REMEMBERED)
    assert box.forget(clock.now()) == 0
    clock.advance(timedelta(seconds=1))
    assert box.forget(clock.now()) == 3, "one notice and both lines of the ledger"
    put(db, clock, notice(Kind.RESOLVED, notice_id="n3"))
    assert take(box, clock).notice.kind is Kind.RESOLVED, "it was told that it fires, 400 days ago"
