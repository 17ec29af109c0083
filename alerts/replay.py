"""The lifecycle over stored history: the same steps as live, taken only where something changes or a timer is due. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from alerts.alert import LIVE, Alert, Beat, Event
from alerts.evaluation import rule_steps
from roomleft.findings import AlertState, Looked
from roomleft.rules import Rule


class Stretch(Protocol):
    """What was found of a rule over evaluations `first` to `last`, both among them: the truth of each finding is the same in all."""

    @property
    def rule_id(self) -> str: ...

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    @property
    def looked(self) -> Looked: ...


@dataclass(slots=True)
class Turns:
    """The evaluations to go through, in time order; `fresh`: where nothing is known of before, because live evaluation began there."""

    beats: Sequence[Beat]
    fresh: int | None = None
    _ats: list[datetime] = field(init=False)
    _due: dict[timedelta | None, Sequence[int]] = field(init=False, default_factory=dict)
    _gaps: dict[timedelta | None, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ats = [beat.at for beat in self.beats]

    def due(self, interval: timedelta | None) -> Sequence[int]:
        """The evaluations in which a rule with this interval has its turn."""
        if interval not in self._due:
            every = range(len(self.beats))
            self._due[interval] = every if interval is None else [i for i in every if self.beats[i].is_due(interval)]
        return self._due[interval]

    def gaps(self, interval: timedelta | None) -> list[int]:
        """The evaluations that come after a gap, for such a rule."""
        if interval not in self._gaps:
            self._gaps[interval] = [i for i, beat in enumerate(self.beats) if beat.is_gap(interval)]
        return self._gaps[interval]

    def at_or_after(self, at: datetime) -> int:
        """The first evaluation at an instant or after it."""
        return bisect_left(self._ats, at)


def replay(
    rule: Rule,
    stretches: Iterable[Stretch],
    turns: Turns,
    seed: Iterable[Alert] = (),
    stood: tuple[int, Iterable[Alert]] | None = None,
) -> list[Event]:
    """What happened to every alert of a rule. `stretches` are the rule's in time order; `seed` the alerts as they stood before the first turn.
    `stood`: how they are known to have stood before a later turn; those before it have then only told what timers had run."""
    mine = {alert.fingerprint: alert for alert in seed}
    events: list[Event] = []
    due = turns.due(rule.interval)
    cuts: dict[int, Callable[[dict[str, Alert]], dict[str, Alert]]] = {}
    if turns.fresh is not None:
        cuts[turns.fresh] = lambda mine: {}
    if stood is not None:
        known = {alert.fingerprint: alert for alert in stood[1]}
        cuts[stood[0]] = lambda mine: {key: _with_timers(alert, mine.get(key)) for key, alert in known.items()}
    waiting = sorted(cuts)
    for stretch in stretches:
        first = stretch.first
        while waiting and waiting[0] <= stretch.last:
            cut = waiting.pop(0)
            mine = _through(rule, stretch.looked, first, cut - 1, due, turns, mine, events)
            mine, first = cuts[cut](mine), max(first, cut)
        mine = _through(rule, stretch.looked, first, stretch.last, due, turns, mine, events)
    return events


def _with_timers(known: Alert, followed: Alert | None) -> Alert:
    """An alert as it is known to have stood, with the timers of the one that was followed for a while and stands alike."""
    if followed is None or followed.state is not known.state:
        return known
    held = followed.held_since if followed.episode == known.episode else known.held_since
    return replace(known, held_since=held, cleared_since=followed.cleared_since)


def _through(
    rule: Rule,
    looked: Looked,
    first: int,
    last: int,
    due: Sequence[int],
    turns: Turns,
    mine: dict[str, Alert],
    events: list[Event],
) -> dict[str, Alert]:
    place = bisect_left(due, first)
    while place < len(due) and due[place] <= last:
        i = due[place]
        beat = turns.beats[i]
        after: dict[str, Alert] = {}
        for _, (alert, happened) in rule_steps(rule, looked, mine, beat):
            events.extend(happened)
            if alert is not None and alert.state is not AlertState.INACTIVE:
                after[alert.fingerprint] = alert
        mine = after
        place = bisect_left(due, _next(rule, looked, i, turns, mine), lo=place + 1)
    return mine


def _next(rule: Rule, looked: Looked, i: int, turns: Turns, mine: Mapping[str, Alert]) -> int:
    """The next evaluation at which a step can change something although the data says the same."""
    soonest = len(turns.beats)
    runs = False
    for alert in mine.values():
        if alert.unknown_since is not None or alert.state not in LIVE:
            continue
        if alert.state is AlertState.PENDING and alert.held_since is not None:
            until = alert.held_since + rule.hold
        elif alert.cleared_since is not None:
            until = alert.cleared_since + rule.keep_firing_for
        else:
            continue
        runs = True
        soonest = min(soonest, max(turns.at_or_after(until), i + 1))
    if not runs:
        return soonest
    if rule.on_no_data == "keep" and (looked.unknown is not None or any(each.holds is None for each in looked.findings)):
        return i + 1
    gaps = turns.gaps(rule.interval)
    gap = bisect_left(gaps, i + 1)
    return min(soonest, gaps[gap]) if gap < len(gaps) else soonest
