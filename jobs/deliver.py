"""The deliver job: hands what is due in the outbox to threads, one a receiver's channel, and does not wait for them.

So a slow channel holds up nobody but itself. The job runs every few seconds and whenever something was put in; it also finds what a dead process
was sending, keeps Alertmanagers' alerts alive and tells PagerDuty of deploys. Everything here is on the wall's clock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random

from alerts.channels.answer import TIMEOUT_S, Answer, Means, Outcome
from alerts.channels.sending import send
from alerts.channels.variables import Variables
from alerts.notice import Notice
from alerts.outbox import Lane, Outbox, Taken
from alerts.routes import channel_names
from jobs.schedule import Did, Job
from roomleft.alerting import Alerting, Channel
from roomleft.clock import Now
from roomleft.errors import StoreError
from roomleft.metrics import DELIVERIES, OUTBOX_OLDEST_SECONDS, OUTBOX_WAITING
from warehouse.state import PROCESS, StateDb

log = logging.getLogger(__name__)
DELIVER = "deliver"
EVERY = timedelta(seconds=2)
TIDIED_EVERY = timedelta(hours=6)
THREADS = 32
"""Of channels that are spoken to at the same time; one more waits until one is through."""
FAILURES, REST_S = 3, 10.0
"""After so many failures in a row a channel is left alone for so long: the other end is away, and each attempt may take its whole timeout."""


class Deliverer:
    """Sends what is due. `alerting` gives the receivers in force, `get` a variable's secret."""

    def __init__(
        self,
        state: StateDb,
        alerting: Callable[[], Alerting],
        get: Callable[[str], str | None],
        wall: Now,
        *,
        holder: str = PROCESS,
        jitter: Random | None = None,
        timeout_s: float = TIMEOUT_S,
        source: str = "roomleft",
        threads: int = THREADS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outbox = Outbox(state, holder, jitter)
        self._alerting, self._get, self._wall = alerting, get, wall
        self._timeout_s, self._source, self._monotonic = timeout_s, source, monotonic
        self._changed = threading.Condition()
        self._busy: set[tuple[str, ...]] = set()
        self._again: set[Lane] = set()
        self._resting: dict[Lane, float] = {}
        self._stopping = False
        self._tidied: datetime | None = None
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="deliver")

    def pump(self) -> str:
        """Hand what is due to threads; in words how much. Raises StoreError."""
        now = self._wall.now()
        found = self.outbox.recover(now)
        if self._tidied is None or now - self._tidied >= TIDIED_EVERY:
            self.outbox.forget(now)
            self._tidied = now
        lanes = self.outbox.lanes(now)
        waiting, oldest_s = self.outbox.standing(now)
        begun = sum(self._begin(lane) for lane in lanes)
        OUTBOX_WAITING.set(waiting)
        OUTBOX_OLDEST_SECONDS.set(oldest_s)
        words = f"{waiting} waiting" if waiting else "nothing waits"
        if begun:
            words += f", handed to {begun} channel{'s' if begun != 1 else ''}"
        return words + (f", {found} found with their outcome unknown" if found else "")

    def idle(self, timeout_s: float = 30.0) -> bool:
        """Wait until no channel is spoken to. False if one still was after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def stop(self, timeout_s: float = TIMEOUT_S + 5) -> bool:
        """Take nothing more and wait for what is being sent. False if something still was: it will be found with its outcome unknown."""
        with self._changed:
            self._stopping = True
        over = self.idle(timeout_s)
        self._pool.shutdown(wait=over, cancel_futures=True)
        return over

    def beside(self, name: tuple[str, ...], work: Callable[[], object]) -> bool:
        """Run other work that waits for somebody outside in a thread of ours, each name once at a time. False if it still runs."""
        with self._changed:
            if self._stopping or name in self._busy:
                return False
            self._busy.add(name)

        def run() -> None:
            try:
                work()
            except StoreError as error:
                log.error("%s stopped: %s", " ".join(name), error)
            except Exception:
                log.exception("%s failed", " ".join(name))
            finally:
                self._end(name)

        try:
            self._pool.submit(run)
        except RuntimeError:  # it is being shut down
            self._end(name)
            return False
        return True

    def means(self, opening: Notice, alerting: Alerting) -> Means:
        """What sending needs now, in the conversation of `opening`. The variables are read at that time and kept no longer."""
        variables = Variables(self._get)
        return Means(variables, self._wall.now(), opening, alerting.smtp, self._timeout_s, self._source)

    def say(self, notice: Notice, channel: Channel, alerting: Alerting, opening: Notice | None = None) -> Answer:
        """Send a notice here and now, past the outbox; what came of it."""
        return send(notice, channel, self.means(opening or notice, alerting))

    def _begin(self, lane: Lane) -> bool:
        with self._changed:
            if self._stopping or self._resting.get(lane, 0.0) > self._monotonic():
                return False
            if lane in self._busy:
                self._again.add(lane)
                return False
            self._busy.add(lane)
        try:
            self._pool.submit(self._drain, lane)
        except RuntimeError:  # it is being shut down
            self._end(lane)
            return False
        return True

    def _asked_again(self, lane: Lane) -> bool:
        """Whether something was put in since we last looked; if not, the lane is ours no more."""
        with self._changed:
            if lane in self._again:
                return True
            self._busy.discard(lane)
            self._changed.notify_all()
            return False

    def _end(self, lane: tuple[str, ...]) -> None:
        with self._changed:
            self._busy.discard(lane)
            self._changed.notify_all()

    def _drain(self, lane: Lane) -> None:
        failures, ended = 0, False
        try:
            while not self._stopping:
                with self._changed:
                    self._again.discard(lane)
                taken = self.outbox.take(lane, self._wall.now())
                if taken is None:
                    ended = not self._asked_again(lane)
                    if ended:
                        return
                    continue
                answer = self._deliver(taken)
                failed = answer.outcome in (Outcome.RETRY, Outcome.UNKNOWN)
                failures = failures + 1 if failed else 0
                if answer.retry_after_s is not None or failures >= FAILURES:
                    with self._changed:
                        self._resting[lane] = self._monotonic() + (answer.retry_after_s or REST_S)
                    return
        except StoreError as error:
            log.error("delivering to %s by %s stopped: %s", *lane, error)
        except Exception:
            log.exception("delivering to %s by %s failed", *lane)
        finally:
            if not ended:
                self._end(lane)

    def _deliver(self, taken: Taken) -> Answer:
        receiver, name = taken.lane
        began = self._monotonic()
        alerting = self._alerting()
        channel = channels(alerting).get(taken.lane)
        if channel is None:
            answer = Answer(Outcome.REFUSED, reason=f"the receiver {receiver} has no channel {name} any more")
        else:
            answer = self.say(taken.notice, channel, alerting, taken.opening)
        took_ms = round(1000 * (self._monotonic() - began))
        state = self.outbox.record(taken, answer, self._wall.now(), took_ms)
        DELIVERIES.labels(name, answer.outcome.value).inc()
        if answer.outcome is not Outcome.DELIVERED:
            words = (receiver, name, taken.notice.notice_id, answer.outcome.value, answer.reason, state)
            log.warning("the notice to %s by %s (%s) was not delivered: %s: %s; it is %s now", *words)
        return answer


def channels(alerting: Alerting) -> Mapping[Lane, Channel]:
    """Every receiver's channels by name."""
    return {(each.name, name): channel for each in alerting.receivers for name, channel in channel_names(each)}


def deliver_job(deliverer: Deliverer, *besides: Callable[[], str], speed: float = 1.0) -> Job:
    """What the schedule runs. `besides` is done with each run, and answers in words or with nothing. `speed` is the schedule's clock's."""

    def run(now: datetime) -> Did:
        told = [deliverer.pump(), *(each() for each in besides)]
        return Did("; ".join(words for words in told if words))

    return Job(DELIVER, EVERY * speed, run, lease_ttl=timedelta(seconds=20))
