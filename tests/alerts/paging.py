"""The engine and the pipeline together over a real state database, on a clock that the test moves: what was told, to whom and why."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from alerts.acknowledgements import Acknowledgements
from alerts.alert import Alert, Event
from alerts.book import Book
from alerts.compose import Words
from alerts.notice import Notice
from alerts.notice_json import notice_of
from alerts.pipeline import flush
from alerts.silences import Draft, Silences
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from roomleft.findings import Looked
from roomleft.matchers import parse_matchers
from roomleft.packs_parts import Component
from roomleft.rules import Rule
from tests.alerts.made import EVERY, NOON, Run, finding
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, NoticeGroupRow, OutboxRow


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        StateDb.open(f"sqlite:///{folder}/state.db", FixedClock(NOON)).close()
        return (Path(folder) / "state.db").read_bytes()


@contextmanager
def quick_state(folder: Path) -> Iterator[StateDb]:
    """An empty state database in SQLite, migrated once for all tests."""
    path = folder / "state.db"
    path.write_bytes(_migrated())
    state = StateDb.open(f"sqlite:///{path}", FixedClock(NOON))
    try:
        yield state
    finally:
        state.close()


FINE = Looked()
MAIL = {"kind": "email", "to": ["ops@example.org"]}
PAGER = {"kind": "pagerduty", "routing_key_env": "KEY"}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def alerting(
    *routes: Mapping[str, Any], receivers: Mapping[str, Sequence[Mapping[str, Any]]] | None = None, **more: Any
) -> Alerting:
    """alerting.yaml with these routes (absent: all to `ops`), to receivers by mail unless given."""
    listed = [dict(route) for route in routes] or [{"receiver": "ops"}]
    names = {route["receiver"] for route in listed} | {step["receiver"] for route in listed for step in route.get("escalate", ())}
    made = {**{name: [MAIL] for name in names}, **(receivers or {})}
    document = {"receivers": [{"name": name, "channels": channels} for name, channels in made.items()], "routes": listed, **more}
    return Alerting.model_validate(document)


def pack(slug: str = "shop", zone: str = "Europe/Berlin", **needs: Sequence[str]) -> Any:
    """As much of a pack as the pipeline reads: components and what they depend on."""
    parts = [Component(id=name, title=name.title(), summary=name, depends_on=list(of)) for name, of in needs.items()]
    return SimpleNamespace(slug=slug, title=slug.title(), zone=zone, components=parts)


def slow(*names: str, holds: bool | None = True, value: float | None = 812.0) -> Looked:
    """Findings of replicas that are slow (or are not, or nobody knows)."""
    return Looked(tuple(finding(holds, value, replica=name) for name in names))


class Paged:
    """Evaluations, each stored and told of. What a step returns are the notices that it put into the outbox."""

    def __init__(
        self, db: StateDb, file: Alerting, *rules: Rule, packs: Sequence[Any] = (), at: datetime = NOON, **words: Any
    ) -> None:
        self.db, self.file = db, file
        self.run = Run(*rules, at=at)
        self.packs = {each.slug: each for each in packs}
        self.more = words
        self._given: list[Mapping[str, Looked] | Looked] = []

    @property
    def now(self) -> datetime:
        return self.run.at

    @property
    def words(self) -> Words:
        return Words(packs=self.packs, rules=self.run.rules, **self.more)

    def beat(self, found: Looked | Mapping[str, Looked], after: timedelta = EVERY) -> list[Notice]:
        """One evaluation, stored, and the pipeline after it."""
        self.evaluate(found, after)
        return self.flush()

    def evaluate(self, found: Looked | Mapping[str, Looked], after: timedelta = EVERY) -> None:
        """One evaluation, stored; nobody is told yet, as after a crash in between."""
        events = len(self.run.events)
        self.run.beat(found, after)
        assert self.run.newest is not None
        fresh: list[Event] = self.run.events[events:]
        Book(self.db).apply(self.run.newest.changes, [replace(event, id=None) for event in fresh])

    def flush(self, alerts: Sequence[Alert] | None = None) -> list[Notice]:
        """The pipeline alone."""
        ids = flush(self.db, self.file, Book(self.db).active(self.now) if alerts is None else alerts, self.now, self.words)
        return self.notices(ids)

    def for_(self, span: timedelta, found: Looked | Mapping[str, Looked], every: timedelta = EVERY) -> list[Notice]:
        """Evaluations at every interval for so long."""
        return [notice for _ in range(span // every) for notice in self.beat(found, every)]

    def notices(self, ids: Sequence[int]) -> list[Notice]:
        with self.db.read() as connection:
            rows = connection.execute(
                select(OutboxRow.id, OutboxRow.content).where(OutboxRow.id.in_(list(ids))).order_by(OutboxRow.id)
            )
            return [notice_of(content) for _, content in rows]

    def restarted(self) -> Paged:
        """The same as a new process sees it: nothing but the state database, and the clock."""
        again = Paged(self.db, self.file, *self.run.rules.values(), at=self.now, **self.more)
        again.packs = self.packs
        again.run.before, again.run.alerts = self.now, tuple(Book(self.db).active(self.now))
        return again

    def silence(self, *matchers: str, last: timedelta = HOUR, **more: Any) -> int:
        draft = Draft(parse_matchers(matchers), self.now + last, **more)
        return Silences(self.db).add(draft, who="ana", now=self.now)

    def take(self, alert: Alert, **more: Any) -> int:
        return Acknowledgements(self.db).take(alert.episode, who="ana", now=self.now, **more)

    @property
    def withheld(self) -> list[tuple[str, str]]:
        """(receiver, reason) of everything that was withheld, in the order it was noted."""
        with self.db.read() as connection:
            wanted = (
                select(DeliveryRow.receiver, DeliveryRow.reason).where(DeliveryRow.outcome == "withheld").order_by(DeliveryRow.id)
            )
            return [(receiver, reason) for receiver, reason in connection.execute(wanted)]

    def stored(self) -> list[Any]:
        """Everything the pipeline keeps."""
        with self.db.read() as connection:
            tables = (OutboxRow, DeliveryRow, NoticeGroupRow)
            return [tuple(row) for table in tables for row in connection.execute(select(table.__table__))]


def told(notices: Sequence[Notice]) -> list[tuple[str, str, str]]:
    """(receiver, kind, why) of notices."""
    return [(each.receiver, each.kind.value, each.why.value) for each in notices]
