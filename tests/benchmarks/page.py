"""From a fault to the hand-off of its page, on the real clock, through a server of its own to PagerDuty's double."""

from __future__ import annotations

import time
from pathlib import Path

from tests.benchmarks.timing import Result
from tests.fixtures.hook import running_hook
from tests.fixtures.pagerduty import running_pagerduty
from tests.jobs.paged_shop import PUSHED_EVERY_S, Shop

EVERY_S = 5.0
KINDS = {"QueueIsLong": PUSHED_EVERY_S, "SeatsRunOut": PUSHED_EVERY_S, "LagByRegion": PUSHED_EVERY_S, "SiteFails": 1.0}
"""Rules without `for`, and how often what they look at is collected, in seconds."""
ROUNDS = 3


def page(folder: Path) -> list[Result]:
    """The slowest of some rounds for each kind of rule; the aim is collection interval + for + one evaluation interval + 2 s."""
    worst = dict.fromkeys(KINDS, 0.0)
    with running_pagerduty() as service, running_hook() as site:
        home = folder / "page"
        home.mkdir()
        shop = Shop(home, service, site, only=list(KINDS), every_s=EVERY_S)
        try:
            shop.start()
            shop.settle(120)
            for number in range(1, ROUNDS + 1):
                began = time.monotonic()
                shop.break_it()
                shop.until(lambda number=number: len(service.incidents) == number * len(KINDS), 120, "every page")  # type: ignore[misc]
                for incident in service.incidents[-len(KINDS) :]:
                    name = incident.log[0]["payload"]["class"]
                    worst[name] = max(worst[name], incident.opened_s - began)
                shop.mend()
                shop.until(lambda: not service.open_incidents(), 120, "every resolve")
        finally:
            shop.stop()
    return [
        Result(
            f"fault to hand-off, {name}, evaluated every {EVERY_S:g} s, slowest of {ROUNDS}",
            f"{worst[name]:.2f} s",
            f"<= {collected + EVERY_S + 2:g} s",
            worst[name] <= collected + EVERY_S + 2,
        )
        for name, collected in KINDS.items()
    ]
