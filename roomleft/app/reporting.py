"""Reports in a server: what they are made from is handed to the jobs that make and mail them, and to the pages that show them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from analytics.catalogue import Catalogue, PriceList
from analytics.forecasting.forecasts import Forecasts
from analytics.reports.capacity import content as capacity_content
from analytics.reports.weekly import content
from dashboards.mailer import NoMailer
from dashboards.parts import SourceStatus, slack_of
from dashboards.reports.capacity_made import capacity_report
from dashboards.reports.capacity_read import read_capacity
from dashboards.reports.shown import mailing_document
from dashboards.reports.weekly_made import weekly_report
from dashboards.reports.weekly_read import read_weekly
from jobs.mail_out import DEMO_SENDS_NOTHING, NEVER, WAITS, MailOut, mail_out_job
from jobs.schedule import Job
from jobs.weekly import Order, Weekly, due_next, weekly_job
from roomleft.alerting import Alerting
from roomleft.clock import Clock, Now
from roomleft.credentials import Credentials
from roomleft.errors import InputError
from roomleft.packs import Pack
from roomleft.settings import Settings
from roomleft.timespan import known_zones
from warehouse.state import Audit, StateDb
from warehouse.state.archive import Archive, Report
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import WEEKLY, Recipient, Recipients, checked_address
from warehouse.store import Store

NO_SMTP = "alerting.yaml has no smtp section: reports are kept in the archive and wait"
CAPACITY = "capacity"
HAS_FORECASTS = "SELECT count(*) AS n FROM forecast_runs WHERE made = 'live'"


class Reporting:
    """Makes, keeps and mails the weekly report. `alerting` gives the mail server in force; `sources` is set once they are known."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        packs: Mapping[str, Pack],
        store: Store,
        state: StateDb,
        alerting: Callable[[], Alerting],
    ) -> None:
        self._settings, self._clock, self._packs, self._store, self._state = settings, clock, packs, store, state
        self._alerting, self._wall = alerting, state.clock
        self._drawing = threading.Lock()
        self.sources: Callable[[], Sequence[SourceStatus]] = tuple
        self.forecasts: Forecasts | None = None
        self.catalogue: Catalogue | None = None
        get = Credentials(settings.data_dir).get
        self.mail_out = MailOut(
            state, lambda: alerting().smtp, get, self._wall,
            public_url=settings.public_url, without_server=NEVER if settings.demo else WAITS,
        )  # fmt: skip
        self.weekly = Weekly(state, self._wall, self.make, self._first if settings.demo else None)
        self.jobs: list[Job] = [weekly_job(self.weekly, clock.speed), mail_out_job(self.mail_out, clock.speed)]

    def make(self, order: Order) -> Report:
        """A report as it is now. Raises StoreError."""
        now = self._clock.now()
        given = read_weekly(
            self._store, dict(self._packs), self.sources, now, slack_of(self._clock), asked=order.platforms, late=order.late,
            demo=self._settings.demo, public_url=self._settings.public_url, forecasts=self.forecasts, zone=order.zone, lists=self._lists(now),
        )  # fmt: skip
        with self._drawing:  # one at a time: drawing takes a core for a moment
            return weekly_report(content(given, now, order.zone), order.report_key)

    def _lists(self, now: datetime) -> Sequence[PriceList]:
        return self.catalogue.lists(now) if self.catalogue is not None else ()

    def unready(self) -> str:
        """Why no mail can be sent now; empty when it can."""
        if self._alerting().smtp is not None:
            return ""
        return DEMO_SENDS_NOTHING if self._settings.demo else NO_SMTP

    def due_next(self, recipient: Recipient) -> datetime:
        """When a recipient gets their report next."""
        return due_next(recipient, self._wall.now())

    def preview(self, platforms: Sequence[str], zone: str) -> Report:
        """The report as it would be made now; kept nowhere."""
        return self.make(Order("preview", _zone(zone), tuple(platforms)))

    def send(self, to: Sequence[str] | None, platforms: Sequence[str], zone: str, who: str) -> Mapping[str, Any]:
        """Make it now, keep it, and send it through the outbox of reports; what became of each copy so far."""
        now = self._wall.now()
        groups = self._groups(to, tuple(platforms), zone)
        archive, mailings = Archive(self._state), Mailings(self._state)
        keys, ids = [], []
        for (name, of), people in groups.items():
            key = f"{WEEKLY}/by-hand/{now:%Y-%m-%dT%H:%M:%S.%fZ}/{name}" + (f"/of/{','.join(of)}" if of else "")
            archive.keep(self.make(Order(key, ZoneInfo(name), of)))
            keys.append(key)
            ids += [mailings.put(key, address, now, now, number) for address, number in people]
        return self._sent(keys, ids, who)

    def send_capacity(self, to: Sequence[str] | None, platforms: Sequence[str], who: str) -> Mapping[str, Any]:
        """Make the capacity report of each of these platforms (none: of all) now, keep it, and send it the same way."""
        at, now = self._wall.now(), self._clock.now()
        archive, mailings = Archive(self._state), Mailings(self._state)
        people = [(address, number, of) for (_, of), group in self._groups(to, (), "UTC").items() for address, number in group]
        keys, ids = [], []
        for slug, pack in dict(self._packs).items():
            if platforms and slug not in platforms:
                continue
            given = read_capacity(
                self._store,
                self.forecasts,
                pack,
                now,
                slack_of(self._clock),
                demo=self._settings.demo,
                lists=self._lists(now),
                others=set(self._packs) - {slug},
            )
            key = f"{CAPACITY}/by-hand/{at:%Y-%m-%dT%H:%M:%S.%fZ}/{slug}"
            with self._drawing:
                archive.keep(capacity_report(capacity_content(pack, given, now), key))
            keys.append(key)
            ids += [mailings.put(key, address, at, at, number) for address, number, of in people if not of or slug in of]
        return self._sent(keys, ids, who)

    def _sent(self, keys: Sequence[str], ids: Sequence[str], who: str) -> Mapping[str, Any]:
        """Send these mailings now, and say what became of them."""
        Audit(self._state).add(who, "send reports", {"reports": list(keys), "copies": len(ids)})
        self.mail_out.pump(ids)
        mailings = Mailings(self._state).of_ids(ids)
        return {"reports": list(keys), "mailings": [mailing_document(each) for each in mailings], "words": self.unready()}

    def _groups(
        self, to: Sequence[str] | None, platforms: tuple[str, ...], zone: str
    ) -> dict[tuple[str, tuple[str, ...]], list[tuple[str, int | None]]]:
        """Who gets the same report: by zone and platforms, each one's address and number as a recipient."""
        groups: dict[tuple[str, tuple[str, ...]], list[tuple[str, int | None]]] = {}
        if to is None:
            for each in Recipients(self._state).live(WEEKLY):
                groups.setdefault((each.zone, each.platforms), []).append((each.address, each.id))
            if not groups:
                raise InputError(
                    "nobody gets the weekly report yet", "recipients", "name an address, or add one: `recipient add ADDRESS`"
                )
            return groups
        if not to:
            raise InputError("there is no address to send it to", "to", "name one or more")
        people: list[tuple[str, int | None]] = [
            (address, None) for address in dict.fromkeys(checked_address(each) for each in to)
        ]
        return {(_zone(zone).key, platforms): people}

    def _first(self) -> Order | None:
        """In a demo one report as soon as there are forecasts, so that the archive is not empty."""
        if self._store.select(HAS_FORECASTS)["n"][0].as_py() == 0:
            return None
        return Order(f"{WEEKLY}/first", ZoneInfo("UTC"), ())


class NoServer(NoMailer):
    """For commands that change recipients while no server runs."""

    def __init__(self, wall: Now) -> None:
        self._wall = wall

    def unready(self) -> str:
        """Nothing is sent without a server."""
        return "no server runs: nothing is sent until one does"

    def due_next(self, recipient: Recipient) -> datetime:
        """When it will be due."""
        return due_next(recipient, self._wall.now())


def forget_old_reports(state: StateDb, wall: datetime) -> int:
    """Delete reports older than 400 days, and their mailings; how many rows."""
    return Archive(state).forget(wall) + Mailings(state).forget(wall)


def _zone(name: str) -> ZoneInfo:
    if name not in known_zones():
        raise InputError(f"{name[:60]!a} is not a time zone", "zone", "write for example Europe/Berlin, or UTC")
    return ZoneInfo(name)
