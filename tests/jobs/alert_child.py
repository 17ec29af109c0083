"""A process that evaluates, tells and delivers, and can kill itself at a named point: `python -m tests.jobs.alert_child FOLDER POINT BEATS`.

BEATS is JSON: [[seconds after noon, whether the condition holds], …]. The process dies by SIGKILL when it comes to POINT at its last beat.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from alerts.pipeline import flush
from jobs.deliver import Deliverer
from roomleft.alerting import Alerting, OutboxChannel, Receiver, Route
from tests.alerts.made import NOON, looked, rule
from tests.jobs.alert_site import Site

ALERTING = Alerting(
    receivers=[Receiver(name="oncall", channels=[OutboxChannel(kind="outbox")])],
    routes=[Route(receiver="oncall", group_wait=timedelta(0), group_interval=timedelta(seconds=10))],
)
POINTS = ("looked", "noted", "stored", "told", "sent")
armed: set[str] = set()


def die(point: str) -> None:
    """Be killed, if this is where."""
    if point in armed:
        os.kill(os.getpid(), signal.SIGKILL)


def after(point: str, work: Any) -> Any:
    """`work`, and then the point."""

    def done(*given: Any, **named: Any) -> Any:
        made = work(*given, **named)
        die(point)
        return made

    return done


def main(folder: Path, point: str, beats: list[tuple[float, bool]]) -> None:
    """Goes through the beats."""
    site = Site(folder, rule(hold=timedelta(seconds=15)))
    deliverer = Deliverer(site.state, lambda: ALERTING, lambda name: None, site.clock)

    def tell(alerts: Any, at: Any) -> int:
        return len(flush(site.state, ALERTING, alerts, at))

    site.look = after("looked", site.look)  # type: ignore[method-assign]
    site.evaluating = site.made(tell=after("told", tell))
    site.evaluating._note = after("noted", site.evaluating._note)  # type: ignore[method-assign]
    site.evaluating.book.apply = after("stored", site.evaluating.book.apply)  # type: ignore[method-assign]
    for number, (seconds, holds) in enumerate(beats):
        if number == len(beats) - 1:
            armed.add(point)
        site.clock.at = NOON + timedelta(seconds=seconds)
        site.found = looked(holds, 150.0 if holds else 50.0)
        site.evaluating.run(site.clock.now())
        deliverer.pump()
        assert deliverer.idle(10)
        die("sent")
    deliverer.stop()
    site.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
