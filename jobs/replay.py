"""Replay: what alert rules would have done over stored history, by the engine that runs live.

Where rules were evaluated live, the replay goes through those very evaluations, each with the data that had arrived by then, and comes to the same
transitions at the same instants. Before that, history is gone through step by step as of its observed time, as if it had been there at once: it was
back-filled or rolled up, and nobody knows any more when it came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from alerts.alert import Alert, Beat, Event
from alerts.replay import Stretch, Turns, replay
from alerts.verdict import Incident, Verdict, not_replayed, verdict_of
from roomleft.errors import InputError
from roomleft.findings import Looked
from roomleft.rules import Rules
from roomleft.rules_when import OwnIs, leaves
from warehouse.store import Store

DEFAULT_STEP = timedelta(minutes=5)
MOST_INSTANTS = 60_000
"""More evaluations than this are thinned to one a step: a year of evaluations every 15 s says no more than one every five minutes."""
EXACT_AT_MOST = 20_000
JOINED = timedelta(minutes=5)
"""Failures of a component that are so close to one another are one incident."""
OWN_HISTORY = "Roomleft's own metrics keep no history"
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class _Later:
    rule_id: str
    first: int
    last: int
    looked: Looked


class Stretches(Protocol):
    """What was found of rules at instants (at, read_to), run-length encoded: each rule's stretches in time order."""

    def __call__(self, rules: Rules, instants: Sequence[tuple[datetime, datetime]]) -> Iterable[Stretch]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """The evaluations of a replay. `live`: how many are recorded ones; `thinned`: one a step of them. `fresh`: the first recorded one of all."""

    turns: Turns
    instants: Sequence[tuple[datetime, datetime]]
    live: int
    thinned: bool
    begins: int
    """The first evaluation that counts; those before it warm up what takes its time."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found. `events` by rule; `changed` are the verdicts on changed rules, by rule."""

    since: datetime
    until: datetime
    verdicts: tuple[Verdict, ...]
    changed: Mapping[str, Verdict]
    events: Mapping[str, Sequence[Event]]
    incidents: tuple[Incident, ...]
    evaluations: int
    live: int
    words: str
    took_s: float


def span_of(
    store: Store,
    since: datetime,
    until: datetime,
    step: timedelta,
    now: datetime,
    *,
    every: timedelta,
    slack: timedelta = timedelta(0),
    warm_up: timedelta = timedelta(0),
) -> Span:
    """The evaluations to go through for [since, until), and so long before it. Raises InputError for an empty or endless span, StoreError."""
    until = min(until, now)
    if since >= until:
        raise InputError("the replay's span is empty", "--from, --to", "--to is not included, and cannot be after now")
    if step < timedelta(seconds=1) or (until - since) / step > MOST_INSTANTS:
        raise InputError(
            f"a step of {step} is too fine for this span", "--step", f"at most {MOST_INSTANTS:,} steps: take a longer step"
        )
    begin = since - warm_up
    rows = store.select(
        "SELECT evaluated_at, read_to FROM evaluations WHERE evaluated_at < $until AND rules > 0 ORDER BY evaluated_at",
        {"until": until},
    ).to_pylist()
    first_live = rows[0]["evaluated_at"] if rows else until
    recorded = [(row["evaluated_at"], row["read_to"]) for row in rows if row["evaluated_at"] >= begin]
    before_live = next((row["evaluated_at"] for row in reversed(rows) if row["evaluated_at"] < begin), None)
    thinned = len(recorded) > EXACT_AT_MOST
    if thinned:
        recorded = _thinned(recorded, step)
    grid: list[tuple[datetime, datetime]] = []
    at = begin
    while at < min(first_live, until):
        grid.append((at, now))
        at += step
    beats = [Beat(at, before, step, slack) for before, (at, _) in zip([None, *(at for at, _ in grid)], grid, strict=False)]
    lived = [before_live if not grid else None, *(at for at, _ in recorded)]
    pace = step if thinned else every
    beats += [Beat(at, before, pace, slack) for before, at in pairwise(lived) if at is not None]
    instants = [*grid, *recorded]
    fresh = len(grid) if grid and recorded else None
    begins = next((i for i, (at, _) in enumerate(instants) if at >= since), len(instants))
    return Span(Turns(beats, fresh), instants, len(recorded), thinned, begins)


