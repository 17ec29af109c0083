"""What the jobs did: one row a run, the newest kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, Update, delete, func, insert, select, update

from roomleft.clock import Now
from warehouse.state.database import StateDb
from warehouse.state.leases import PROCESS
from warehouse.state.models import JobRunRow

KEEP_RUNS = 500
"""Runs kept per job, besides its last success."""
PRUNE_EVERY = 50


class Outcome(StrEnum):
    """How a run ended."""

    STARTED = "started"
    """It has not: it runs now, or its process died."""
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    """Its process died, or lost its lease, before the run was over."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job. `words` say what it did or why it failed; `rows` how many rows it wrote, where it counts them."""

    id: int
    job: str
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    words: str
    rows: int | None
    holder: str


COLUMNS = (
    JobRunRow.id,
    JobRunRow.job,
    JobRunRow.started_at,
    JobRunRow.finished_at,
    JobRunRow.outcome,
    JobRunRow.words,
    JobRunRow.rows,
    JobRunRow.holder,
)


class JobRuns:
    """Notes runs. `now` is the jobs' own clock, where it differs from the state's."""

    def __init__(self, db: StateDb, holder: str = PROCESS, now: Now | None = None) -> None:
        self._db = db
        self.holder = holder
        self._clock = now or db.clock

    def start(self, job: str) -> int:
        """Note that a run begins; its id. Call it under the job's lease: earlier runs without an end become `interrupted`."""
        now = self._clock.now()
        with self._db.write() as connection:
            connection.execute(_interrupt(job, now))
            key = connection.execute(
                insert(JobRunRow)
                .values(
                    job=job, started_at=now, finished_at=None, outcome=Outcome.STARTED, words="", rows=None, holder=self.holder
                )
                .returning(JobRunRow.id)
            ).scalar_one()
            if key % PRUNE_EVERY == 0:
                mine = select(JobRunRow.id).where(JobRunRow.job == job)
                cut = mine.order_by(JobRunRow.id.desc()).offset(KEEP_RUNS).limit(1).scalar_subquery()
                last_ok = (
                    select(func.max(JobRunRow.id)).where(JobRunRow.job == job, JobRunRow.outcome == Outcome.OK).scalar_subquery()
                )
                connection.execute(
                    delete(JobRunRow).where(JobRunRow.job == job, JobRunRow.id <= cut, JobRunRow.id != func.coalesce(last_ok, -1))
                )
        return key

    def finish(self, run_id: int, outcome: Outcome, words: str = "", rows: int | None = None) -> bool:
        """Note how a run ended. False, and nothing noted, if it had been declared interrupted meanwhile."""
        with self._db.write() as connection:
            noted = connection.execute(
                update(JobRunRow)
                .where(JobRunRow.id == run_id, JobRunRow.outcome == Outcome.STARTED)
                .values(finished_at=self._clock.now(), outcome=outcome, words=words, rows=rows)
            ).rowcount
        return bool(noted)

    def interrupt(self, job: str) -> int:
        """Declare the job's unfinished runs `interrupted`; how many. Only for a job whose lease nobody holds."""
        with self._db.write() as connection:
            return connection.execute(_interrupt(job, self._clock.now())).rowcount

    def get(self, run_id: int) -> JobRun:
        """One run, which must exist."""
        with self._db.read() as connection:
            return _run(connection.execute(select(*COLUMNS).where(JobRunRow.id == run_id)).one())

    def latest(self) -> list[JobRun]:
        """The newest run of every job, by the job's name."""
        newest = select(func.max(JobRunRow.id)).group_by(JobRunRow.job)
        with self._db.read() as connection:
            return [
                _run(row) for row in connection.execute(select(*COLUMNS).where(JobRunRow.id.in_(newest)).order_by(JobRunRow.job))
            ]

    def latest_ok(self) -> dict[str, JobRun]:
        """The newest success of every job that ever had one, by the job's name."""
        newest = select(func.max(JobRunRow.id)).where(JobRunRow.outcome == Outcome.OK).group_by(JobRunRow.job)
        with self._db.read() as connection:
            return {run.job: run for run in map(_run, connection.execute(select(*COLUMNS).where(JobRunRow.id.in_(newest))))}

    def history(self, job: str, count: int = 50) -> list[JobRun]:
        """The job's newest `count` runs, newest first."""
        with self._db.read() as connection:
            found = connection.execute(select(*COLUMNS).where(JobRunRow.job == job).order_by(JobRunRow.id.desc()).limit(count))
            return [_run(row) for row in found]


def _interrupt(job: str, now: datetime) -> Update:
    words = "its process ended before it did"
    unfinished = update(JobRunRow).where(JobRunRow.job == job, JobRunRow.outcome == Outcome.STARTED)
    return unfinished.values(outcome=Outcome.INTERRUPTED, finished_at=now, words=words)


def _run(row: Row[int, str, datetime, datetime | None, str, str, int | None, str]) -> JobRun:
    key, job, started_at, finished_at, outcome, words, rows, holder = row
    return JobRun(key, job, started_at, finished_at, Outcome(outcome), words, rows, holder)
