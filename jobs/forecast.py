"""Forecasts every target of every pack: each night when a local day is over, at the start, and when something that the future depends on has changed.

What decides whether there is anything to do is a fingerprint of all that goes in (which days are over, limits and their amounts, meters, known price changes,
announced events, since when data is known): it is part of the run's name, so that of two servers one does the work, and a run that was ended before it was
stored is simply done again. A platform whose history is still being read is left out until it is read.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from analytics.forecasting.daily import Daily, fixed, histories
from analytics.forecasting.fitting import HORIZON, Asked
from analytics.forecasting.origins import outcomes
from analytics.forecasting.packing import claim_of, dump_asked, load, scores_table
from analytics.forecasting.scoring import scores
from analytics.forecasting.targets import Plan, Statistic, plan_of
from analytics.meters import Meters
from jobs import forecast_worker
from jobs.measure import MEASURE, SETTLED_AFTER
from jobs.schedule import Did, Job
from roomleft.errors import RoomleftError
from roomleft.metrics import FORECAST_AGE, FORECAST_CLAIMS, FORECAST_SECONDS
from roomleft.outlook import Made
from roomleft.packs import Pack
from roomleft.timespan import local_days
from warehouse.store import Store, Transaction

log = logging.getLogger(__name__)
FORECAST, REPLAY = "forecast", "replay_forecasts"
"""The jobs' names."""
EVERY = timedelta(seconds=30)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
STARVED = timedelta(hours=26)
GRACE = timedelta(minutes=20)
"""How long after a day's end its last readings may come and be rolled up."""
LIMIT_S = 600.0
REPLAY_LIMIT_S = 900.0
SCORED_WITHIN = timedelta(days=45)
"""For so long a claim that could not be scored is tried again."""
RECORD = 20_000
FENCE = "forecast"