def _thinned(recorded: Sequence[tuple[datetime, datetime]], step: timedelta) -> list[tuple[datetime, datetime]]:
    kept: list[tuple[datetime, datetime]] = []
    slot = None
    for each in recorded:
        if (now := int(each[0].timestamp() // step.total_seconds())) != slot:
            kept.append(each)
            slot = now
    return kept


def warm_up_of(rules: Rules) -> timedelta:
    """How long before a span its rules must be followed so that what waits or lingers at its beginning is known."""
    longest = max((rule.hold + rule.keep_firing_for for rule in rules.values()), default=timedelta(0))
    return longest + timedelta(minutes=5)


def replayed(
    rules: Rules,
    span: Span,
    stretches: Stretches,
    seed: Iterable[Alert] = (),
    stood: Iterable[Alert] | None = None,
    progress: Progress = lambda done, words: None,
) -> dict[str, list[Event]]:
    """What happened by rule, warming up included. `seed`: the alerts as they stood before the first evaluation, `stood` before the first that counts."""
    before, known = _by_rule(seed), _by_rule(stood or ())
    found: dict[str, list[Stretch]] = {rule_id: [] for rule_id in rules}
    # Of what arrived when, history from before live evaluation knows nothing, and reads everything: the two are looked at apart.
    live_from = span.turns.fresh or 0
    for begin, end in ((0, live_from), (live_from, len(span.instants))):
        if begin < end:
            for part in stretches(rules, span.instants[begin:end]):
                found[part.rule_id].append(_Later(part.rule_id, part.first + begin, part.last + begin, part.looked))
    events: dict[str, list[Event]] = {}
    for done, (rule_id, rule) in enumerate(rules.items()):
        stands = (span.begins, known.get(rule_id, ())) if stood is not None else None
        events[rule_id] = replay(rule, found[rule_id], span.turns, before.get(rule_id, ()), stands)
        progress((done + 1) / len(rules), rule_id)
        time.sleep(0)  # pages are served by the same interpreter
    return events


def _by_rule(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.rule_id, []).append(alert)
    return found


def incidents_of(store: Store, since: datetime, until: datetime) -> list[Incident]:
    """What is known to have been broken: failing health checks of components, joined, and releases that were rolled back. Raises StoreError."""
    found: list[Incident] = []
    for row in store.rows("replay_failures", since=since, until=until):
        last = found[-1] if found else None
        if (
            last
            and (last.platform, last.component) == (row["platform"], row["component"])
            and row["started"] <= last.ended + JOINED
        ):
            found[-1] = Incident(last.platform, last.component, last.started, max(last.ended, row["ended"]), last.source)
        else:
            found.append(Incident(row["platform"], row["component"], row["started"], row["ended"], "failing health checks"))
    for row in store.rows("replay_rollbacks", since=since, until=until):
        if row["started"] is not None and row["ended"] - row["started"] < timedelta(days=1):
            found.append(Incident(row["platform"], row["component"], row["started"], row["ended"], "a release rolled back"))
    return found


def run_replay(
    store: Store,
    rules: Rules,
    stretches: Stretches,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    step: timedelta = DEFAULT_STEP,
    every: timedelta,
    slack: timedelta = timedelta(0),
    changed: Rules | None = None,
    seed: Callable[[datetime], Iterable[Alert]] = lambda at: (),
    progress: Progress = lambda done, words: None,
) -> Replayed:
    """The verdict on every rule over [since, until), as it is and, where given, as `changed`. `seed` tells how alerts stood before an instant that was
    evaluated live. Raises InputError for an empty span, StoreError."""
    began = time.perf_counter()
    both = [rules, changed or {}]
    mine = [
        {key: rule for key, rule in each.items() if not any(isinstance(leaf, OwnIs) for leaf in leaves(rule.when))}
        for each in both
    ]
    warm_up = max(warm_up_of(each) for each in mine)
    span = span_of(store, since, until, step, now, every=every, slack=slack, warm_up=warm_up)
    until = min(until, now)
    if not span.instants:
        raise InputError("there is nothing to replay", "--from, --to", "no evaluation was recorded and no step lies in the span")
    progress(0.0, f"{len(span.instants):,} evaluations")
    begun = tuple(seed(span.instants[0][0])) if span.turns.beats[0].before is not None else ()
    # How alerts stood is known where the span begins amid live evaluation.
    amid = (
        span.live
        and (span.turns.fresh or 0) <= span.begins < len(span.instants)
        and span.turns.beats[span.begins].before is not None
    )
    stood = tuple(seed(span.instants[span.begins][0])) if amid else None
    parts = 2 if mine[1] else 1
    whole = replayed(mine[0], span, stretches, begun, stood, lambda done, words: progress(done / parts, words))
    after = replayed(mine[1], span, stretches, (), None, lambda done, words: progress((1 + done) / 2, words)) if mine[1] else {}
    incidents = incidents_of(store, since, until)

    def judged(kind: Rules, events: Mapping[str, Sequence[Event]]) -> list[Verdict]:
        return [
            verdict_of(rule, events[key], since, until, incidents) if key in events else not_replayed(rule, OWN_HISTORY)
            for key, rule in kind.items()
        ]

    # What fired before the span is no firing of it.
    events = {key: [event for event in each if event.at >= since] for key, each in whole.items()}
    return Replayed(
        since, until, tuple(judged(rules, whole)), {each.rule: each for each in judged(changed or {}, after)}, events,
        tuple(incidents), len(span.instants), span.live, _words(span, step), time.perf_counter() - began,
    )  # fmt: skip


def _words(span: Span, step: timedelta) -> str:
    grid = len(span.instants) - span.live
    parts = []
    if span.live:
        kind = (
            "recorded evaluations, one a step of all"
            if span.thinned
            else "recorded evaluations, each with what had arrived by then"
        )
        parts.append(f"{span.live:,} {kind}")
    if grid:
        minutes = step / timedelta(minutes=1)
        parts.append(f"{grid:,} steps of {minutes:g} min through history as of its observed time, as nobody evaluated it live")
    return "; ".join(parts)
