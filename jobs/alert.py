"""The alert job: looks at every rule, lets each alert take its step, stores what changed, and hands it to who tells people.

What an evaluation is going to store is noted first (`evaluations`: at which instant, and what had arrived), then stored in one transaction. A
process that dies between the two is followed by one that works the same evaluation out again, from the same data: nothing is lost or doubled,
and a replay finds every evaluation there was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from alerts.alert import Alert, Beat
from alerts.book import Book
from alerts.evaluation import Evaluated, evaluate
from alerts.lifecycle import Words, as_written
from analytics.conditions import Found
from jobs.schedule import Did, Job
from roomleft import metrics
from roomleft.clock import Now
from roomleft.errors import RoomleftError, StoreConflict, StoreError
from roomleft.findings import AlertState, Looked, Severity, Unknown
from roomleft.rules import Rules
from roomleft.rules_when import OwnIs, leaves
from roomleft.wording import span_text
from warehouse.state import StateDb
from warehouse.store import Store, Transaction
from warehouse.tables import EVALUATIONS

log = logging.getLogger(__name__)
ALERT = "alert"
"""The job's name."""
DELIVER = "deliver"
"""The job that sends what is to be told."""
WAIT_AT_MOST = timedelta(hours=1)
"""A clock that was set back by less is waited for; by more, the past evaluations are taken to have been in the future."""
WATCHDOG = 2
"""The job is chained to the measurements; its own timer only sees to it that it runs if those do not, every so many intervals: fewer than are a gap
(`GAP_INTERVALS`), for over gaps no pending time counts."""
SHOWN = tuple((state, severity) for state in (AlertState.PENDING, AlertState.FIRING, AlertState.UNKNOWN) for severity in Severity)


class Look(Protocol):
    """What the conditions of rules say of the data that had arrived by `read_to`, at an instant. Faults of single rules are in what it gives;
    label sets that do not hold may be left out, but for those `active`: (rule_id, fingerprint) of the alerts there are."""

    def __call__(
        self, rules: Rules, at: datetime, read_to: datetime, active: Collection[tuple[str, str]]
    ) -> Mapping[str, Looked]: ...


class Tell(Protocol):
    """Puts what is to be told of the alerts into the outbox; how many notices those are."""

    def __call__(self, alerts: Sequence[Alert], at: datetime) -> int: ...


def _tells_nobody(alerts: Sequence[Alert], at: datetime) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Noted:
    """The newest evaluation that was noted, and the one before it."""

    at: datetime
    read_to: datetime
    before: datetime | None
    set_back: bool = False
    """It was none: the clock was set back."""


