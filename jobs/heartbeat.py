"""The dead man's switch: an outside service is called every so often, only while rules are evaluated in time. When this stops, it raises the alarm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from alerts.channels.answer import TIMEOUT_S, Answer, Outcome
from alerts.channels.posting import request
from alerts.channels.variables import MissingVariable, Variables
from jobs.schedule import Did, Job
from roomleft.alerting import Alerting
from roomleft.clock import Now
from roomleft.errors import DeliveryError
from roomleft.wording import span_text

HEARTBEAT = "heartbeat"
TICK = timedelta(seconds=5)


class Heart:
    """Calls the address. `evaluated_at` gives the newest whole evaluation's instant, `clock` its clock; `fresh_for` is how old it may be."""

    def __init__(
        self,
        alerting: Callable[[], Alerting],
        get: Callable[[str], str | None],
        evaluated_at: Callable[[], datetime | None],
        clock: Now,
        wall: Now,
        fresh_for: timedelta,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._alerting, self._get, self._evaluated_at = alerting, get, evaluated_at
        self._clock, self._wall, self._fresh_for, self._timeout_s = clock, wall, fresh_for, timeout_s
        self._lock = threading.Lock()
        self._called: datetime | None = None
        self._words = "no heartbeat is configured"

    def beat(self, now: datetime) -> Did:
        """Call, if it is time and the evaluations are fresh. Raises DeliveryError when it is due and cannot be said, StoreError."""
        given = self._alerting().heartbeat
        if given is None:
            return Did("no heartbeat is configured")
        with self._lock:
            wall = self._wall.now()
            if self._called is not None and timedelta(0) <= wall - self._called < given.every - TICK / 2:
                return Did(self._words)
            at = self._evaluated_at()
            age = None if at is None else self._clock.now() - at
            # One that lies ahead is of before the clock was set back: until it has caught up nothing is evaluated.
            if age is None or abs(age) > self._fresh_for:
                ago = "never" if age is None else f"{span_text(abs(age))} {'ago' if age > timedelta(0) else 'ahead of the clock'}"
                raise DeliveryError(
                    f"the heartbeat is held back: rules were last evaluated {ago}", "heartbeat", "see the job `alert`"
                )
            answer = self._call(given.url, given.url_env, wall)
            if answer.outcome is not Outcome.DELIVERED:
                words = f"{answer.reason} {answer.answer}".strip()
                raise DeliveryError(f"the heartbeat was not taken: {words}", "heartbeat", "check its address in alerting.yaml")
            self._called, self._words = wall, f"called, answered {answer.status}"
            return Did(self._words)

    def _call(self, url: str | None, url_env: str | None, wall: datetime) -> Answer:
        variables = Variables(self._get)
        try:
            address = url or variables.need(url_env or "")
        except MissingVariable as error:
            return Answer(Outcome.REFUSED, reason=f"the variable {error.name} is not set")
        variables.hide(address)
        return request("GET", address, b"", {}, timeout_s=self._timeout_s, now=wall).struck(variables.strike)


def heartbeat_job(heart: Heart, speed: float = 1.0) -> Job:
    """What the schedule runs: often, so that a beat that failed is soon made up for. `speed` is the schedule's clock's."""
    return Job(HEARTBEAT, TICK * speed, heart.beat, lease_ttl=timedelta(seconds=20))
