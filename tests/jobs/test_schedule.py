"""The schedule: each run under its lease, each run noted, the late ones named. Nothing here waits for time to pass."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job as TimerJob

from jobs.schedule import Did, Job, Schedule
from roomleft.clock import Clock, FixedClock
from roomleft.errors import CollectError, RoomleftError, StoreError
from roomleft.metrics import REGISTRY
from tests.fixtures.state import state_url
from warehouse.state import JobRuns, Leases, Outcome, StateDb

MINUTE = timedelta(minutes=1)
WAIT_S = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[StateDb]:
    """An open, empty state database."""
    sqlite = request.param == "sqlite"
    db = StateDb.open(state_url(tmp_path) if sqlite else request.getfixturevalue("postgres_url"), clock)
    yield db
    db.close()


@pytest.fixture
def sqlite_db(tmp_path: Path, clock: FixedClock) -> Iterator[StateDb]:
    """A state database where the kind makes no difference."""
    db = StateDb.open(state_url(tmp_path), clock)
    yield db
    db.close()


class Handed(BaseExecutor):  # type: ignore[misc]
    """An executor that runs nothing: it only says which job the timer handed it."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[str] = []
        self.came = threading.Event()

    def _do_submit_job(self, job: TimerJob, run_times: list[datetime]) -> None:
        self.jobs.append(job.id)
        self.came.set()


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def nothing(now: datetime) -> None:
    return None


def test_a_run_is_handed_the_instant_and_noted(db: StateDb, clock: FixedClock) -> None:
    seen: list[datetime] = []

    def work(now: datetime) -> Did:
        seen.append(now)
        clock.advance(timedelta(seconds=5))
        return Did("42 rows from arena", 42)

    before = metric("roomleft_job_runs_total", job="noted", outcome="ok")
    run = Schedule([Job("noted", MINUTE, work)], db, clock).run_now("noted")
    assert run is not None
    assert (run.outcome, run.words, run.rows) == (Outcome.OK, "42 rows from arena", 42)
    assert seen == [run.started_at]
    assert run.finished_at == clock.now()
    assert metric("roomleft_job_runs_total", job="noted", outcome="ok") == before + 1
    assert metric("roomleft_job_last_success_timestamp_seconds", job="noted") == clock.now().timestamp()
    assert not Leases(db).is_held("job noted")


