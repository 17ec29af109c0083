"""From alerts that fire to notices in the outbox: who is told what, when, and why the others are not.

`flush` is one transaction of the state database and idempotent: at one instant it does once what is to be done, however often it is called, and after a
crash the next call goes on from what was stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from alerts.alert import Alert
from alerts.book import Book
from alerts.compose import Words, tells_no_data
from alerts.ending_silences import tell_ending
from alerts.escalation import escalate
from alerts.groups import Group, Groups, name_of
from alerts.inhibit import inhibited
from alerts.look import Look
from alerts.notice import Kind, Why, Withheld
from alerts.one_at_a_time import TELLING, one_at_a_time
from alerts.routes import Routes, first_wait
from alerts.silences import note_expired, standing, windows_of
from alerts.withheld import Line, WithheldBook
from roomleft.alerting import Alerting
from roomleft.findings import AlertState, Severity
from warehouse.state import StateDb
from warehouse.state.models_alerting import AlertRow

log = logging.getLogger(__name__)

AlertStage = Callable[[Look, list[Alert]], list[Alert]]
GroupStage = Callable[[Look, list[Group]], list[Group]]


@dataclass(frozen=True)
class Pipeline:
    """The stages in the order they run. Each takes alerts, or groups of them, and gives back those the next one may tell of."""

    withhold: tuple[AlertStage, ...]
    gather: Callable[[Look, list[Alert]], list[Group]]
    tell: tuple[GroupStage, ...]

    def run(self, look: Look) -> None:
        """All of it, once."""
        alerts = look.firing()
        for stage in self.withhold:
            alerts = stage(look, alerts)
        groups = self.gather(look, alerts)
        for step in self.tell:
            groups = step(look, groups)


def build_pipeline() -> Pipeline:
    """The order is the specification; what a stage withholds, it withholds under a name of `Withheld`.

    An end is told to whoever was told of the beginning: no stage above `gather` holds one back.
    """
    return Pipeline(
        withhold=(
            drop_unknown,  # nobody knows whether it still holds: what was told is not told again
            drop_inhibited,  # a component it depends on fails, or a rule of alerting.yaml says so
            drop_in_maintenance,
            drop_silenced,
            drop_acknowledged,  # somebody has it
        ),
        gather=route_and_group,
        tell=(
            tell_all_over,  # the last of a group is over: at once
            tell_first,  # a new group, after group_wait
            tell_news,  # new ones and ended ones of a told group, each once, after group_interval
            tell_unacknowledged,  # an acknowledgement ran out
            tell_again,  # after repeat_interval
            tell_further,  # nobody acknowledged: the route's next receiver
        ),
    )


def flush(state: StateDb, alerting: Alerting, alerts: Sequence[Alert], now: datetime, words: Words | None = None) -> list[int]:
    """Tell who is to be told; the ids of the notices put into the outbox.

    `alerts` are those of `Book.active()`, `now` the instant they were evaluated at. Nothing is done if another server has changed them since they were
    read: that one tells of its own, and a resolved alert cannot be told to fire by who has not seen its end. Raises StoreError.
    """
    routes = Routes(alerting)
    try:
        with state.write() as connection:
            one_at_a_time(connection, TELLING)
            if _is_stale(connection, alerts):
                log.info("alerts were changed by another server meanwhile: the next evaluation tells of them")
                return []
            wall = state.clock.now()
            note_expired(connection, now, wall)
            silences = [*windows_of(alerting.maintenance), *standing(connection)]
            look = Look(
                connection,
                now,
                wall,
                alerting,
                alerts,
                _asking_once(words or Words()),
                Groups(connection, now),
                silences,
                Book(state).episode,
                routes,
            )
            note_untold(look)
            build_pipeline().run(look)
            tell_ending(look)
            look.groups.store()
            WithheldBook(connection).note(look.lines, wall)
            return look.made
    except IntegrityError as error:
        log.info("another server told of these alerts at the same time: %s", error.orig)
        return []


def _asking_once(words: Words) -> Words:
    """What changed is asked once, not again for each group of alerts that began together: the state database is being written meanwhile."""
    return replace(words, changed=cache(words.changed))


def _is_stale(connection: Connection, alerts: Sequence[Alert]) -> bool:
    """Whether what fires is not what is stored any more."""
    stored = connection.execute(
        select(AlertRow.rule_id, AlertRow.fingerprint, AlertRow.episode).where(AlertRow.state == AlertState.FIRING.value)
    )
    return {tuple(row) for row in stored} != {(*each.key, each.episode) for each in alerts if each.state is AlertState.FIRING}


def note_untold(look: Look) -> None:
    """Note what nobody is told of by its state alone: what is unknown and did not fire, what was over before anybody was told."""
    for alert in look.alerts:
        if alert.state is AlertState.UNKNOWN:
            look.withhold(alert, Withheld.UNKNOWN, alert.unknown_words)
        elif alert.state is AlertState.RESOLVED and not look.groups.was_told(alert):
            look.withhold(alert, Withheld.RESOLVED_UNTOLD)


def drop_unknown(look: Look, alerts: list[Alert]) -> list[Alert]:
    """What fires, was told, and is unknown now repeats no page, unless its rule alerts on missing data."""
    return [
        alert
        for alert in alerts
        if alert.unknown_since is None or _tells_no_data(look, alert) or not look.groups.was_told(alert) or _held(look, alert)
    ]


def _held(look: Look, alert: Alert) -> bool:
    look.withhold(alert, Withheld.UNKNOWN, alert.unknown_words)
    return False


def _tells_no_data(look: Look, alert: Alert) -> bool:
    rule = look.words.rules.get(alert.rule_id)
    return rule is not None and rule.on_no_data == "alert"


def drop_inhibited(look: Look, alerts: list[Alert]) -> list[Alert]:
    """What another alert explains: sources are all that fire, silenced, acknowledged and unknown ones too."""
    found = inhibited(look.alerts, look.words.packs, look.alerting.inhibit, look.words.rules, look.now)
    for alert in alerts:
        if alert.key in found:
            why = found[alert.key]
            look.withhold(alert, why.reason, look.words.title(why.by))
    return [alert for alert in alerts if alert.key not in found]


def drop_in_maintenance(look: Look, alerts: list[Alert]) -> list[Alert]:
    """What is in a window, of alerting.yaml or made here."""
    return _not_silenced(look, alerts, "maintenance", Withheld.MAINTENANCE)


def drop_silenced(look: Look, alerts: list[Alert]) -> list[Alert]:
    """What somebody silenced."""
    return _not_silenced(look, alerts, "silence", Withheld.SILENCED)


def _not_silenced(look: Look, alerts: list[Alert], kind: str, reason: Withheld) -> list[Alert]:
    holding = [each for each in look.silences if each.kind == kind and each.stretch(look.now) is not None]
    kept = []
    for alert in alerts:
        by = next((each for each in holding if each.holds(alert.labels, look.now)), None)
        if by is None:
            kept.append(alert)
        else:
            look.withhold(alert, reason, by.words)
    return kept


def drop_acknowledged(look: Look, alerts: list[Alert]) -> list[Alert]:
    """What somebody has taken on."""
    for alert in alerts:
        if alert.episode in look.taken:
            look.withhold(alert, Withheld.ACKNOWLEDGED, f"by {look.taken[alert.episode].who}")
    return [alert for alert in alerts if alert.episode not in look.taken]


def route_and_group(look: Look, alerts: list[Alert]) -> list[Group]:
    """Every group with its alerts: those that may be told of, and those it was told of that are withheld. An alert stays in the group it was told in."""
    for alert in alerts:
        aims = look.routes.aims(alert.labels)
        if not aims:
            look.withhold(alert, Withheld.NO_ROUTE if look.routes.receivers else Withheld.NO_RECEIVER)
        for aim in aims:
            group = look.groups.that_told(aim.receiver, alert) or look.groups.of(aim)
            group.route = group.route or aim.route
            group.firing.append(alert)
    fires = {name_of(alert): alert for alert in look.firing()}
    for group in look.groups.all.values():
        told_of = {name_of(alert) for alert in group.firing}
        group.held = [
            fires[name]
            for name, told in group.told.items()
            if name not in told_of and name in fires and fires[name].episode == told.episode
        ]
    return list(look.groups.all.values())


def tell_all_over(look: Look, groups: list[Group]) -> list[Group]:
    """The receiver was told of something, and all of it is over."""
    for group in groups:
        over = group.over()
        if over and not group.still():
            if look.route_of(group).send_resolved:
                look.tell(group, Kind.RESOLVED, Why.ALL_RESOLVED, [], look.is_over(group))
            else:
                _unwanted(look, group)
            group.note_over(over, look.now)
    return groups


def tell_first(look: Look, groups: list[Group]) -> list[Group]:
    """A group of which the receiver knows nothing yet."""
    for group in groups:
        if group.is_open:
            continue
        new = group.new()
        if not new:
            group.told_at = group.told_at or group.opened_at
            continue
        if group.told_at is not None or group.stored is None:
            group.begin(look.now)
        route = look.route_of(group)
        group.next_at = group.opened_at + first_wait(route, frozenset(alert.severity for alert in new))
        if look.now < group.next_at:
            look.withhold_all(new, Withheld.GROUP_WAIT, group)
            continue
        look.tell(group, Kind.FIRING, _why(look, new, Why.FIRST), new)
        group.note_told(new, look.now, route.group_interval)
    return [group for group in groups if group.is_open]


def tell_news(look: Look, groups: list[Group]) -> list[Group]:
    """New alerts, and ended ones while others go on. A critical one among such as are not does not wait."""
    for group in groups:
        if group.told_at == look.now:
            continue
        new, over = group.new(), group.over()
        if over and not look.route_of(group).send_resolved:
            _unwanted(look, group)
            group.note_over(over, look.now)
            over = {}
        if not new and not over:
            continue
        worse = any(_is_critical(alert) for alert in new) and not any(_is_critical(alert) for alert, _ in group.goes_on())
        if look.now < group.next_at and not worse:
            look.withhold_all(new, Withheld.GROUP_WAIT, group)
            continue
        _tell_whole(look, group, _why(look, new, Why.NEW_IN_GROUP) if new else Why.SOME_RESOLVED)
    return groups


def tell_unacknowledged(look: Look, groups: list[Group]) -> list[Group]:
    """Whose acknowledgement ran out or was withdrawn fires on, and nobody has it. PagerDuty is told of those made here."""
    for group in groups:
        still = group.still()
        ran_out = [alert for alert in still if _known_taken(group, alert) and alert.episode not in look.taken]
        taken = [alert for alert in still if not _known_taken(group, alert) and alert.episode in look.taken]
        for alert in (*ran_out, *taken):
            told = group.told[name_of(alert)]
            group.told[name_of(alert)] = replace(told, acknowledged=alert.episode in look.taken, since=look.now, paused=None)
        here = any(look.taken[alert.episode].source != "pagerduty" for alert in taken)
        if here and all(_known_taken(group, alert) for alert in still):
            look.tell(group, Kind.ACKNOWLEDGED, Why.BY_HAND, still, only="pagerduty")
        mine = {alert.key for alert in group.firing} if ran_out else set()
        if any(alert.key in mine for alert in ran_out):
            group.escalated = 0
            if group.told_at != look.now:
                _tell_whole(look, group, Why.NOT_ACKNOWLEDGED)
    return groups


def tell_again(look: Look, groups: list[Group]) -> list[Group]:
    """What goes on, after repeat_interval. One that falls due while it is withheld is left out, not made up for afterwards."""
    for group in groups:
        every = look.route_of(group).repeat_interval
        for alert in group.held:
            told = group.told_of(alert)
            if told is not None and look.now - told.at >= every:
                group.told[name_of(alert)] = replace(told, at=told.at + (look.now - told.at) // every * every)
        goes_on = group.goes_on()
        if any(look.now - told.at >= every for _, told in goes_on):
            _tell_whole(look, group, Why.REPEAT_DUE)
        elif group.told_at != look.now:
            # The notice itself is why there is no other; what was withheld since, and may be told of again, wants a word.
            back = [alert for alert, told in goes_on if told.paused is not None]
            look.withhold_all(back, Withheld.REPEAT_NOT_DUE, group)
    return groups


def tell_further(look: Look, groups: list[Group]) -> list[Group]:
    """The next receiver of a route whose own one did not acknowledge. Groups that had news this time too."""
    for group in list(look.groups.all.values()):
        if group.is_open:
            escalate(look, group)
    return groups


def _tell_whole(look: Look, group: Group, why: Why) -> None:
    """Tell of everything in a told group: what goes on, what is new, what is over."""
    route, firing = look.route_of(group), [*group.still(), *group.new()]
    look.tell(group, Kind.FIRING, why, firing, look.is_over(group) if route.send_resolved else [])
    group.note_over(group.over(), look.now)
    group.note_told(firing, look.now, route.group_interval)


def _is_critical(alert: Alert) -> bool:
    return alert.severity is Severity.CRITICAL


def _known_taken(group: Group, alert: Alert) -> bool:
    told = group.told_of(alert)
    return told is not None and told.acknowledged


def _why(look: Look, new: Sequence[Alert], otherwise: Why) -> Why:
    """Why alerts are told of that were not told before."""
    before = WithheldBook(look.connection).newest(Line(alert, Withheld.SILENCED) for alert in new)
    silenced = {Withheld.SILENCED.value, Withheld.MAINTENANCE.value}
    if all(before.get(Line(alert, Withheld.SILENCED).key) in silenced for alert in new):
        return Why.SILENCE_OVER
    if all(alert.unknown_since is not None or tells_no_data(alert) for alert in new):
        return Why.NO_DATA
    return otherwise


def _unwanted(look: Look, group: Group) -> None:
    ended = [
        alert
        for name, told in group.over().items()
        if (alert := look.named.get(name)) is not None and alert.episode == told.episode
    ]
    look.withhold_all(ended, Withheld.RESOLVED_NOT_WANTED, group)
