"""Conditions that hold when nothing comes in: no samples of a series, or no AI usage of a platform."""

from __future__ import annotations

import numpy as np

from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Told, untold
from analytics.conditions_series import Desk, plan_of
from analytics.conditions_sources import Reasons, Sources
from analytics.conditions_tape import NEVER, Ints, instant_of, micros, span_us
from analytics.conditions_view import REMEMBERED, Scene
from analytics.conditions_words import labels_text
from analytics.wording import span_text
from roomleft.findings import Unknown, fingerprint
from roomleft.rules import Rule
from roomleft.rules_when import AbsentIs

USAGE = "usage"
"""What `absent: usage` speaks of: the platform's AI usage, no series."""


def absent_board(leaf: AbsentIs, rule: Rule, desk: Desk, reasons: Reasons) -> Board:
    """Whether samples of a series stay away, at each instant. A label set is forgotten a day after its last reading (or the marker of its end), but not while its alert
    is on: an alert must not be over because it has lasted."""
    plan, n = plan_of(desk.scene.view.remembered, leaf, rule.platform), len(desk.instants)
    if not len(plan.places):
        return untold(Unknown.NO_DATA, f"no series {leaf.absent} has been seen", n)
    local = np.searchsorted(desk.places, plan.places)
    observed = np.append(desk.tape.observed, NEVER)[desk.newest()[local]]
    newest = np.full((len(plan.labels), n), NEVER, dtype=np.int64)
    np.maximum.at(newest, plan.group, observed)
    stands = np.zeros_like(newest)
    np.maximum.at(stands, plan.group, desk.stands()[local])
    holds = _truth(newest + stands, desk.instants.at, leaf, desk.scene.slack_us)
    forgotten = newest <= desk.instants.at - span_us(REMEMBERED) - desk.scene.slack_us
    if leaf.by:
        holds[forgotten] = ABSENT
        _stay(holds, newest, forgotten, rule, plan.labels, desk.scene)
    lost = _nobody_looked(desk, local, plan.group, len(plan.labels))
    holds[lost & (holds == HOLDS)] = UNTOLD

    def tell(g: int, i: int) -> Told:
        subject = " of ".join(part for part in (leaf.absent, labels_text({**leaf.labels, **plan.labels[g]})) if part)
        facts = {"subject": labels_text(plan.labels[g]) or leaf.absent, "series": leaf.absent}
        row = desk.rows[local[np.flatnonzero(plan.group == g)[0]]]
        at = int(desk.instants.at[i])
        why = reasons.of(row.platform, desk.sources.source_of(row), at, int(desk.instants.read_to[i]))
        return _told(leaf, subject, int(newest[g, i]), at, int(holds[g, i]), facts, why)

    return Board(plan.labels, holds, holds.copy(), tell)


def usage_board(leaf: AbsentIs, rule: Rule, scene: Scene, offset_us: int, sources: Sources, reasons: Reasons) -> Board:
    """Whether a platform's AI usage stays away, at each instant."""
    instants = scene.instants.before(offset_us)
    pack = scene.view.packs.get(rule.platform)
    table = scene.query(
        "alert_usage_newest" if len(instants) == 1 else "alert_usage",
        platform=rule.platform,
        since=instant_of(int(instants.at[0])) - REMEMBERED - scene.view.slack,
        until=instant_of(int(instants.at[-1])),
        read_to=instant_of(int(instants.read_to[-1])),
    )
    observed, arrived = micros(table["occurred_at"]), micros(table["ingested_at"])
    newest = np.full((1, len(instants)), NEVER, dtype=np.int64)
    shown = instants.shown(observed, arrived)
    seen = (shown < len(instants)) & (observed != NEVER)
    np.maximum.at(newest[0], shown[seen], observed[seen])
    np.maximum.accumulate(newest, axis=1, out=newest)
    newest[newest <= instants.at - span_us(REMEMBERED) - scene.slack_us] = NEVER
    holds = _truth(newest, instants.at, leaf, scene.slack_us)
    source = pack.source_name if pack is not None else rule.platform
    if sources.is_known(source):
        holds[(holds == HOLDS) & sources.nobody_looked(source)] = UNTOLD

    def tell(g: int, i: int) -> Told:
        at = int(instants.at[i])
        why = reasons.of(rule.platform, source, at, int(instants.read_to[i]))
        return _told(leaf, "AI usage", int(newest[g, i]), at, int(holds[g, i]), {"subject": "AI usage"}, why)

    return Board(({},), holds, holds.copy(), tell)


def _truth(newest: Ints, at: Ints, leaf: AbsentIs, slack_us: int) -> np.ndarray:
    return np.where(at - newest > span_us(leaf.for_longer_than) + slack_us, HOLDS, NOT).astype(np.int8)


def _stay(holds: np.ndarray, newest: Ints, forgotten: np.ndarray, rule: Rule, labels: object, scene: Scene) -> None:
    """Forgotten label sets whose alert is on, or was on at the instant before, still hold."""
    assert isinstance(labels, list), "a plan's labels"
    for g in np.flatnonzero(forgotten.any(axis=1)).tolist():
        own = {name: value for name, value in labels[g].items() if name not in rule.labels}
        on = scene.keep is not None and (rule.rule_id, fingerprint(own)) in scene.keep
        for i in np.flatnonzero(forgotten[g]).tolist():
            before = bool(holds[g, i - 1] == HOLDS) if i else on
            if before:
                holds[g, i] = HOLDS


def _nobody_looked(desk: Desk, local: Ints, group: Ints, count: int) -> np.ndarray:
    lost = np.zeros((count, len(desk.instants)), dtype=bool)
    of: dict[str, np.ndarray] = {}
    for n, place in enumerate(local.tolist()):
        source = desk.sources.source_of(desk.rows[place])
        if source not in of:
            known = desk.sources.is_known(source)
            of[source] = desk.sources.nobody_looked(source) if known else np.zeros(len(desk.instants), dtype=bool)
        lost[group[n]] |= of[source]
    return lost


def _told(
    leaf: AbsentIs, subject: str, newest: int, at: int, truth: int, facts: dict[str, str], why: tuple[Unknown, str] | None
) -> Told:
    ago = f"for {span_text(instant_of(at) - instant_of(newest))}" if newest > NEVER else "in the last day"
    seen = instant_of(newest) if newest > NEVER else None
    value = (at - newest) / 1e6 if newest > NEVER else None
    line = leaf.for_longer_than.total_seconds()
    if truth == NOT:
        return Told(f"{subject} came in {ago.removeprefix('for ')} ago", value, line, "seconds", seen, facts)
    text = f"no {subject} came in {ago}" + (f"; {why[1]}" if why else "")
    if truth == UNTOLD:
        return Told(text, value, line, "seconds", seen, facts, Unknown.OFFLINE)
    return Told(text, value, line, "seconds", seen, facts)
