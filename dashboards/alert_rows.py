"""Alerts, what happened to them, and who was told, as rows read from the state database for the pages and the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from alerts.acknowledgements import Acknowledgement, in_force
from alerts.alert import Event
from alerts.book import Book
from alerts.notice import Withheld
from roomleft.rules import Rule
from roomleft.rules_when import leaves
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow

MOST_EVENTS = 5_000
MOST_DELIVERIES = 2_000


@dataclass(frozen=True, slots=True)
class Firing:
    """A stretch [since, until) in which one alert fired (`kind` firing), or nobody knew of one (`unknown`); `until` None: still. `title` is its
    rule's, where that is still in force, and `about` what its conditions name: series, meters, limits, thresholds; empty for a whole component.
    """

    rule_id: str
    fingerprint: str
    platform: str
    severity: str
    episode: str
    kind: str
    since: datetime
    until: datetime | None
    labels: Mapping[str, str]
    title: str
    about: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice in the outbox with its content read."""

    id: int
    notice_id: str
    receiver: str
    channel: str
    group_key: str
    kind: str
    why: str
    content: Mapping[str, Any]
    made_at: datetime
    due_at: datetime
    state: str
    attempts: int
    done_at: datetime | None
    words: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt to deliver, or a notice withheld."""

    id: int
    at: datetime
    notice_id: str
    receiver: str
    channel: str
    attempt: int
    outcome: str
    status: str
    answer: str
    reason: str
    took_ms: int | None
    rule_id: str
    fingerprint: str
    episode: str


BEGINS = {"firing": "firing", "unknown": "unknown"}
ENDS = {"firing": {"resolved", "withdrawn"}, "unknown": {"known", "firing", "resolved", "withdrawn", "lapsed", "pending"}}


def firings(happened: Iterable[Event], rules: Mapping[str, Rule]) -> list[Firing]:
    """The stretches that events (oldest first) tell of: from firing to resolved, from unknown to known. One whose end has not come is open."""
    open_: dict[tuple[str, str, str], Event] = {}
    found: list[Firing] = []
    for event in happened:
        key = (event.rule_id, event.fingerprint)
        for kind, ends in ENDS.items():
            began = open_.get((*key, kind))
            if began is not None and event.what in ends:
                found.append(_stretch(began, kind, event.at, rules))
                del open_[*key, kind]
        if event.what in BEGINS:
            open_.setdefault((*key, BEGINS[event.what]), event)
    found += [_stretch(began, kind, None, rules) for (_, _, kind), began in open_.items()]
    return sorted(found, key=lambda each: (each.since, each.rule_id, each.fingerprint))


def _stretch(began: Event, kind: str, until: datetime | None, rules: Mapping[str, Rule]) -> Firing:
    rule = rules.get(began.rule_id)
    title = rule.title if rule else began.labels.get("alertname", began.rule_id)
    about: frozenset[str] = named_by(rule) if rule else frozenset()
    return Firing(
        began.rule_id, began.fingerprint, began.platform, began.severity, began.episode, kind, began.at, until, began.labels, title, about
    )  # fmt: skip


NAMES = ("headroom", "meter", "series", "burn", "absent", "threshold")
"""What a condition may name of a pack."""


def named_by(rule: Rule) -> frozenset[str]:
    """The series, meters, limits and thresholds that a rule's conditions name."""
    return frozenset(str(name) for leaf in leaves(rule.when) for key in NAMES if (name := getattr(leaf, key, None)))


LOOK_BACK = timedelta(days=30)
WORTH_TELLING = timedelta(minutes=5)
"""How long nobody must have known of an alert for that to be drawn: a restart is no news."""


def worth_telling(each: Firing, now: datetime) -> bool:
    """Whether a stretch is drawn: all that fired, and what was unknown for a while."""
    return each.kind == "firing" or (each.until or now) - each.since >= WORTH_TELLING


def firings_between(
    state: StateDb, rules: Mapping[str, Rule], platform: str | None, since: datetime, until: datetime
) -> list[Firing]:
    """The stretches that touch [since, until), clipped at neither end; those that began over 30 days before it are left out."""
    happened = Book(state).events(since - LOOK_BACK, until, platform=platform, limit=MOST_EVENTS)
    return [each for each in firings(happened, rules) if each.until is None or each.until > since]


def acknowledged(state: StateDb, episodes: Sequence[str], now: datetime) -> dict[str, Acknowledgement]:
    """The newest acknowledgement in force of each episode that has one."""
    with state.read() as connection:
        return in_force(connection, episodes, now)


def deliveries(state: StateDb, *, episode: str | None = None, since: datetime | None = None) -> list[Delivery]:
    """Attempts and what was withheld, newest first; at most `MOST_DELIVERIES`. Of an episode: its own, and its notices' attempts."""
    table = DeliveryRow
    wanted = select(table.__table__).order_by(table.at.desc(), table.id.desc()).limit(MOST_DELIVERIES)
    if since is not None:
        wanted = wanted.where(table.at >= since)
    if episode is not None:
        like = OutboxRow.content.contains(f'"{episode}"', autoescape=True)
        notices = select(OutboxRow.notice_id).where(like).scalar_subquery()
        wanted = wanted.where(or_(table.episode == episode, table.notice_id.in_(notices)))
    with state.read() as connection:
        return [Delivery(**row) for row in connection.execute(wanted).mappings()]


def is_held_untold(state: StateDb, episode: str) -> bool:
    """Whether nobody was told of an episode, the newest word on it being that another alert explains it, or that there is none yet."""
    known = deliveries(state, episode=episode) if episode else []
    withheld = next((each for each in known if each.outcome == "withheld"), None)
    told = any(each.outcome == "delivered" for each in known)
    return not told and (withheld is None or withheld.reason in (Withheld.DEPENDENCY, Withheld.INHIBITED))


def outbox(state: StateDb, *, channel: str | None = None, notice_ids: Sequence[str] | None = None, most: int = 200) -> list[Sent]:
    """Notices, newest first."""
    table = OutboxRow
    columns = [getattr(table, name) for name in Sent.__dataclass_fields__]
    wanted = select(*columns).order_by(table.id.desc()).limit(most)
    if channel is not None:
        wanted = wanted.where(table.channel.startswith(channel, autoescape=True))
    if notice_ids is not None:
        wanted = wanted.where(table.notice_id.in_(list(notice_ids)))
    with state.read() as connection:
        return [Sent(**{**row, "content": _map(row["content"])}) for row in connection.execute(wanted).mappings()]


def _map(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
