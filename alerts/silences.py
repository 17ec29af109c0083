"""Silences and maintenance windows: alerts that match tell nobody for a time. Made in the app (once or recurring), or windows of alerting.yaml.

Ending is final. What is over never holds again, not after an edit, a restart or a clock that was set back: then it is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from alerts.alert import Alert
from alerts.one_at_a_time import SILENCING, one_at_a_time
from alerts.windows import next_span, span_at, spans_between, window_words
from roomleft.alerting import Maintenance, RecurringSpec
from roomleft.errors import InputError
from roomleft.findings import AlertState
from roomleft.matchers import Matcher, as_document, matches, of_document, parse_matchers, settled
from roomleft.timespan import utc
from warehouse.state import StateDb
from warehouse.state.audit import record
from warehouse.state.models_alerting import AlertEventRow, SilenceRow

Kind = Literal["silence", "maintenance"]
LONGEST = timedelta(days=30)
"""How long one may last: nobody remembers it longer."""
LONGEST_RECURRING = timedelta(days=366)
IDLE_AFTER = timedelta(days=7)
"""After so long without anything that matches, one is shown as idle."""
ENDS_SOON = timedelta(hours=1)
EXPIRED = "roomleft"
"""Who ended one that ran out."""
NOTE_LENGTH = 1000
MOST_MATCHERS = 20
COLUMNS = tuple(SilenceRow.__table__.columns)


@dataclass(frozen=True, slots=True)
class Silence:
    """One of them. `ends_at` None: only a window of alerting.yaml, whose `id` is 0 and which `note` names. `ended_at`: it is over for good."""

    id: int
    kind: Kind
    matchers: tuple[Matcher, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    recurring: RecurringSpec | None
    note: str
    made_by: str
    made_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it can never hold again."""
        return self.ended_at is not None or (self.ends_at is not None and self.ends_at <= now)

    def state_at(self, now: datetime) -> Literal["pending", "active", "expired"]:
        """`pending` before it begins and between the times of a recurring one."""
        return "expired" if self.is_over(now) else "active" if self.stretch(now) is not None else "pending"

    def stretch(self, now: datetime) -> tuple[datetime | None, datetime | None] | None:
        """From when until when it holds, if it holds now."""
        if self.is_over(now) or (self.starts_at is not None and now < self.starts_at):
            return None
        if self.recurring is None:
            return self.starts_at, self.ends_at
        span = span_at(self.recurring, now)
        if span is None:
            return None
        return span[0], span[1] if self.ends_at is None else min(span[1], self.ends_at)

    def next_stretch(self, now: datetime) -> datetime | None:
        """When it begins next; None if it holds now or never again."""
        if self.is_over(now) or self.stretch(now) is not None:
            return None
        start = max(now, self.starts_at) if self.starts_at is not None else now
        if self.recurring is None:
            return start
        span = span_at(self.recurring, start) or next_span(self.recurring, start)
        begins = max(span[0], start) if span is not None else None
        return begins if begins is not None and (self.ends_at is None or begins < self.ends_at) else None

    def holds(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether an alert with these labels tells nobody because of it, now."""
        return self.stretch(now) is not None and matches(self.matchers, labels)

    @property
    def words(self) -> str:
        """`silence 12 by ana: deploy`, `window "Backups" every day 01:00–02:30 UTC`."""
        if not self.id:
            return f'window "{self.note}"' + (f" {window_words(self.recurring)}" if self.recurring else "")
        return f"{'silence' if self.kind == 'silence' else 'window'} {self.id} by {self.made_by}" + (
            f": {self.note}" if self.note else ""
        )


def windows_of(maintenance: Iterable[Maintenance]) -> list[Silence]:
    """The windows of alerting.yaml."""
    return [
        Silence(0, "maintenance", parse_matchers(each.match), None, None, each.recurring, each.name, "alerting.yaml")
        for each in maintenance
    ]


def standing(connection: Connection) -> list[Silence]:
    """Those made here that nobody ended, the expired among them until `note_expired` closes them."""
    return [
        _silence(row._mapping)
        for row in connection.execute(select(*COLUMNS).where(SilenceRow.ended_at.is_(None)).order_by(SilenceRow.id))
    ]


def note_expired(connection: Connection, now: datetime, wall: datetime) -> None:
    """Close what has run out, so that it stays over although the clock may be set back."""
    rows = (
        connection.execute(select(SilenceRow.id).where(SilenceRow.ended_at.is_(None), SilenceRow.ends_at <= now)).scalars().all()
    )
    for number in rows:
        connection.execute(
            update(SilenceRow).where(SilenceRow.id == number).values(ended_at=SilenceRow.ends_at, ended_by=EXPIRED)
        )
        record(connection, wall, EXPIRED, "silence expired", id=number)


@dataclass(frozen=True, slots=True)
class Draft:
    """A silence somebody wants. `recurring` makes it one that comes again between its start and its end."""

    matchers: tuple[Matcher, ...]
    ends_at: datetime
    starts_at: datetime | None = None
    kind: Kind = "silence"
    recurring: RecurringSpec | None = None
    note: str = ""


class Silences:
    """Makes, prolongs, ends and lists them. Each deed stands in the audit in the same transaction; `now` is the platform's clock."""

    def __init__(self, state: StateDb) -> None:
        self._state = state

    def all(self, now: datetime, *, since: datetime | None = None) -> list[Silence]:
        """Those that are not over, and those that ended since an instant (absent: within a week), newest first."""
        oldest = since if since is not None else now - IDLE_AFTER
        with self._state.read() as connection:
            rows = connection.execute(select(*COLUMNS).order_by(SilenceRow.id.desc()))
            found = [_silence(row._mapping) for row in rows]
        return [each for each in found if not each.is_over(now) or (each.ended_at or each.ends_at or now) >= oldest]

    def find(self, number: int) -> Silence:
        """One of them. Raises InputError."""
        with self._state.read() as connection:
            return _find(connection, number)

    def add(self, draft: Draft, *, who: str, now: datetime, replace_same: bool = False, everything: bool = False) -> int:
        """Make one; its id. Raises InputError for one that is over before it begins, too long, about everything (unless `everything`), or at the
        same time as another with the same matchers (unless `replace_same`, which ends the other)."""
        wanted = _checked(draft, now, everything)
        with self._state.write() as connection:
            one_at_a_time(connection, SILENCING)
            others = [each for each in standing(connection) if not each.is_over(now) and _conflict(each, wanted)]
            if others and not replace_same:
                other = others[0]
                raise InputError(
                    f"{other.words} says the same until {_short(other.ends_at)}",
                    f"silence {other.id}",
                    'prolong that one, end it, or replace it (--replace, `"replace": true`)',
                )
            wall = self._state.clock.now()
            for other in others:
                _end(connection, other.id, who, now, wall)
            made = connection.execute(
                insert(SilenceRow)
                .values(
                    kind=wanted.kind,
                    matchers=json.dumps(as_document(wanted.matchers), sort_keys=True),
                    starts_at=wanted.starts_at,
                    ends_at=wanted.ends_at,
                    recurring=wanted.recurring.model_dump_json() if wanted.recurring is not None else None,
                    note=wanted.note,
                    made_by=who,
                    made_at=now,
                )
                .returning(SilenceRow.id)
            )
            number = int(made.scalar_one())
            record(
                connection, wall, who, "silence", id=number, kind=wanted.kind, matchers=[str(each) for each in wanted.matchers],
                starts_at=wanted.starts_at, ends_at=wanted.ends_at, note=wanted.note, replaced=[each.id for each in others],
            )  # fmt: skip
        return number

    def prolong(self, number: int, ends_at: datetime, *, who: str, now: datetime) -> None:
        """Give one another end. Raises InputError for one that is over: ending is final."""
        end = utc(ends_at)
        with self._state.write() as connection:
            found = _still(connection, number, now)
            start = max(found.starts_at or now, now)
            _check_length(start, end, now, found.recurring is not None)
            _check_comes(found.recurring, start, end)
            connection.execute(update(SilenceRow).where(SilenceRow.id == number).values(ends_at=end))
            record(connection, self._state.clock.now(), who, "prolong silence", id=number, before=found.ends_at, ends_at=end)

    def end(self, number: int, *, who: str, now: datetime) -> None:
        """End one now, for good. Raises InputError for one that is over."""
        with self._state.write() as connection:
            _still(connection, number, now)
            _end(connection, number, who, now, self._state.clock.now())

    def seen(self, now: datetime) -> list[Mapping[str, str]]:
        """The label sets that something happened to within a week: what silences could have matched."""
        with self._state.read() as connection:
            rows = connection.execute(select(AlertEventRow.labels).where(AlertEventRow.at >= now - IDLE_AFTER).distinct())
            return [json.loads(labels) for (labels,) in rows]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holds now: how many firing alerts it hides, and whether it matched nothing for a week."""

    hides: int
    idle: bool


def holding(silence: Silence, alerts: Sequence[Alert], seen: Sequence[Mapping[str, str]], now: datetime) -> Holding:
    """What a silence holds. `alerts` are those active, `seen` the label sets of `Silences.seen`."""
    hit = [alert for alert in alerts if matches(silence.matchers, alert.labels)]
    hides = sum(alert.state is AlertState.FIRING for alert in hit) if silence.stretch(now) is not None else 0
    old = silence.made_at is not None and now - max(silence.made_at, silence.starts_at or silence.made_at) >= IDLE_AFTER
    idle = old and not silence.is_over(now) and not hit and not any(matches(silence.matchers, labels) for labels in seen)
    return Holding(hides, idle)


def _checked(draft: Draft, now: datetime, everything: bool) -> Draft:
    matchers = settled(draft.matchers)
    start, end = max(utc(draft.starts_at), now) if draft.starts_at is not None else now, utc(draft.ends_at)
    if len(matchers) > MOST_MATCHERS:
        raise InputError(f"a silence has at most {MOST_MATCHERS} matchers", "matchers", 'use a pattern: component=~"a|b"')
    if not everything and all(matcher.is_wide for matcher in matchers):
        said = " and ".join(str(matcher) for matcher in matchers)
        raise InputError(
            f"a silence of {said} would hold every alert, or nearly every one"
            if matchers
            else "a silence without matchers would hold every alert",
            "matchers",
            'say whose alerts are meant, for example platform=shop; if all are, add --all (`"all": true`)',
        )
    _check_length(start, end, now, draft.recurring is not None)
    _check_comes(draft.recurring, start, end)
    return replace(draft, matchers=matchers, starts_at=start, ends_at=end, note=draft.note.strip()[:NOTE_LENGTH])


def _check_length(start: datetime, end: datetime, now: datetime, recurring: bool) -> None:
    if end <= max(start, now):
        raise InputError(
            f"it would be over before it begins: it ends {_short(end)}",
            "endsAt",
            f"give an instant after {_short(max(start, now))}",
        )
    longest = LONGEST_RECURRING if recurring else LONGEST
    if end - max(start, now) > longest or start - now > LONGEST_RECURRING:
        raise InputError(
            f"a {'recurring silence' if recurring else 'silence'} lasts {longest.days} days at most: longer ones are forgotten and hide real alerts",
            "endsAt",
            "prolong it when it is about to end; what always holds belongs into `maintenance` of alerting.yaml",
        )


def _check_comes(recurring: RecurringSpec | None, start: datetime, end: datetime) -> None:
    if recurring is not None and next(spans_between(recurring, start, end), None) is None:
        raise InputError(
            f"{window_words(recurring)} never comes before {_short(end)}", "recurring", "give a later end, or other days"
        )


def _conflict(one: Silence, other: Draft) -> bool:
    """Whether both hold at one instant, with the same matchers."""
    assert one.starts_at is not None, "what is made here has a start"
    assert one.ends_at is not None, "and an end"
    assert other.starts_at is not None, "a checked draft has a start"
    if one.matchers != other.matchers:
        return False
    start, end = max(one.starts_at, other.starts_at), min(one.ends_at, other.ends_at)
    if start >= end:
        return False
    if one.recurring is None and other.recurring is None:
        return True
    if one.recurring is not None and other.recurring is not None:
        mine, theirs = list(spans_between(one.recurring, start, end)), list(spans_between(other.recurring, start, end))
        return any(a[0] < b[1] and b[0] < a[1] for a in mine for b in theirs if abs(a[0] - b[0]) < timedelta(days=3))
    window = one.recurring or other.recurring
    assert window is not None, "one of the two is recurring"
    return next(spans_between(window, start, end), None) is not None


def _still(connection: Connection, number: int, now: datetime) -> Silence:
    found = _find(connection, number)
    if found.is_over(now):
        by = f" by {found.ended_by}" if found.ended_by not in (None, EXPIRED) else ""
        raise InputError(
            f"silence {number} ended {_short(found.ended_at or found.ends_at)}{by}, and what has ended stays so",
            f"silence {number}",
            "make a new one with the same matchers",
        )
    return found


def _find(connection: Connection, number: int) -> Silence:
    row = connection.execute(select(*COLUMNS).where(SilenceRow.id == number)).one_or_none() if 0 < number < 2**63 else None
    if row is None:
        raise InputError(f"there is no silence {number}", "silences", "`silence list` names them")
    return _silence(row._mapping)


def _end(connection: Connection, number: int, who: str, now: datetime, wall: datetime) -> None:
    connection.execute(update(SilenceRow).where(SilenceRow.id == number).values(ended_at=now, ended_by=who))
    record(connection, wall, who, "end silence", id=number)


def _silence(row: Mapping[Any, Any]) -> Silence:
    # Checked when it was made; to check a zone's name again would read the whole zone database each time.
    recurring = RecurringSpec.model_construct(**json.loads(row["recurring"])) if row["recurring"] else None
    return Silence(**{**row, "matchers": of_document(json.loads(row["matchers"])), "recurring": recurring})


def _short(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at is not None else "never"