@pytest.mark.parametrize(("answer", "words"), [(None, ""), ("rolled up 3 h", "rolled up 3 h"), (Did("done"), "done")])
def test_what_a_job_may_answer(sqlite_db: StateDb, clock: FixedClock, answer: str | Did | None, words: str) -> None:
    run = Schedule([Job("answers", MINUTE, lambda now: answer)], sqlite_db, clock).run_now("answers")
    assert run is not None
    assert (run.outcome, run.words, run.rows) == (Outcome.OK, words, None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CollectError("no answer", "arena /usage", "is it running?"), "no answer (arena /usage; is it running?)"),
        (CollectError("no answer"), "no answer"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_job_raises_is_noted_and_logged(
    db: StateDb, clock: FixedClock, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    def work(now: datetime) -> None:
        raise error

    before = metric("roomleft_job_runs_total", job="fails", outcome="failed")
    with caplog.at_level(logging.WARNING):
        run = Schedule([Job("fails", MINUTE, work)], db, clock).run_now("fails")
    assert run is not None
    assert (run.outcome, run.words) == (Outcome.FAILED, words)
    assert str(error) in caplog.text
    # What we raise ourselves says what, where and what to do; only a surprise needs its stack.
    assert ("Traceback" in caplog.text) is not isinstance(error, RoomleftError)
    assert metric("roomleft_job_runs_total", job="fails", outcome="failed") == before + 1
    assert not Leases(db).is_held("job fails"), "a failed job must not hold back the next run"


def test_a_job_held_elsewhere_is_skipped_not_failed(db: StateDb, clock: FixedClock) -> None:
    calls: list[datetime] = []
    schedule = Schedule([Job("shared", MINUTE, calls.append)], db, clock)
    theirs = Leases(db, "another server").take("job shared", MINUTE)
    before = metric("roomleft_job_runs_total", job="shared", outcome="skipped")
    assert schedule.run_now("shared") is None
    assert (calls, schedule.status()[0].outcome) == ([], "never")
    assert metric("roomleft_job_runs_total", job="shared", outcome="skipped") == before + 1
    theirs.release()
    assert schedule.run_now("shared") is not None
    assert len(calls) == 1


def test_a_dead_servers_job_is_taken_over(db: StateDb, clock: FixedClock) -> None:
    Leases(db, "dead server").take("job taken", MINUTE)
    left = JobRuns(db, "dead server").start("taken")
    schedule = Schedule([Job("taken", MINUTE, nothing)], db, clock)
    assert schedule.run_now("taken") is None
    assert JobRuns(db).get(left).outcome is Outcome.STARTED, "its lease still runs: it may be alive"
    clock.advance(MINUTE)
    assert schedule.run_now("taken") is not None
    assert JobRuns(db).get(left).outcome is Outcome.INTERRUPTED


def test_runs_a_dead_process_left_are_interrupted_at_start(sqlite_db: StateDb, clock: FixedClock) -> None:
    runs = JobRuns(sqlite_db, "earlier process")
    left, alive = runs.start("left"), runs.start("alive")
    Leases(sqlite_db, "another server").take("job alive", MINUTE)
    jobs = [Job(name, MINUTE, nothing, at_start=False) for name in ("left", "alive")]
    schedule = Schedule(jobs, sqlite_db, clock, executor=Handed())
    schedule.start()
    schedule.stop()
    assert runs.get(left).outcome is Outcome.INTERRUPTED
    assert runs.get(alive).outcome is Outcome.STARTED


def test_a_run_that_lost_its_lease_does_not_count_as_done(db: StateDb, clock: FixedClock) -> None:
    other = Schedule([Job("slow", MINUTE, nothing)], db, clock, holder="other")

    def work(now: datetime) -> None:
        clock.advance(MINUTE)  # longer than the lease, without a renewal between: a stopped laptop
        assert other.run_now("slow") is not None

    run = Schedule([Job("slow", MINUTE, work)], db, clock, holder="us").run_now("slow")
    assert run is not None
    assert run.outcome is Outcome.INTERRUPTED
    assert [(run.holder, run.outcome) for run in JobRuns(db).history("slow")] == [
        ("other", Outcome.OK),
        ("us", Outcome.INTERRUPTED),
    ]


def test_two_servers_share_the_work(db: StateDb, clock: FixedClock) -> None:
    calls: list[str] = []
    job = {name: Job("work", MINUTE, lambda now, name=name: calls.append(name)) for name in ("a", "b")}  # type: ignore[misc]
    one, two = (Schedule([job[name]], db, clock, holder=name) for name in ("a", "b"))
    for _ in range(3):
        one._tick(one._jobs["work"])
        clock.advance(timedelta(seconds=10))
        two._tick(two._jobs["work"])
        clock.advance(timedelta(seconds=50))
    assert calls == ["a", "a", "a"]
    clock.advance(timedelta(seconds=10))  # a has died
    two._tick(two._jobs["work"])
    assert calls[-1] == "b"
    assert one.run_now("work") is not None, "who asks by name is not put off"


def test_late_after_three_intervals_without_success(db: StateDb, clock: FixedClock) -> None:
    fail = False

    def work(now: datetime) -> None:
        if fail:
            raise CollectError("no answer")

    schedule = Schedule([Job("judged", MINUTE, work)], db, clock)
    assert [(status.outcome, status.late) for status in schedule.status()] == [("never", False)]
    clock.advance(3 * MINUTE - timedelta(seconds=1))
    assert not schedule.status()[0].late
    clock.advance(timedelta(seconds=1))
    assert schedule.status()[0].late, "a job that never ran is late too"
    schedule.run_now("judged")
    success = clock.now()
    assert not schedule.status()[0].late
    fail = True
    clock.advance(3 * MINUTE)
    schedule.run_now("judged")
    status = schedule.status()[0]
    assert (status.name, status.outcome, status.words, status.late) == ("judged", "failed", "no answer", True)
    assert status.last_success_at == success


def test_a_job_that_takes_long_is_not_late_while_it_runs(sqlite_db: StateDb, clock: FixedClock) -> None:
    seen: list[bool] = []

    def work(now: datetime) -> None:
        for passed in (9 * MINUTE, timedelta(minutes=4) - timedelta(seconds=1), timedelta(seconds=1)):
            clock.advance(passed)
            seen.append(schedule.status()[0].late)

    schedule = Schedule([Job("long", MINUTE, work, takes=10 * MINUTE)], sqlite_db, clock)
    schedule.run_now("long")
    assert seen == [False, False, True], "three intervals, and the ten minutes that it may take"
    assert not schedule.status()[0].late
    clock.advance(3 * MINUTE)
    assert schedule.status()[0].late, "not running, it is late as any other"


def test_a_server_that_was_off_is_not_late_at_once(sqlite_db: StateDb, clock: FixedClock) -> None:
    Schedule([Job("rested", MINUTE, nothing)], sqlite_db, clock).run_now("rested")
    clock.advance(timedelta(days=7))
    schedule = Schedule([Job("rested", MINUTE, nothing)], sqlite_db, clock)
    assert not schedule.status()[0].late
    clock.advance(3 * MINUTE)
    assert schedule.status()[0].late


@pytest.mark.parametrize(
    ("speed", "every", "interval_s"),
    [(1.0, MINUTE, 60.0), (60.0, MINUTE, 1.0), (60.0, timedelta(seconds=1), 0.25), (3600.0, timedelta(days=1), 24.0)],
)
def test_intervals_follow_the_clocks_speed_down_to_a_floor(
    sqlite_db: StateDb, speed: float, every: timedelta, interval_s: float
) -> None:
    schedule = Schedule([Job("paced", every, nothing)], sqlite_db, Clock(speed), executor=Handed())
    schedule.start()
    assert schedule._scheduler is not None
    timer = schedule._scheduler.get_job("paced")
    assert timer.trigger.interval.total_seconds() == interval_s
    assert (timer.max_instances, timer.coalesce, timer.misfire_grace_time) == (1, True, None)
    schedule.stop()


def test_jobs_start_at_once_unless_told_otherwise(sqlite_db: StateDb, clock: FixedClock) -> None:
    executor = Handed()
    jobs = [Job("later", MINUTE, nothing, at_start=False), Job("now", MINUTE, nothing)]
    schedule = Schedule(jobs, sqlite_db, clock, executor=executor)
    schedule.start()
    assert executor.came.wait(WAIT_S)
    schedule.stop()
    assert executor.jobs == ["now"]


def test_the_timer_runs_jobs_and_stop_waits_for_them(sqlite_db: StateDb) -> None:
    begun, go_on, calls = threading.Event(), threading.Event(), []

    def work(now: datetime) -> str:
        begun.set()
        go_on.wait(WAIT_S)
        calls.append(now)
        return "worked"

    schedule = Schedule([Job("real", timedelta(hours=1), work)], sqlite_db, Clock())
    schedule.start()
    assert begun.wait(WAIT_S)
    assert schedule.status()[0].running
    assert not schedule.stop(timeout_s=0), "it still runs"
    with ThreadPoolExecutor(1) as pool:
        stopped: Future[bool] = pool.submit(schedule.stop, WAIT_S)
        go_on.set()
        assert stopped.result(WAIT_S)
    assert len(calls) == 1
    assert [(run.outcome, run.words) for run in JobRuns(sqlite_db).history("real")] == [(Outcome.OK, "worked")]


def test_a_run_that_fails_because_its_server_stops_was_interrupted(sqlite_db: StateDb, clock: FixedClock) -> None:
    def work(now: datetime) -> None:
        schedule.stop(timeout_s=0)
        raise StoreError("the warehouse is closed")

    schedule = Schedule([Job("cut off", MINUTE, work)], sqlite_db, clock, executor=Handed())
    schedule.run_now("cut off")
    assert [run.outcome for run in JobRuns(sqlite_db).history("cut off")] == [Outcome.INTERRUPTED]


def test_no_run_begins_after_stop(sqlite_db: StateDb, clock: FixedClock) -> None:
    calls: list[datetime] = []
    schedule = Schedule([Job("ended", MINUTE, calls.append)], sqlite_db, clock, executor=Handed())
    schedule.start()
    assert schedule.stop()
    schedule._tick(schedule._jobs["ended"])
    assert calls == []


def test_the_timer_survives_a_state_database_that_is_away(
    sqlite_db: StateDb, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = Schedule([Job("lonely", MINUTE, nothing)], sqlite_db, clock)

    def away() -> None:
        raise StoreError("the state database cannot be reached")

    monkeypatch.setattr(sqlite_db, "write", away)
    schedule._tick(schedule._jobs["lonely"])
    assert "cannot be reached" in caplog.text
    monkeypatch.undo()
    assert schedule.run_now("lonely") is not None


def test_names_are_unique_and_known(sqlite_db: StateDb, clock: FixedClock) -> None:
    jobs = [Job("one", MINUTE, nothing), Job("one", MINUTE, nothing)]
    with pytest.raises(ValueError, match="same name"):
        Schedule(jobs, sqlite_db, clock)
    with pytest.raises(KeyError):
        Schedule(jobs[:1], sqlite_db, clock).run_now("two")


def test_two_threads_of_one_server_never_run_a_job_together(db: StateDb, clock: FixedClock) -> None:
    most, inside = 0, 0
    guard = threading.Lock()

    def work(now: datetime) -> None:
        nonlocal most, inside
        with guard:
            inside += 1
            most = max(most, inside)
        with guard:
            inside -= 1

    schedules: list[Callable[[str], object]] = [Schedule([Job("once", MINUTE, work)], db, clock).run_now for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runs = [run for _ in range(5) for run in pool.map(lambda run_now: run_now("once"), schedules)]
    assert most == 1
    assert any(runs)


def test_a_job_that_is_added_runs_at_once_and_one_that_is_removed_no_more(sqlite_db: StateDb, clock: FixedClock) -> None:
    handed = Handed()
    schedule = Schedule([Job("first", timedelta(days=1), nothing, at_start=False)], sqlite_db, clock, executor=handed)
    schedule.start()
    try:
        schedule.add(Job("second", timedelta(days=1), nothing))
        assert handed.came.wait(WAIT_S)
        assert handed.jobs == ["second"]
        assert [status.name for status in schedule.status()] == ["first", "second"]
        schedule.remove("second")
        schedule.remove("first")
        assert schedule.status() == []
        with pytest.raises(KeyError):
            schedule.remove("second")
        with pytest.raises(KeyError):
            schedule.run_now("second")
    finally:
        schedule.stop()


def test_a_job_takes_the_place_of_one_of_its_name(sqlite_db: StateDb, clock: FixedClock) -> None:
    schedule = Schedule([Job("same", MINUTE, lambda now: "old"), Job("other", MINUTE, nothing)], sqlite_db, clock)
    schedule.add(Job("same", timedelta(hours=1), lambda now: "new"))
    run = schedule.run_now("same")
    assert run is not None
    assert run.words == "new"
    assert [(status.name, status.every) for status in schedule.status()] == [("same", timedelta(hours=1)), ("other", MINUTE)]


def test_a_new_job_is_given_its_intervals_before_it_is_late(sqlite_db: StateDb, clock: FixedClock) -> None:
    schedule = Schedule([Job("old", MINUTE, nothing)], sqlite_db, clock)
    clock.advance(timedelta(minutes=10))
    schedule.add(Job("new", MINUTE, nothing))
    assert {status.name: status.late for status in schedule.status()} == {"old": True, "new": False}
    clock.advance(timedelta(minutes=3))
    assert {status.name: status.late for status in schedule.status()} == {"old": True, "new": True}


def test_a_run_under_way_ends_although_its_job_is_removed(sqlite_db: StateDb, clock: FixedClock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(now: datetime) -> str:
        begun.set()
        assert go_on.wait(WAIT_S)
        return "to the end"

    schedule = Schedule([Job("slow", timedelta(days=1), work)], sqlite_db, clock)
    schedule.start()
    try:
        assert begun.wait(WAIT_S)
        schedule.remove("slow")
    finally:
        go_on.set()
        assert schedule.stop()
    (run,) = JobRuns(sqlite_db).history("slow")
    assert (run.outcome, run.words) == (Outcome.OK, "to the end")


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_run_that_was_asked_for_soon_is_not_of_a_job_that_is_gone(sqlite_db: StateDb, clock: FixedClock, change: str) -> None:
    ran: list[str] = []
    handed = Handed()
    schedule = Schedule([Job("take", MINUTE, lambda _: ran.append("old"), at_start=False)], sqlite_db, clock, executor=handed)
    schedule.start()
    try:
        schedule.soon("take")
        assert handed.came.wait(WAIT_S)
        tick = schedule._tick, schedule._jobs["take"]
        if change == "removed":
            schedule.remove("take")
        else:
            schedule.add(Job("take", MINUTE, lambda _: ran.append("new"), at_start=False))
        tick[0](tick[1])
        assert ran == []
    finally:
        schedule.stop()
