"""A small world of readings that come late, stop and end, rules over it, and what is found of them: live, and over many instants for a replay."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from alerts.replay import Stretch
from roomleft.findings import Finding, Looked, Unknown
from roomleft.rules import Rule, Rules

STALE = timedelta(seconds=60)


@dataclass(frozen=True)
class Reading:
    """A value of a label set. None: the series ended."""

    of: str
    observed_at: datetime
    arrived_at: datetime
    value: float | None


@dataclass(frozen=True)
class Run:
    """Evaluations over which the same was found."""

    rule_id: str
    first: int
    last: int
    looked: Looked


@dataclass
class World:
    """Readings in the order they were observed."""

    readings: list[Reading] = field(default_factory=list)

    @cached_property
    def by_set(self) -> dict[str, tuple[list[datetime], list[Reading]]]:
        found: dict[str, tuple[list[datetime], list[Reading]]] = {}
        for reading in self.readings:
            times, readings = found.setdefault(reading.of, ([], []))
            times.append(reading.observed_at)
            readings.append(reading)
        return found

    def look(self, rules: Rules, at: datetime, read_to: datetime, active: object = ()) -> Mapping[str, Looked]:
        """What had arrived by `read_to` says at `at`: above 100 holds, above 80 goes on holding."""
        newest: dict[str, Reading] = {}
        for of, (times, readings) in self.by_set.items():
            for place in range(bisect_right(times, at) - 1, -1, -1):
                if readings[place].arrived_at <= read_to:
                    newest[of] = readings[place]
                    break
        findings = []
        for of, reading in sorted(newest.items()):
            if reading.value is None:
                continue
            stale = at - reading.observed_at > STALE
            holds, still = (None, None) if stale else (reading.value > 100, reading.value > 80)
            findings.append(Finding({"of": of}, holds, still, reading.value, 100.0, "ms", "stale" if stale else "read"))
        nothing = not findings or all(each.holds is None for each in findings)
        looked = Looked((), Unknown.NO_DATA, "nothing is fresh") if nothing else Looked(tuple(findings))
        return dict.fromkeys(rules, looked)

    def stretches(self, rules: Rules, instants: Sequence[tuple[datetime, datetime]]) -> Iterator[Stretch]:
        """Each rule's findings over instants, where their truth changes."""
        seen = [self.look(rules, at, read_to) for at, read_to in instants]
        for rule_id in rules:
            run: Run | None = None
            for i, found in enumerate(seen):
                looked = found[rule_id]
                if run is not None and _truth(run.looked) == _truth(looked):
                    run = Run(rule_id, run.first, i, run.looked)
                    continue
                if run is not None:
                    yield run
                run = Run(rule_id, i, i, looked)
            if run is not None:
                yield run


def _truth(looked: Looked) -> object:
    return looked.unknown, tuple((tuple(each.labels.items()), each.holds, each.still) for each in looked.findings)


def wild(chance: random.Random, begin: datetime, span: timedelta, sets: Sequence[str] = ("a", "b", "c")) -> World:
    """Readings every 10 s of values that rise and fall; some come late, for a while none come, series end and begin again."""
    readings: list[Reading] = []
    for of in sets:
        at, value, silent_until, ended = begin, 60.0, begin, False
        while at < begin + span:
            at += timedelta(seconds=10)
            value = min(max(value + chance.uniform(-25, 25), 0), 200)
            if at < silent_until:
                continue
            luck = chance.random()
            if luck < 0.01:
                silent_until = at + timedelta(seconds=chance.choice([30, 120, 600]))
            elif luck < 0.015 and not ended:
                readings.append(Reading(of, at, at + timedelta(seconds=1), None))
                ended, silent_until = True, at + timedelta(seconds=chance.choice([60, 900]))
                continue
            late = chance.choice([0.2, 0.2, 0.2, 1, 5, 20, 45, 200])
            readings.append(Reading(of, at, at + timedelta(seconds=late), value))
            ended = False
    return World(sorted(readings, key=lambda each: each.observed_at))


def several(rule: Rule, **changes: Mapping[str, object]) -> dict[str, Rule]:
    """Rules like one, by name, with something else about each."""
    found = {}
    for alert, given in changes.items():
        made = replace(rule, alert=alert, rule_id=f"{rule.platform}.{alert}", **given)  # type: ignore[arg-type]
        found[made.rule_id] = made
    return found
