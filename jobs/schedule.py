"""When jobs run: each under its lease, each run noted, one at a time, a missed one caught up once.

The timer lives on the wall clock and divides a job's interval by the clock's speed; the job is handed the clock's instant.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apscheduler.executors.base import BaseExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from roomleft.clock import Clock
from roomleft.errors import RoomleftError, StoreError
from roomleft.metrics import JOB_LAST_SUCCESS, JOB_RUNS, JOB_SECONDS
from warehouse.state import PROCESS, JobRun, JobRuns, Leases, Outcome, StateDb

log = logging.getLogger(__name__)
FLOOR_S = 0.25
"""No job runs more often than this on the wall, however fast the clock."""
LATE_INTERVALS = 3
THREADS = 12
"""Jobs mostly wait for a source or for the writer; one that waits must not keep the next from starting."""


class JobClock(Protocol):
    """The clock that jobs live by: `Clock`, or a fixed one in a test."""

    @property
    def speed(self) -> float: ...

    def now(self) -> datetime: ...

    def real_seconds(self, span: timedelta) -> float: ...


@dataclass(frozen=True, slots=True)
class Did:
    """What a run did, in words, and how many rows it wrote.

    `more`: there is more of this work, so the job runs again as soon as others had their turn. `then`: jobs that should run now too.
    """

    words: str
    rows: int | None = None
    more: bool = False
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Work done every so often. `run` gets the instant it runs at, and may answer in words, or with `Did`.

    `every` is in the clock's time, `lease_ttl` in the wall's: after a crash another server waits that long before it takes
    over. `at_start`: the first run comes at once, not after the first interval. `takes`: how long a run may take before it is late.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], str | Did | None]
    lease_ttl: timedelta = timedelta(minutes=1)
    at_start: bool = True
    takes: timedelta = timedelta(0)


@dataclass(slots=True)
class JobStatus:
    """How a job stands. `outcome` is `never` before the first run.

    `late`: its last success is three or more intervals past; while it runs, as long as a run may take comes on top.
    """

    name: str
    every: timedelta
    outcome: str
    words: str
    late: bool
    running: bool
    last_run: JobRun | None
    last_success_at: datetime | None


class Schedule:
    """Runs the jobs in threads of this process. Any number of servers may run the same schedule on one state database."""

    def __init__(
        self, jobs: Sequence[Job], state: StateDb, clock: JobClock, *, holder: str = PROCESS, executor: BaseExecutor | None = None
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError("two jobs have the same name")
        self._clock = clock
        self._leases = Leases(state, holder)
        self._runs = JobRuns(state, holder, clock)
        self._executor = executor or ThreadPoolExecutor(THREADS)
        self._scheduler: BackgroundScheduler | None = None
        self._made_at = clock.now()
        self._added_at: dict[str, datetime] = {}
        self._idle = threading.Condition()
        self._running: dict[str, int] = {}
        self._wanted: set[str] = set()
        self._stopping = False

    def start(self) -> None:
        """Start the timer. Runs that a dead process left unfinished become `interrupted`."""
        for name in self._jobs:
            if not self._leases.is_held(_lease(name)):
                self._runs.interrupt(name)
        self._stopping = False
        # A missed run is caught up once (coalesce), however late it is (no grace time), and never beside itself.
        defaults = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(timezone="UTC", executors={"default": self._executor}, job_defaults=defaults)
        for job in self._jobs.values():
            self._time(self._scheduler, job)
        self._scheduler.start()

    def add(self, job: Job) -> None:
        """Run this job too, from now on; in place of one of its name, whose present run is left to end and is not run beside."""
        with self._idle:
            self._jobs = {**self._jobs, job.name: job}
            self._added_at = {**self._added_at, job.name: self._clock.now()}
            scheduler = None if self._stopping else self._scheduler
        if scheduler is not None:
            self._time(scheduler, job)

    def remove(self, name: str) -> None:
        """Start no more runs of a job and show it no more; its present run is left to end. KeyError if there is no such job."""
        with self._idle:
            left = dict(self._jobs)
            del left[name]
            self._jobs = left
            scheduler = self._scheduler
        if scheduler is not None:
            scheduler.remove_job(name)

    def _time(self, scheduler: BackgroundScheduler, job: Job) -> None:
        first = {"next_run_time": Clock().now()} if job.at_start else {}
        scheduler.add_job(
            self._tick, "interval", [job], id=job.name, seconds=self._interval_s(job), replace_existing=True, **first
        )

    def soon(self, name: str) -> None:
        """Run a job as soon as a thread is free, beside its timer: after its present run, if it is running. An unknown job is none."""
        with self._idle:
            job, scheduler = self._jobs.get(name), None if self._stopping else self._scheduler
            if name in self._running:
                self._wanted.add(name)
                return
        if job is not None and scheduler is not None:
            scheduler.add_job(self._tick, "date", [job], id=f"{name} soon", replace_existing=True)

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Start no more runs and wait for those that run, at most `timeout_s`. False if some still ran then."""
        with self._idle:
            self._stopping = True
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
        with self._idle:
            over = self._idle.wait_for(lambda: not self._running, timeout_s)
            left = ", ".join(self._running)
        if not over:
            log.warning("stopped without waiting longer for the jobs %s", left)
        return over

    def run_now(self, name: str) -> JobRun | None:
        """Run a job here and now, whatever the timer says. None if somebody else is running it.

        What the job raises is noted in its run, not raised. KeyError if there is no such job.
        """
        return self._run(self._jobs[name], forced=True)

    def status(self) -> list[JobStatus]:
        """How every job stands, in the schedule's order."""
        latest = {run.job: run for run in self._runs.latest()}
        succeeded = self._runs.latest_ok()
        now = self._clock.now()
        return [self._status(job, latest.get(name), succeeded.get(name), now) for name, job in self._jobs.items()]

    def _status(self, job: Job, last: JobRun | None, ok: JobRun | None, now: datetime) -> JobStatus:
        succeeded_at = ok.finished_at if ok else None
        # A server that was off for a week is not late the moment it starts: it is given its intervals first.
        made_at = self._added_at.get(job.name, self._made_at)
        since = max(succeeded_at or made_at, made_at)
        every = timedelta(seconds=self._interval_s(job) * self._clock.speed)
        with self._idle:
            running = job.name in self._running
        return JobStatus(
            name=job.name,
            every=job.every,
            outcome=str(last.outcome) if last else "never",
            words=last.words if last else "has not run yet",
            late=now - since >= LATE_INTERVALS * every + (job.takes * self._clock.speed if running else timedelta(0)),
            running=running,
            last_run=last,
            last_success_at=succeeded_at,
        )

    def _interval_s(self, job: Job) -> float:
        return max(self._clock.real_seconds(job.every), FLOOR_S)

    def _tick(self, job: Job) -> None:
        if self._jobs.get(job.name) is not job:
            return  # removed or replaced after this run had been asked for
        try:
            self._run(job, forced=False)
        except StoreError as error:  # the state database is away: the run cannot even be noted; the timer must survive it
            JOB_RUNS.labels(job.name, Outcome.FAILED).inc()
            log.error("job %s did not run: %s", job.name, error)

    def _run(self, job: Job, *, forced: bool) -> JobRun | None:
        with self._idle:
            if self._stopping and not forced:
                return None
            self._running[job.name] = self._running.get(job.name, 0) + 1
        soon: list[str] = []
        try:
            with self._leases.hold(_lease(job.name), job.lease_ttl) as lease:
                if not lease or (not forced and self._done_elsewhere(job)):
                    JOB_RUNS.labels(job.name, Outcome.SKIPPED).inc()
                    return None
                run, did = self._run_noted(job)
                soon = [*did.then, *([job.name] if did.more else [])]
                return run
        finally:
            with self._idle:
                self._running[job.name] -= 1
                if not self._running[job.name]:
                    del self._running[job.name]
                    if job.name in self._wanted:
                        self._wanted.remove(job.name)
                        soon.append(job.name)
                self._idle.notify_all()
            for name in soon:
                self.soon(name)

    def _done_elsewhere(self, job: Job) -> bool:
        """Whether another server did it within half an interval: two servers then share the work instead of doubling it."""
        newest = self._runs.history(job.name, 1)
        if not newest or newest[0].holder == self._runs.holder or newest[0].outcome is not Outcome.OK:
            return False
        age = self._clock.now() - newest[0].started_at
        return timedelta(0) <= age < job.every / 2

    def _run_noted(self, job: Job) -> tuple[JobRun, Did]:
        run_id = self._runs.start(job.name)
        began = time.perf_counter()
        words, outcome = "its process was ended before it was over", Outcome.FAILED
        did = Did("")
        try:
            answer = job.run(self._clock.now())
            did = answer if isinstance(answer, Did) else Did(answer or "")
            words = did.words
            outcome = Outcome.OK
        except RoomleftError as error:
            words = _words(error)
            log.warning("job %s failed: %s", job.name, error)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            log.exception("job %s failed", job.name)
        finally:  # also when the process is being ended: the run must not look alive
            if outcome is Outcome.FAILED and self._stopping:
                # What a server takes away from a run as it stops is no fault of the job: the next one does it.
                outcome = Outcome.INTERRUPTED
            JOB_SECONDS.labels(job.name).set(time.perf_counter() - began)
            if not self._runs.finish(run_id, outcome, words, did.rows):
                outcome = Outcome.INTERRUPTED
                log.warning("job %s took so long without its lease that another server declared it dead", job.name)
            JOB_RUNS.labels(job.name, outcome).inc()
            if outcome is Outcome.OK:
                JOB_LAST_SUCCESS.labels(job.name).set(self._clock.now().timestamp())
        return self._runs.get(run_id), did


def _words(error: RoomleftError) -> str:
    """`what (where; hint)`: what a list of runs shows."""
    aside = "; ".join(part for part in (error.where, error.hint) if part)
    return f"{error.what} ({aside})" if aside else error.what


def _lease(job: str) -> str:
    return f"job {job}"