class Ask(Protocol):
    """Whoever answers a question: the worker process, or a test's."""

    def __call__(self, message: bytes, *, limit_s: float, stopping: Callable[[], bool]) -> tuple[bytes, float]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of days past and to come besides their figures, as the worker is told it: a table, and words that change when it does."""

    table: pa.Table | None = None
    fingerprint: str = ""


Knowing = Callable[[Mapping[str, Pack], datetime], Known]


@dataclass
class Forecaster:
    """Runs the forecaster. `waiting` are the platforms whose history is not whole yet. `may_begin`: whether the server is past its start."""

    store: Store
    packs: Mapping[str, Pack]
    knowing: Knowing = lambda packs, now: Known()
    ask: Ask = forecast_worker.ask
    may_begin: Callable[[], bool] = lambda: True
    stopping: Callable[[], bool] = lambda: False
    stored: Callable[[], object] = lambda: None
    """Called when a run has been stored."""
    waiting: set[str] = field(default_factory=set)

    def run(self, now: datetime) -> Did:
        """Forecast if anything has changed. Raises StoreError when it fails."""
        if not self.may_begin():
            return Did("waits for the server's first readings")
        newest = self.store.rows("forecast_newest_run")
        # Said first: a forecast that can no longer be renewed grows older all the same.
        FORECAST_AGE.set(max(0.0, (now - newest[0]["fitted_at"]).total_seconds()) if newest else math.nan)
        ready = self._ready(now)
        if not ready:
            return Did("waits for history" if self.waiting else "nothing to forecast")
        plans = {slug: plan_of(pack) for slug, pack in ready.items()}
        known = self.knowing(ready, now)
        mark = self._mark(ready, plans, known, now)
        if newest and str(newest[0]["run_id"]).endswith(mark) and newest[0]["fitted_at"] <= now + DAY:
            return Did("nothing has changed")
        began = perf_counter()
        found, failed = self._histories(ready, plans, now)
        subjects = tuple(subject for slug in ready for subject in plans[slug].subjects if slug not in failed)
        asked = Asked(f"{now:%Y%m%dT%H%M%S}-{mark}", Made.LIVE, now, subjects, found)
        record = self.store.query("forecast_record", most=RECORD)
        message = dump_asked(asked, record if record.num_rows else None, known.table, {"do": "live"})
        said, cpu_s = self.ask(message, limit_s=LIMIT_S, stopping=self.stopping)
        rows = self._keep(load(said))
        scored = self._score(plans, found, now)
        FORECAST_SECONDS.labels("fit").set(perf_counter() - began)
        FORECAST_SECONDS.labels("worker_cpu").set(cpu_s)
        FORECAST_AGE.set(0)
        self.stored()
        words = f"{len(found)} series forecast, {rows} claims" + (f", {scored} scored" if scored else "")
        words += "".join(f"; {slug}: {why}" for slug, why in failed.items())
        return Did(words + f" ({cpu_s:.1f} s of CPU)", rows, then=(MEASURE,))

    def replay(self, now: datetime) -> Did:
        """Make a track record of rolling origins over the stored history, once for each platform and where there is none."""
        if not self.may_begin():
            return Did("waits for the server's first readings")
        newest = self.store.rows("forecast_newest_run")
        if not newest:
            return Did("waits for the first forecast")
        counts = {(row["platform"], row["made"]): row["claims"] for row in self.store.rows("forecast_counts")}
        todo = {slug: pack for slug, pack in self._ready(now).items() if not counts.get((slug, str(Made.REPLAYED)))}
        if not todo:
            return Did("every platform has a record")
        plans = {slug: plan_of(pack) for slug, pack in todo.items()}
        began = perf_counter()
        found, failed = self._histories(todo, plans, now, parts=False)
        enough = [slug for slug in todo if slug not in failed and _days(found, slug) > ENOUGH]
        if not enough:
            return Did("no platform has history enough for a record")
        kept = {name: daily for name, daily in found.items() if daily.target.platform in enough}
        subjects = tuple(subject for slug in enough for subject in plans[slug].subjects)
        asked = Asked(f"replay-{now:%Y%m%dT%H%M%S}", Made.REPLAYED, now, subjects, kept)
        known = self.knowing({slug: todo[slug] for slug in enough}, now)
        message = dump_asked(asked, None, known.table, {"do": "replay"})
        said, cpu_s = self.ask(message, limit_s=REPLAY_LIMIT_S, stopping=self.stopping)
        rows = self._keep(load(said))
        FORECAST_SECONDS.labels("replay").set(perf_counter() - began)
        return Did(f"{rows} claims replayed of {', '.join(enough)} ({cpu_s:.1f} s of CPU)", rows)

    def _ready(self, now: datetime) -> dict[str, Pack]:
        """The packs whose history has been read to its end, or whose sources never began."""
        ready: dict[str, Pack] = {}
        waiting: set[str] = set()
        last = {row["platform"]: row["fitted_at"] for row in self.store.rows("forecast_last_by_platform")}
        for slug, pack in dict(self.packs).items():
            sources = [slug, *(f"{slug}.{entry.name}" for entry in pack.sources)]
            found = self.store.rows("history_settled", before=now - SETTLED_AFTER, sources=sources)[0]
            begins = found["began_at"] is not None and now - found["began_at"] < MINUTE
            # One that was forecast before is not left out for ever because something of it always lags.
            starved = slug in last and now - last[slug] > STARVED
            if (found["waiting"] or begins) and not starved:
                waiting.add(slug)
            else:
                ready[slug] = pack
        self.waiting.clear()
        self.waiting.update(waiting)
        return ready

    def _mark(self, packs: Mapping[str, Pack], plans: Mapping[str, Plan], known: Known, now: datetime) -> str:
        """What a run depends on, in twelve letters."""
        words = [known.fingerprint]
        for slug, pack in sorted(packs.items()):
            began = self.store.rows("forecast_settings", platform=slug)[0]
            zones = sorted({target.zone.key for target in plans[slug].targets.values()} | {pack.zone})
            # A day's last readings come a little after its end.
            words += [slug, *(f"{zone} {_last_day(now - GRACE, zone)}" for zone in zones), *map(str, plans[slug].targets)]
            # Calls of the last day may be read later than that: then the day is known only at a later run.
            read_to = Meters(self.store, pack, now).usage().observed_at
            words += [f"{zone} {_over(now - GRACE, zone, read_to)}" for zone in zones]
            words += [repr(limit) for limit in pack.limit_list()] + [repr(pack.reports.capacity), repr(pack.costs), str(began)]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]

    def _histories(
        self, packs: Mapping[str, Pack], plans: Mapping[str, Plan], now: datetime, *, parts: bool = True
    ) -> tuple[dict[str, Daily], dict[str, str]]:
        """Every history, and the platforms whose could not be read, with the reason: the others go on."""
        found: dict[str, Daily] = {}
        failed: dict[str, str] = {}
        for slug, pack in packs.items():
            try:
                read = histories(self.store, pack, plans[slug], now, grace=GRACE, parts=parts)
            except RoomleftError as error:
                failed[slug] = error.what
                log.warning("the history of %s could not be read: %s", slug, error)
                continue
            for name, daily in read.items():
                found[name] = _ahead(pack, daily) if daily.target.statistic is Statistic.FIXED else daily
        return found, failed

    def _keep(self, said: Mapping[str, pa.Table]) -> int:
        """Store what the worker said, as a whole; how many claims were new."""

        def write(tx: Transaction) -> int:
            for name in ("forecast_runs", "forecast_points", "forecast_paths"):
                if said[name].num_rows:
                    tx.insert(name, said[name])
            tx.register("said_claims", said["forecast_claims"])
            # What was said on a morning stands: a later run of the same day adds only what it says for the first time.
            new = tx.execute(
                "INSERT INTO forecast_claims BY NAME FROM said_claims WHERE claim_id NOT IN (SELECT claim_id FROM forecast_claims)"
            )
            if said["forecast_scores"].num_rows:
                tx.register("said_scores", said["forecast_scores"])
                tx.execute(
                    "INSERT INTO forecast_scores BY NAME FROM said_scores WHERE claim_id NOT IN (SELECT claim_id FROM forecast_scores)"
                )
            tx.execute(OLD_PATHS)
            return int(new.column(0)[0].as_py())

        claims = self.store.run(write, fence=FENCE)
        FORECAST_CLAIMS.inc(claims)
        return claims

    def _score(self, plans: Mapping[str, Plan], found: Mapping[str, Daily], now: datetime) -> int:
        """Score the claims whose time is past by now; how many."""
        rows = self.store.rows("forecast_claims_due", until=now - GRACE, since=now - SCORED_WITHIN)
        subjects = {subject.name: subject for plan in plans.values() for subject in plan.subjects}
        claims = [claim_of(row) for row in rows]
        came = outcomes(claims, subjects, found)
        table = scores_table(
            score for claim in claims if claim.claim_id in came for score in scores(claim, came[claim.claim_id], now)
        )
        if table.num_rows:

            def write(tx: Transaction) -> None:
                tx.register("said_scores", table)
                tx.execute(
                    "INSERT INTO forecast_scores BY NAME FROM said_scores WHERE claim_id NOT IN (SELECT claim_id FROM forecast_scores)"
                )

            self.store.run(write, fence=FENCE)
        return len(came)


OLD_PATHS = """
DELETE FROM forecast_paths WHERE (target, run_id) NOT IN (
    SELECT (target, run_id) FROM forecast_paths QUALIFY row_number() OVER (PARTITION BY target ORDER BY fitted_at DESC, run_id DESC) <= 2
)
"""
ENOUGH = 29
"""Days of history without which there is nothing to replay."""


def forecast_jobs(forecaster: Forecaster, every: timedelta = EVERY) -> Sequence[Job]:
    """The job that forecasts, and the one that makes the record of earlier mornings."""
    # A lease outlives the worker's time limit only as it is renewed; a dead server's work is taken over within a minute.
    return (
        Job(FORECAST, every, forecaster.run, takes=timedelta(seconds=LIMIT_S)),
        Job(REPLAY, max(every, timedelta(minutes=2)), forecaster.replay, at_start=False, takes=timedelta(seconds=REPLAY_LIMIT_S)),
    )


def _ahead(pack: Pack, daily: Daily) -> Daily:
    """A fixed cost's history with the days to come: they are known."""
    more = fixed(pack, daily.target, daily.end, HORIZON)
    return replace(daily, values=np.concatenate((daily.values, more)))


def _days(found: Mapping[str, Daily], slug: str) -> int:
    return max(
        (
            daily.known
            for daily in found.values()
            if daily.target.platform == slug and daily.target.statistic is not Statistic.FIXED
        ),
        default=0,
    )


def _over(now: datetime, zone: str, read_to: datetime | None) -> bool:
    """Whether usage has been read to the end of the last local day that is over."""
    ends = [end for _, _, end in local_days(now - 3 * DAY, now, ZoneInfo(zone)) if end <= now]
    return bool(ends) and read_to is not None and ends[-1] <= read_to


def _last_day(now: datetime, zone: str) -> str:
    """The last local day that is over."""
    days = [day for day, _, end in local_days(now - 3 * DAY, now, ZoneInfo(zone)) if end <= now]
    return str(days[-1]) if days else ""
