"""Alerts in the state database, SQLite and PostgreSQL: as they were, all or nothing, in few statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import insert

from alerts.alert import Happened
from alerts.book import Book
from alerts.episodes import mean_time_to_recover
from alerts.one_at_a_time import STEPPING, one_at_a_time
from roomleft.errors import StoreConflict
from roomleft.findings import AlertState, Finding, Looked, Unknown
from tests.alerts.made import FINE, NO_DATA, NOON, Run, finding, looked, rule
from warehouse.state import StateDb
from warehouse.state.alerting_retention import forget_old_alerting
from warehouse.state.models_alerting import AcknowledgementRow

MINUTE = timedelta(minutes=1)
SEVERAL = Looked((finding(True, 150.25, replica="a"), finding(None, replica="b"), finding(False, 3.0, replica="c")))


def stored(book: Book, run: Run, found: Looked | Mapping[str, Looked], after: timedelta = timedelta(seconds=15)) -> None:
    """One evaluation, put into the book."""
    run.beat(found, after)
    assert run.newest is not None
    book.apply(run.newest.changes, run.newest.events)


def test_what_was_stored_is_read_again_as_it_was(db: StateDb, open_db: Callable[[], StateDb]) -> None:
    run, book = Run(rule(annotations={"summary": "slow “queries”"})), Book(db)
    stored(book, run, SEVERAL)
    stored(book, run, NO_DATA)
    stored(book, run, SEVERAL)
    again = Book(open_db())
    assert again.active() == sorted(run.alerts, key=lambda alert: alert.key)
    assert [replace(event, id=None) for event in again.events()] == run.events
    assert [event.what for event in again.events(limit=2)] == [event.what for event in run.events[-2:]]


def test_of_two_servers_that_store_at_once_one_is_told_that_it_came_late(db: StateDb, open_db: Callable[[], StateDb]) -> None:
    run = Run(rule())
    stored(Book(db), run, looked(True, 150.0))
    based_on = run.at
    run.beat(looked(False, 50.0))
    newest = run.newest
    assert newest is not None

    def store(state: StateDb) -> str:
        try:
            Book(state).apply(newest.changes, newest.events, based_on=based_on)
        except StoreConflict:
            return "late"
        return "stored"

    others = [open_db(), open_db()]
    with ThreadPoolExecutor(2) as pool:
        with db.write() as connection:
            # Whoever only looks and writes has looked by now, and would write what the other wrote.
            one_at_a_time(connection, STEPPING)
            waiting = [pool.submit(store, each) for each in others]
            done, _ = wait(waiting, timeout=0.3)
            assert not done
        assert sorted(each.result() for each in waiting) == ["late", "stored"]
    assert [event.what for event in Book(db).events()] == [Happened.FIRING, Happened.RESOLVED]


def test_what_is_over_is_shown_for_a_day(db: StateDb) -> None:
    run, book = Run(rule()), Book(db)
    stored(book, run, looked(True, 150.0))
    stored(book, run, looked(False, 50.0))
    assert [alert.state for alert in book.active()] == [AlertState.RESOLVED]
    assert [alert.state for alert in book.active(run.at + timedelta(hours=23))] == [AlertState.RESOLVED]
    assert book.active(run.at + timedelta(hours=24)) == []
    assert [alert.episode for alert in book.find(rule_id="shop.QueriesAreSlow")] == [run.events[0].episode]


def test_what_lapsed_leaves_no_row_but_its_story(db: StateDb) -> None:
    run, book = Run(rule(hold=MINUTE)), Book(db)
    stored(book, run, looked(True))
    stored(book, run, FINE)
    assert book.find() == []
    assert [event.what for event in book.events(rule="shop.QueriesAreSlow")] == [Happened.PENDING, Happened.LAPSED]


def test_events_are_asked_for_by_time_rule_platform_and_episode(db: StateDb) -> None:
    run, book = Run(rule(), rule("Other", platform="zoo")), Book(db)
    stored(book, run, looked(True))
    stored(book, run, looked(False), MINUTE)
    assert len(book.events()) == 4
    assert len(book.events(NOON, NOON + MINUTE)) == 2
    assert len(book.events(NOON + MINUTE)) == 2
    assert {event.platform for event in book.events(platform="zoo")} == {"zoo"}
    assert len(book.events(episode=book.events()[0].episode)) == 2


def test_episodes_know_how_long_how_bad_and_who_took_them_on(db: StateDb) -> None:
    run, book = Run(rule(hold=MINUTE)), Book(db)
    stored(book, run, looked(True, 120.0))
    stored(book, run, looked(True, 200.0), MINUTE)
    stored(book, run, looked(True, 900.0), MINUTE)
    stored(book, run, NO_DATA, MINUTE)
    with db.write() as connection:
        row = {"episode": run.one.episode, "who": "ada", "at": run.at, "until": None, "note": "", "source": "page"}
        connection.execute(insert(AcknowledgementRow).values(**row, withdrawn_at=None, withdrawn_by=None))
    stored(book, run, looked(True, 300.0), 2 * MINUTE)
    stored(book, run, looked(False, 40.0), 5 * MINUTE)
    [episode] = book.episodes(NOON, run.at + MINUTE, platform="shop")
    assert book.episode(episode.episode) == episode
    assert (episode.pending_at, episode.started, episode.ended) == (NOON, NOON + MINUTE, NOON + 10 * MINUTE)
    assert (episode.lasted, episode.unknown_for) == (9 * MINUTE, 2 * MINUTE)
    assert [str(value) for value in (episode.value, episode.worst, episode.recovery_value)] == ["200.0", "900.0", "40.0"]
    assert (episode.acknowledged_by, episode.end) == ("ada", Happened.RESOLVED)
    assert mean_time_to_recover([episode]) == 9 * MINUTE
    assert book.episodes(NOON, NOON + MINUTE, platform="zoo") == []
    assert book.episode("nothing") is None


def test_an_evaluation_is_stored_whole_or_not_at_all(db: StateDb) -> None:
    run, book = Run(rule()), Book(db)
    run.beat(looked(True))
    assert run.newest is not None
    broken = replace(run.newest.events[0], words=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"NULL|null"):
        book.apply(run.newest.changes, [*run.newest.events, broken])
    assert (book.active(), book.events()) == ([], [])


def test_states_worked_out_from_old_ones_are_not_stored_over_newer_ones(db: StateDb) -> None:
    slow, quick, book = Run(rule()), Run(rule()), Book(db)
    stored(book, quick, looked(True))
    slow.alerts, slow.before, read = quick.alerts, quick.before, book.newest()
    stored(book, quick, NO_DATA)
    slow.beat(looked(False))
    assert slow.newest is not None
    with pytest.raises(StoreConflict):
        book.apply(slow.newest.changes, slow.newest.events, based_on=read)
    assert [alert.unknown_why for alert in book.active()] == [Unknown.NO_DATA]


def test_a_clock_set_back_moves_every_alert(db: StateDb) -> None:
    run, book = Run(rule()), Book(db)
    stored(book, run, SEVERAL)
    assert book.move(timedelta(hours=-3)) == 2
    assert {alert.changed_at for alert in book.active()} == {NOON - timedelta(hours=3)}


def test_thousands_of_alerts_are_a_handful_of_statements(db: StateDb) -> None:
    run, book = Run(rule()), Book(db)
    run.beat(Looked(tuple(Finding({"user": str(each)}, True, True, 1.5, 1.0) for each in range(3000))))
    assert run.newest is not None
    executed: list[bool] = []
    sqlalchemy_event.listen(db.engine, "before_cursor_execute", lambda *told: executed.append(told[5]))
    book.apply(run.newest.changes, run.newest.events)
    # One INSERT of many rows for the alerts; events come in pages of a thousand, because their numbers are asked for.
    assert len(executed) <= 5
    assert len(book.active()) == len(book.events()) == 3000


def test_what_is_past_keeping_goes_and_the_rest_stays(db: StateDb) -> None:
    run, book = Run(rule(), rule("Other")), Book(db)
    stored(book, run, looked(True))
    stored(book, run, looked(False))
    stored(book, run, {"shop.QueriesAreSlow": looked(False), "shop.Other": looked(True)}, timedelta(days=100))
    gone = forget_old_alerting(db, run.at, run.at)
    assert {table: count for table, count in gone.items() if count} == {"alerts": 1}
    gone = forget_old_alerting(db, run.at + timedelta(days=399), run.at)
    assert {table: count for table, count in gone.items() if count} == {"alert_events": 4}
    assert [(alert.rule_id, alert.state) for alert in book.find()] == [("shop.Other", AlertState.FIRING)]