class Evaluating:
    """Evaluates the rules in force. `every`: how often that is wanted; `slack`: how much later is no gap, on a clock that runs fast."""

    def __init__(
        self,
        store: Store,
        state: StateDb,
        rules: Rules,
        look: Look,
        clock: Now,
        *,
        every: timedelta,
        slack: timedelta = timedelta(0),
        words: Words = as_written,
        tell: Tell = _tells_nobody,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.book = Book(state)
        self._store, self._rules, self._look, self._clock = store, rules, look, clock
        self._every, self._slack, self._words, self._tell = every, slack, words, tell
        self._monotonic = monotonic
        self._stored: datetime | None = None
        self._unnoted: datetime | None = None
        self._shown: set[str] = set()

    def run(self, at: datetime) -> Did:
        """One evaluation. Raises StoreError when the state database is away; what the warehouse cannot tell is unknown."""
        began = time.perf_counter()
        noted = self._noted()
        last = noted.at if noted is not None else None
        if noted is not None and noted.at != self._stored and not noted.set_back:
            self._finish(noted)
        newest = self.book.newest()
        last = max((each for each in (last, newest, self._unnoted) if each is not None), default=None)
        if last is not None and at <= last:
            behind = last - at
            if behind <= WAIT_AT_MOST:
                metrics.EVALUATIONS_HELD.inc()
                return Did(f"the clock is {span_text(behind)} behind the last evaluation: waits until it has caught up")
            return self._set_back(at, last)
        beat = Beat(at, last, self._every, self._slack)
        read_to = self._store.arrivals.settled(self._clock)
        done = self._evaluated(self._rules, beat, read_to)
        took_s = time.perf_counter() - began
        self._note(beat, read_to, done, took_s)
        self.book.apply(done.changes, done.events, based_on=newest)
        missed = beat.missed if self._stored is not None else 0
        self._stored = at
        told = self._tell(done.alerts, at)
        self._publish(done, missed, time.perf_counter() - began)
        words = f"{done.rules} rules, {done.findings:,} label sets, {done.count(AlertState.FIRING)} firing"
        words += f", {done.unknown} unknown" if done.unknown else ""
        words += f", {told} to tell" if told else ""
        return Did(words + (f", {beat.missed} evaluations were missed" if beat.missed else ""), len(done.events), then=(DELIVER,))

    def _evaluated(self, rules: Rules, beat: Beat, read_to: datetime, alerts: Sequence[Alert] | None = None) -> Evaluated:
        before = self.book.active(beat.at) if alerts is None else alerts
        in_force = dict(rules)
        due = {rule_id: rule for rule_id, rule in in_force.items() if beat.is_due(rule.interval)}
        active = {alert.key for alert in before}
        looks = self._looked(due, beat.at, read_to, active)
        done = evaluate(in_force, looks, before, beat, self._words)
        # Label sets of which there is nothing to say were looked at too.
        return replace(done, findings=looks.label_sets) if isinstance(looks, Found) else done

    def _looked(self, rules: Rules, at: datetime, read_to: datetime, active: Collection[tuple[str, str]]) -> Mapping[str, Looked]:
        try:
            return self._look(rules, at, read_to, active)
        except RoomleftError as error:
            words = error.what
            log.warning("the rules could not be looked at: %s", error)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            log.exception("looking at the rules failed")
        return dict.fromkeys(rules, Looked(unknown=Unknown.ERROR, words=words))

    def _finish(self, noted: Noted) -> None:
        """Work out again an evaluation that was noted by a process that may have died before it stored it: the same data, the same instant.
        Rules on Roomleft's own metrics are left out: those of that process are gone with it."""
        newest = self.book.newest()
        if newest is None or newest < noted.at:
            rules = {
                rule_id: rule
                for rule_id, rule in self._rules.items()
                if not any(isinstance(leaf, OwnIs) for leaf in leaves(rule.when))
            }
            mine = [alert for alert in self.book.active(noted.at) if alert.rule_id in rules]
            done = self._evaluated(rules, Beat(noted.at, noted.before, self._every, self._slack), noted.read_to, mine)
            if done.events:
                log.info("the evaluation of %s was cut short: %d changes are stored now", noted.at, len(done.events))
            self.book.apply(done.changes, done.events)

    def _set_back(self, at: datetime, last: datetime) -> Did:
        """The clock was set back for good: every timer goes on from where it was, and nothing fires from it."""
        words = f"the clock was set back by {span_text(last - at)}: timers go on from where they were"
        log.warning("%s", words)

        def forget(tx: Transaction) -> None:
            tx.execute("DELETE FROM evaluations WHERE evaluated_at >= $at", {"at": at})
            tx.insert("evaluations", _row(at, at, Evaluated((), (), (), 0, 0), 0, 0, words))

        # In this order: a process that dies between the two is followed by one that does both again.
        self._store.run(forget)
        moved = self.book.move(at - last)
        self._stored, self._unnoted = at, None
        return Did(words, moved)

    def _noted(self) -> Noted | None:
        try:
            found = self._store.select(
                "SELECT evaluated_at, read_to, words FROM evaluations ORDER BY evaluated_at DESC LIMIT 2"
            ).to_pylist()
        except StoreError as error:
            log.warning("the newest evaluation cannot be read: %s", error)
            return Noted(self._stored, self._stored, None) if self._stored is not None else None
        if not found:
            return None
        before = found[1]["evaluated_at"] if len(found) > 1 else None
        return Noted(found[0]["evaluated_at"], found[0]["read_to"], before, found[0]["words"] != "")

    def _note(self, beat: Beat, read_to: datetime, done: Evaluated, took_s: float) -> None:
        row = _row(beat.at, read_to, done, beat.missed, took_s, "")
        try:
            self._store.run(lambda tx: tx.insert("evaluations", row))
        except StoreConflict:
            raise
        except StoreError as error:
            # A full disk is what somebody must be paged for. A replay will not know of this evaluation; the next one does.
            log.warning("an evaluation was not noted: %s", error)
            self._unnoted = beat.at
        else:
            self._unnoted = None

    def _publish(self, done: Evaluated, missed: int, took_s: float) -> None:
        metrics.EVALUATION_SECONDS.observe(took_s)
        metrics.EVALUATIONS_MISSED.inc(missed)
        stored_at = self._monotonic()
        metrics.EVALUATION_LAG_SECONDS.set_function(lambda: self._monotonic() - stored_at)
        counts: dict[tuple[AlertState, Severity], int] = {}
        for alert in done.alerts:
            state = (
                AlertState.UNKNOWN if alert.unknown_since is not None and alert.state is not AlertState.FIRING else alert.state
            )
            counts[state, alert.severity] = counts.get((state, alert.severity), 0) + 1
        for state, severity in SHOWN:
            metrics.ALERTS.labels(str(state), str(severity)).set(counts.get((state, severity), 0))
        metrics.ALERTS_UNKNOWN_FIRING.set(
            sum(alert.unknown_since is not None and alert.state is AlertState.FIRING for alert in done.alerts)
        )
        held: dict[str, int] = {}
        for rule in self._rules.values():
            held[rule.platform] = held.get(rule.platform, 0) + 1
        for platform in self._shown - set(held):
            metrics.RULES.remove_by_labels({"platform": platform})
        for platform, count in held.items():
            metrics.RULES.labels(platform).set(count)
        self._shown = set(held)
        metrics.RULES_FAILING.set(len({alert.rule_id for alert in done.alerts if alert.unknown_why is Unknown.ERROR}))


def alert_job(evaluating: Evaluating, *, every: timedelta) -> Job:
    """The job that evaluates. It follows each measurement; by itself it comes only when those stay away."""
    return Job(ALERT, every * WATCHDOG, evaluating.run, at_start=False)


def _row(at: datetime, read_to: datetime, done: Evaluated, missed: int, took_s: float, words: str) -> pa.Table:
    row = {
        "evaluated_at": at, "read_to": read_to, "took_ms": round(took_s * 1000), "rules": done.rules, "findings": done.findings,
        "pending": done.count(AlertState.PENDING), "firing": done.count(AlertState.FIRING), "unknown": done.unknown,
        "missed": missed, "words": words,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=EVALUATIONS)
