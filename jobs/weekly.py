"""The weekly job: makes the reports that are due and lets them go to their recipients, each once. Due is by the wall's clock.

A recipient's report is due at their weekday and hour by the clocks of their zone: an hour that is skipped is the instant of the jump, of one that
comes twice the first counts. What came due while nobody was there is made late, up to two days, and says so; what is older is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.windows import instants
from jobs.mail_out import MAIL_OUT
from jobs.schedule import Did, Job
from roomleft.clock import Now
from roomleft.errors import RoomleftError, StoreError
from warehouse.state import StateDb
from warehouse.state.archive import Archive, Report
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import WEEKDAYS, WEEKLY, Recipient, Recipients

log = logging.getLogger(__name__)
EVERY = timedelta(seconds=30)
LATE = timedelta(days=2)
"""How long after its hour a report is still made."""
SAID_LATE = timedelta(hours=1)
LOOK_BACK_DAYS = 9
"""Eight days hold every weekday, also where a zone skips one; a day more for the one that begins ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Order:
    """A report to be made: under which key, for which zone's reader, of which platforms (none: all). `late`: when it should have been made, where
    that is long ago."""

    report_key: str
    zone: ZoneInfo
    platforms: tuple[str, ...]
    late: datetime | None = None


Make = Callable[[Order], Report]
"""Makes and renders a report. What cannot be drawn is left out of it and said; raises RoomleftError where nothing can be made."""


def slot(now: datetime, weekday: str, hour: int, zone: ZoneInfo) -> tuple[datetime, date]:
    """The newest instant not after `now` at which it is `hour` on a `weekday` in the zone, and the local day it belongs to."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    for _ in range(LOOK_BACK_DAYS):
        if WEEKDAYS[day.weekday()] == weekday:
            at, _again = instants(datetime.combine(day, time(hour)), zone)
            if at <= now:
                return at, day
        day -= timedelta(days=1)
    raise AssertionError("a weekday comes within nine days")


def weekly_key(day: date, hour: int, zone: str, platforms: tuple[str, ...]) -> str:
    """`weekly/2026-11-23T08/Europe/Berlin`, with `/of/a,b` where it is not of all platforms: equal for everybody who gets the same."""
    return f"{WEEKLY}/{day.isoformat()}T{hour:02d}/{zone}" + (f"/of/{','.join(platforms)}" if platforms else "")


class Weekly:
    """Finds out what is due, and has it made and sent. `make` is handed in: what draws a report is no job's business. `first`: a report for nobody
    that is to be made once, as soon as it is asked for."""

    def __init__(self, state: StateDb, wall: Now, make: Make, first: Callable[[], Order | None] | None = None) -> None:
        self._recipients, self._archive, self._mailings = Recipients(state), Archive(state), Mailings(state)
        self._wall, self._make, self._first = wall, make, first

    def run(self) -> Did:
        """One round; in words what was made. A report that cannot be made keeps no other back, and is tried again with the next round.

        Raises StoreError at the round's end when there was one, or when the state store cannot be used.
        """
        now = self._wall.now()
        made, put, missed = 0, 0, []
        for recipient in self._recipients.live(WEEKLY):
            at, day = slot(now, recipient.weekday, recipient.hour, recipient.tz)
            key = weekly_key(day, recipient.hour, recipient.zone, recipient.platforms)
            if at < recipient.made_at or now - at >= LATE or self._mailings.has(key, recipient.address):
                continue
            if not self._archive.has(key):
                late = at if now - at >= SAID_LATE else None
                try:
                    report = self._make(Order(key, recipient.tz, recipient.platforms, late))
                except RoomleftError as error:
                    missed.append(f"{key} could not be made: {error.what}")
                    continue
                except Exception as error:
                    log.exception("the report %s could not be made", key)
                    missed.append(f"{key} could not be made: {type(error).__name__}: {error}")
                    continue
                made += self._archive.keep(report)
            self._mailings.put(key, recipient.address, at, now, recipient.id)
            put += 1
        made += self._made_first()
        words = f"{made} made, for {put} recipient{'' if put == 1 else 's'}" if put or made else "nothing is due"
        if missed:
            raise StoreError("; ".join([words, *missed]), "weekly report", "it is tried again for two days from when it was due")
        return Did(words, put, then=(MAIL_OUT,) if put else ())

    def _made_first(self) -> bool:
        order = self._first() if self._first is not None else None
        if order is None:
            return False
        made = not self._archive.has(order.report_key) and self._archive.keep(self._make(order))
        self._first = None
        return made


def due_next(recipient: Recipient, now: datetime) -> datetime:
    """When a recipient gets the report next."""
    day = now.astimezone(recipient.tz).date() - timedelta(days=1)
    for _ in range(LOOK_BACK_DAYS + LOOK_BACK_DAYS):
        if WEEKDAYS[day.weekday()] == recipient.weekday:
            at, _again = instants(datetime.combine(day, time(recipient.hour)), recipient.tz)
            if at > now:
                return at
        day += timedelta(days=1)
    raise AssertionError("a weekday comes within nine days")


def weekly_job(weekly: Weekly, speed: float = 1.0) -> Job:
    """What the schedule runs. `speed` is the schedule's clock's: recipients live by the wall's."""

    def run(now: datetime) -> Did:
        return weekly.run()

    return Job(WEEKLY, EVERY * speed, run, lease_ttl=timedelta(minutes=2))
