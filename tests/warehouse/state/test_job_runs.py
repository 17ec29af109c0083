"""What the jobs did."""

from __future__ import annotations

from datetime import timedelta

import pytest

from roomleft.clock import FixedClock
from warehouse.state import JobRuns, Outcome, StateDb
from warehouse.state.job_runs import KEEP_RUNS


def test_a_run_is_noted_from_start_to_end(db: StateDb, clock: FixedClock) -> None:
    runs = JobRuns(db, "us")
    started_at = clock.now()
    key = runs.start("collect")
    assert runs.get(key).outcome is Outcome.STARTED
    assert runs.get(key).finished_at is None
    clock.advance(timedelta(seconds=3))
    assert runs.finish(key, Outcome.OK, "42 rows from arena", 42)
    run = runs.get(key)
    assert (run.job, run.holder, run.words, run.rows) == ("collect", "us", "42 rows from arena", 42)
    assert (run.started_at, run.finished_at) == (started_at, clock.now())


def test_a_run_that_never_ended_is_interrupted_by_the_next(db: StateDb) -> None:
    dead, ours = JobRuns(db, "dead"), JobRuns(db, "us")
    first = dead.start("collect")
    other = dead.start("measure")
    second = ours.start("collect")
    assert ours.get(first).outcome is Outcome.INTERRUPTED
    assert ours.get(first).words
    assert ours.get(other).outcome is Outcome.STARTED
    assert not dead.finish(first, Outcome.OK), "a run declared dead must not rise again as a success"
    assert ours.get(first).outcome is Outcome.INTERRUPTED
    assert ours.finish(second, Outcome.OK)
    assert not ours.finish(second, Outcome.FAILED)


def test_latest_latest_ok_and_history(db: StateDb) -> None:
    runs = JobRuns(db)
    keys = {}
    for number, (job, outcome) in enumerate(
        [("collect", Outcome.OK), ("measure", Outcome.FAILED), ("collect", Outcome.OK), ("collect", Outcome.FAILED)]
    ):
        keys[number] = runs.start(job)
        runs.finish(keys[number], outcome, str(number))
    assert [(run.job, run.words) for run in runs.latest()] == [("collect", "3"), ("measure", "1")]
    assert {job: run.words for job, run in runs.latest_ok().items()} == {"collect": "2"}
    assert [run.words for run in runs.history("collect", 2)] == ["3", "2"]
    assert runs.history("never", 2) == []


def test_old_runs_go_and_the_last_success_stays(db: StateDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.state.job_runs.KEEP_RUNS", 10)
    monkeypatch.setattr("warehouse.state.job_runs.PRUNE_EVERY", 5)
    assert KEEP_RUNS > 10
    runs = JobRuns(db)
    success = runs.start("collect")
    runs.finish(success, Outcome.OK)
    for _ in range(39):
        runs.finish(runs.start("collect"), Outcome.FAILED)
    kept = [run.id for run in runs.history("collect", 100)]
    assert 10 <= len(kept) <= 16
    assert kept[-1] == success
    assert runs.latest_ok()["collect"].id == success
